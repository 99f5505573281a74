/* SPDX-License-Identifier: MIT */
/*
 * server.c - attacked-server: the service of echo.proto, with all limits as weir has them by
 * default, or shorter timers, so that a test sees their end.
 *
 *     attacked-server [--certificate FILE --key FILE] [--first-words-ms N] [--max-connections N]
 *                     [--memory-limit BYTES]
 *
 * It prints "listening on ADDRESS", and a second address that speaks TLS, where it has one.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo.weir.h"

/* What Down sends lies here for all calls. */
static uint8_t filler[1 << 20];

/* ---- one in, one out; each back ---- */

static weir_code unary(void *self, weir_call *call, const Bench__Req *request, Bench__Rep *response,
                       weir_status *why)
{
    (void)self, (void)call, (void)why;
    response->data = request->data;
    return WEIR_OK;
}

static weir_code echo(void *self, weir_arena *arena, const Bench__Req *request,
                      Bench__Rep *response, weir_status *why)
{
    (void)self, (void)arena, (void)why;
    response->data = request->data;
    return WEIR_OK;
}

static Bench__Echo__Chat_Responses chat(void *self, weir_call *call,
                                        Bench__Echo__Chat_Requests requests)
{
    (void)self, (void)call;
    return bench__echo__chat__map(requests, echo, NULL, NULL);
}

/* ---- one in, many out ---- */

struct down {
    int32_t left;
    size_t size;
};

static weir_poll next_message(void *state, weir_task *task, weir_arena *arena, Bench__Rep *out,
                              weir_status *why)
{
    struct down *down = state;

    (void)task, (void)arena, (void)why;
    if (down->left == 0)
        return WEIR_END;
    down->left--;
    out->data = (ProtobufCBinaryData){down->size, filler};
    return WEIR_READY;
}

static Bench__Echo__Down_Responses down(void *self, weir_call *call, const Bench__Req *request)
{
    Bench__Echo__Down_Responses responses;
    struct down *down;

    (void)self, (void)call;
    if (request->count < 0 || request->size < 0 || (size_t)request->size > sizeof filler)
        return (Bench__Echo__Down_Responses){
            weir_stream_fail(WEIR_INVALID_ARGUMENT, "count or size is out of range")};
    down = calloc(1, sizeof *down);
    if (down != NULL)
        *down = (struct down){request->count, (size_t)request->size};
    responses = bench__echo__down__responses_from(next_message, down, free);
    if (request->interval_ms > 0)
        responses.stream =
            weir_stream_throttle(responses.stream, WEIR_MILLISECONDS(request->interval_ms));
    return responses;
}

/* ---- many in, one out ---- */

static weir_code say_total(weir_arena *arena, uint64_t total, Bench__Rep *response)
{
    char *text = weir_arena_format(arena, "%" PRIu64, total);

    if (text == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    response->data = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    return WEIR_OK;
}

static weir_code add(void *state, const Bench__Req *request, weir_status *why)
{
    uint64_t *total = state;

    (void)why;
    *total += request->data.len;
    return WEIR_OK;
}

static weir_code finish(void *state, weir_arena *arena, Bench__Rep *response, weir_status *why)
{
    (void)why;
    return say_total(arena, *(uint64_t *)state, response);
}

static Bench__Echo__Up_Responses up(void *self, weir_call *call, Bench__Echo__Up_Requests requests)
{
    const Bench__Echo__Up_Fold fold = {add, finish, free, calloc(1, sizeof(uint64_t))};

    (void)self, (void)call;
    return bench__echo__up__fold(requests, &fold);
}

static weir_code block(void *self, weir_call *call, Bench__Echo__Block_Io *io, Bench__Rep *response,
                       weir_status *why)
{
    const Bench__Req *request;
    uint64_t total = 0;
    weir_poll poll;

    (void)self;
    while ((poll = bench__echo__block__read_request(io, &request, why)) == WEIR_READY)
        total += request->data.len;
    if (poll == WEIR_ERROR)
        return why->code;
    return say_total(weir_call_arena(call), total, response);
}

/* ---- the server ---- */

static weir_code handle_all(weir_server *server, weir_status *why)
{
    if (bench__echo__unary__handle(server, unary, NULL, why) ||
        bench__echo__down__handle_stream(server, down, NULL, why) ||
        bench__echo__up__handle_stream(server, up, NULL, why) ||
        bench__echo__chat__handle_stream(server, chat, NULL, why) ||
        bench__echo__block__handle(server, block, NULL, why))
        return why->code;
    return WEIR_OK;
}

static weir_code listen_tls(weir_server *server, const weir_tls_options *options, uint16_t *port,
                            weir_status *why)
{
    weir_tls *tls;

    if (weir_tls_create(options, &tls, why) == WEIR_OK) {
        (void)!weir_server_listen_tls(server, "127.0.0.1:0", tls, port, why);
        weir_tls_unref(tls);
    }
    return why->code;
}

static weir_code serve(weir_server *server, const weir_tls_options *tls, const sigset_t *signals,
                       weir_status *why)
{
    uint16_t port, tls_port = 0;
    int signal;

    if (handle_all(server, why) || weir_server_listen(server, "127.0.0.1:0", &port, why) ||
        (tls->key_file != NULL && listen_tls(server, tls, &tls_port, why)) ||
        weir_server_start(server, why))
        return why->code;
    printf("listening on 127.0.0.1:%u", port);
    if (tls_port != 0)
        printf(" 127.0.0.1:%u", tls_port);
    printf("\n");
    fflush(stdout);
    sigwait(signals, &signal);
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    return WEIR_OK;
}

static bool take_option(const char *name, const char *value, weir_server_options *options,
                        weir_tls_options *tls)
{
    if (strcmp(name, "--certificate") == 0)
        tls->certificate_file = value;
    else if (strcmp(name, "--key") == 0)
        tls->key_file = value;
    else if (strcmp(name, "--first-words-ms") == 0)
        options->handshake_timeout_ns = options->header_timeout_ns = tls->handshake_timeout_ns =
            WEIR_MILLISECONDS((uint64_t)atoi(value));
    else if (strcmp(name, "--max-connections") == 0)
        options->max_connections = (size_t)atoi(value);
    else if (strcmp(name, "--memory-limit") == 0)
        options->memory_limit = strtoull(value, NULL, 10);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    weir_server_options options = {0};
    weir_tls_options tls = {0};
    weir_server *server = NULL;
    weir_status why = {0};
    sigset_t signals;
    int failed;

    /* Before there are threads, so that all of them leave the signals to this one. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    memset(filler, 'x', sizeof filler);
    for (int i = 1; i + 1 < argc; i += 2)
        if (!take_option(argv[i], argv[i + 1], &options, &tls))
            return 2;

    if (weir_server_create(&options, &server, &why) != WEIR_OK ||
        serve(server, &tls, &signals, &why) != WEIR_OK)
        fprintf(stderr, "attacked-server: %.*s\n", (int)why.message.size,
                (const char *)why.message.data);
    if (server != NULL)
        weir_server_free(server);
    failed = why.code != WEIR_OK;
    weir_status_clear(&why);
    return failed;
}
