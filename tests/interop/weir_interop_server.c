/* SPDX-License-Identifier: MIT */
/*
 * weir_interop_server.c - grpc.testing.TestService, which other implementations' clients test.
 *
 *     weir-interop-server [--host H] --port P
 *
 * Says "listening on H:P" on stdout; port 0 is any free one. It ends with SIGTERM and then frees
 * all it has, for the leak checker.
 *
 * A response's body is zeros, and all bodies are slices of the same zeros: none is ever made.
 */
#include "grpc/testing/test.weir.h"

#include <weir/weir.h>

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_INITIAL "x-grpc-test-echo-initial"
#define ECHO_TRAILING "x-grpc-test-echo-trailing-bin"
#define MAX_WANTED (1 << 20) /* responses that wait to be sent, of one call */

static uint8_t zeros[16 << 20];

/* ---- what all methods do ---- */

static weir_code echo_metadata(weir_call *call)
{
    const weir_metadata *sent = weir_call_request_metadata(call);
    weir_code code = WEIR_OK;
    weir_slice value;

    if (weir_metadata_get(sent, ECHO_INITIAL, 0, &value))
        code = weir_call_add_metadata(call, ECHO_INITIAL, value.data, value.size);
    if (code == WEIR_OK && weir_metadata_get(sent, ECHO_TRAILING, 0, &value))
        code = weir_call_add_trailer(call, ECHO_TRAILING, value.data, value.size);
    return code;
}

static weir_code wanted_status(const Grpc__Testing__EchoStatus *wanted, weir_status *why)
{
    if (wanted == NULL || wanted->code == 0)
        return WEIR_OK;
    return weir_fail(why, (weir_code)wanted->code, "%s", wanted->message);
}

/* The client may say whether the request it sent is compressed. */
static weir_code check_compression(const weir_call *call, const Grpc__Testing__BoolValue *expected,
                                   weir_status *why)
{
    bool compressed = (weir_call_request_flags(call) & WEIR_ITEM_COMPRESSED) != 0;

    if (expected == NULL || expected->value == compressed)
        return WEIR_OK;
    return weir_fail(why, WEIR_INVALID_ARGUMENT, "the message was %scompressed",
                     compressed ? "" : "not ");
}

static bool is_true(const Grpc__Testing__BoolValue *value)
{
    return value != NULL && value->value;
}

static weir_code make_payload(weir_arena *arena, Grpc__Testing__PayloadType type, int32_t size,
                              Grpc__Testing__Payload **out, weir_status *why)
{
    Grpc__Testing__Payload *payload;

    if (type != GRPC__TESTING__PAYLOAD_TYPE__COMPRESSABLE)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "there is no payload of type %d", type);
    if (size < 0 || (size_t)size > sizeof zeros)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "a payload has 0 to %zu bytes, not %" PRId32,
                         sizeof zeros, size);
    payload = weir_arena_alloc(arena, sizeof *payload);
    if (payload == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a payload");
    grpc__testing__payload__init(payload);
    payload->body.data = zeros;
    payload->body.len = (size_t)size;
    *out = payload;
    return WEIR_OK;
}

/* ---- unary methods ---- */

static weir_code empty_call(void *self, weir_call *call, const Grpc__Testing__Empty *request,
                            Grpc__Testing__Empty *response, weir_status *why)
{
    (void)self, (void)call, (void)request, (void)response, (void)why;
    return WEIR_OK;
}

static weir_code unary_call(void *self, weir_call *call,
                            const Grpc__Testing__SimpleRequest *request,
                            Grpc__Testing__SimpleResponse *response, weir_status *why)
{
    weir_code code = echo_metadata(call);

    (void)self;
    if (code != WEIR_OK)
        return weir_fail(why, code, "the metadata cannot be sent back");
    code = wanted_status(request->response_status, why);
    if (code == WEIR_OK)
        code = check_compression(call, request->expect_compressed, why);
    if (code != WEIR_OK)
        return code;
    if (is_true(request->response_compressed))
        weir_call_set_compression(call, WEIR_GZIP);
    return make_payload(weir_call_arena(call), request->response_type, request->response_size,
                        &response->payload, why);
}

/* ---- a stream in, on a thread of the pool ---- */

static weir_code streaming_input_call(void *self, weir_call *call,
                                      Grpc__Testing__TestService__StreamingInputCall_Io *io,
                                      Grpc__Testing__StreamingInputCallResponse *response,
                                      weir_status *why)
{
    const Grpc__Testing__StreamingInputCallRequest *request;
    uint64_t sum = 0;
    weir_poll poll;

    (void)self;
    while ((poll = grpc__testing__test_service__streaming_input_call__read_request(
                io, &request, why)) == WEIR_READY) {
        if (check_compression(call, request->expect_compressed, why) != WEIR_OK)
            return why->code;
        sum += request->payload != NULL ? request->payload->body.len : 0;
    }
    if (poll == WEIR_ERROR)
        return why->code;
    if (sum > INT32_MAX)
        return weir_fail(why, WEIR_OUT_OF_RANGE, "the response cannot count to %" PRIu64, sum);
    response->aggregated_payload_size = (int32_t)sum;
    return WEIR_OK;
}

/* ---- streams out, on the loop ---- */

/* A response that was asked for. */
struct wanted {
    Grpc__Testing__PayloadType type;
    int32_t size;
    int32_t interval_us;
    bool compressed;
};

/*
 * The responses of one call. It reads a request when it has nothing left to send, so it holds what
 * one request asks for; with `after_all` what all of them do.
 */
struct outputs {
    weir_stream requests;
    bool after_all;
    bool ended;
    struct wanted *wanted;
    size_t count, next;
    uint64_t due_ns; /* of the next response; 0: not yet known */
    bool compressed; /* the last one */
};

static void outputs_release(void *state)
{
    struct outputs *o = state;

    if (o == NULL)
        return;
    weir_stream_release(&o->requests);
    free(o->wanted);
    free(o);
}

/* NULL when memory is out, which a source made from it says. */
static struct outputs *outputs_create(weir_call *call, weir_stream requests, bool after_all)
{
    struct outputs *o = calloc(1, sizeof *o);

    if (o == NULL || echo_metadata(call) != WEIR_OK) {
        weir_stream_release(&requests);
        free(o);
        return NULL;
    }
    o->requests = requests;
    o->after_all = after_all;
    weir_call_set_compression(call, WEIR_GZIP);
    return o;
}

static weir_code want(struct outputs *o, const Grpc__Testing__StreamingOutputCallRequest *request,
                      weir_status *why)
{
    size_t count = o->count - o->next + request->n_response_parameters;
    struct wanted *wanted;

    if (wanted_status(request->response_status, why) != WEIR_OK)
        return why->code;
    if (count > MAX_WANTED)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "more than %d responses", MAX_WANTED);
    if (count == 0)
        return WEIR_OK;
    if (o->next != 0)
        memmove(o->wanted, o->wanted + o->next, (o->count - o->next) * sizeof *wanted);
    o->count -= o->next;
    o->next = 0;
    wanted = realloc(o->wanted, count * sizeof *wanted);
    if (wanted == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for %zu responses", count);
    o->wanted = wanted;
    for (size_t i = 0; i < request->n_response_parameters; i++) {
        const Grpc__Testing__ResponseParameters *p = request->response_parameters[i];

        wanted[o->count++] = (struct wanted){request->response_type, p->size, p->interval_us,
                                             is_true(p->compressed)};
    }
    return WEIR_OK;
}

/* READY: there may be something to send. */
static weir_poll take_request(struct outputs *o, weir_task *task, weir_arena *arena,
                              weir_status *why)
{
    const Grpc__Testing__StreamingOutputCallRequest *request;
    Grpc__Testing__TestService__FullDuplexCall_Requests requests = {o->requests};
    weir_poll poll = grpc__testing__test_service__full_duplex_call__poll_request(
        &requests, task, arena, &request, why);

    o->requests = requests.stream;
    o->ended = poll == WEIR_END;
    if (poll == WEIR_READY && want(o, request, why) != WEIR_OK)
        return WEIR_ERROR;
    return poll == WEIR_END ? WEIR_READY : poll;
}

static weir_poll next_output(void *state, weir_task *task, weir_arena *arena,
                             Grpc__Testing__StreamingOutputCallResponse *out, weir_status *why)
{
    struct outputs *o = state;
    const struct wanted *next;

    while (!o->ended && (o->after_all || o->next == o->count)) {
        weir_poll poll = take_request(o, task, arena, why);

        if (poll != WEIR_READY)
            return poll;
    }
    if (o->next == o->count)
        return WEIR_END;
    next = &o->wanted[o->next];
    if (o->due_ns == 0)
        o->due_ns = weir_task_now(task) +
                    (next->interval_us > 0 ? WEIR_MICROSECONDS(next->interval_us) : 0);
    if (weir_task_now(task) < o->due_ns) {
        weir_task_wake_at(task, o->due_ns);
        return WEIR_PENDING;
    }
    o->due_ns = 0;
    o->next++;
    o->compressed = next->compressed;
    return make_payload(arena, next->type, next->size, &out->payload, why) == WEIR_OK ? WEIR_READY
                                                                                      : WEIR_ERROR;
}

/* ---- whether each of them is compressed ---- */

/* A stream of responses, and the state of their source, which lives as long. */
struct marked {
    weir_stream responses;
    const struct outputs *outputs;
};

static weir_poll next_marked(void *state, weir_task *task, weir_item *out)
{
    struct marked *m = state;
    weir_poll poll = weir_stream_poll(&m->responses, task, out);

    if (poll == WEIR_READY && !m->outputs->compressed)
        out->flags = WEIR_ITEM_UNCOMPRESSED;
    return poll;
}

static void marked_release(void *state)
{
    struct marked *m = state;

    if (m == NULL)
        return;
    weir_stream_release(&m->responses);
    free(m);
}

static weir_stream mark(weir_stream responses, const struct outputs *outputs)
{
    struct marked *m = malloc(sizeof *m);

    if (m == NULL)
        weir_stream_release(&responses);
    else
        *m = (struct marked){responses, outputs};
    return weir_stream_from(next_marked, m, marked_release);
}

/* ---- streams out: the methods ---- */

static Grpc__Testing__TestService__StreamingOutputCall_Responses
streaming_output_call(void *self, weir_call *call,
                      const Grpc__Testing__StreamingOutputCallRequest *request)
{
    struct outputs *o = outputs_create(call, weir_stream_empty(), false);
    Grpc__Testing__TestService__StreamingOutputCall_Responses responses;
    weir_status why = {0};

    (void)self;
    if (o != NULL && want(o, request, &why) != WEIR_OK) {
        outputs_release(o);
        responses.stream = weir_stream_error(why);
        return responses;
    }
    responses = grpc__testing__test_service__streaming_output_call__responses_from(next_output, o,
                                                                                   outputs_release);
    responses.stream = mark(responses.stream, o);
    return responses;
}

static Grpc__Testing__TestService__FullDuplexCall_Responses
full_duplex_call(void *self, weir_call *call,
                 Grpc__Testing__TestService__FullDuplexCall_Requests requests)
{
    struct outputs *o = outputs_create(call, requests.stream, false);
    Grpc__Testing__TestService__FullDuplexCall_Responses responses =
        grpc__testing__test_service__full_duplex_call__responses_from(next_output, o,
                                                                      outputs_release);

    (void)self;
    responses.stream = mark(responses.stream, o);
    return responses;
}

static Grpc__Testing__TestService__HalfDuplexCall_Responses
half_duplex_call(void *self, weir_call *call,
                 Grpc__Testing__TestService__HalfDuplexCall_Requests requests)
{
    struct outputs *o = outputs_create(call, requests.stream, true);
    Grpc__Testing__TestService__HalfDuplexCall_Responses responses =
        grpc__testing__test_service__half_duplex_call__responses_from(next_output, o,
                                                                      outputs_release);

    (void)self;
    responses.stream = mark(responses.stream, o);
    return responses;
}

/* ---- the server ---- */

/* UnimplementedCall is left out, as the tests want it. */
static weir_code handle_all(weir_server *server, weir_status *why)
{
    if (grpc__testing__test_service__empty_call__handle(server, empty_call, NULL, why) ||
        grpc__testing__test_service__unary_call__handle(server, unary_call, NULL, why) ||
        grpc__testing__test_service__cacheable_unary_call__handle(server, unary_call, NULL, why) ||
        grpc__testing__test_service__streaming_input_call__handle(server, streaming_input_call,
                                                                  NULL, why) ||
        grpc__testing__test_service__streaming_output_call__handle_stream(
            server, streaming_output_call, NULL, why) ||
        grpc__testing__test_service__full_duplex_call__handle_stream(server, full_duplex_call, NULL,
                                                                     why) ||
        grpc__testing__test_service__half_duplex_call__handle_stream(server, half_duplex_call, NULL,
                                                                     why))
        return why->code;
    return WEIR_OK;
}

struct options {
    const char *host;
    long port;
    bool use_tls;
    weir_tls_options tls;
};

static weir_code listen_on(weir_server *server, const struct options *options, weir_status *why)
{
    uint16_t port = (uint16_t)options->port;
    weir_tls *tls = NULL;
    char address[256];
    weir_code code;

    snprintf(address, sizeof address, "%s:%u", options->host, port);
    if (options->use_tls && weir_tls_create(&options->tls, &tls, why) != WEIR_OK)
        return why->code;
    code = tls != NULL ? weir_server_listen_tls(server, address, tls, &port, why)
                       : weir_server_listen(server, address, &port, why);
    weir_tls_unref(tls);
    if (code == WEIR_OK)
        printf("listening on %s:%u\n", options->host, port);
    return code;
}

static weir_code serve(weir_server *server, const struct options *options, const sigset_t *signals,
                       weir_status *why)
{
    int signal;

    if (handle_all(server, why) || listen_on(server, options, why) ||
        weir_server_start(server, why))
        return why->code;
    fflush(stdout);
    sigwait(signals, &signal);
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    return WEIR_OK;
}

static bool take_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"use_tls", required_argument, NULL, 't'},
        {"tls_cert_file", required_argument, NULL, 'c'},
        {"tls_key_file", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    char *end = "";
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'h')
            options->host = optarg;
        else if (option == 'p')
            options->port = strtol(optarg, &end, 10);
        else if (option == 'c')
            options->tls.certificate_file = optarg;
        else if (option == 'k')
            options->tls.key_file = optarg;
        else if (option == 't' && strcmp(optarg, "true") == 0)
            options->use_tls = true;
        else if (option != 't' || strcmp(optarg, "false") != 0)
            return false;
    }
    return optind == argc && *end == '\0' && options->port >= 0 && options->port <= UINT16_MAX;
}

int main(int argc, char **argv)
{
    struct options options = {.host = "127.0.0.1", .port = -1};
    weir_server *server = NULL;
    weir_status why = {0};
    sigset_t signals;

    if (!take_options(argc, argv, &options)) {
        fprintf(stderr, "usage: weir-interop-server [--host H] --port P "
                        "[--use_tls=true --tls_cert_file F --tls_key_file F]\n");
        return 2;
    }
    /* Before there are threads, so that all of them leave the signals to this one. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (weir_server_create(NULL, &server, &why) != WEIR_OK ||
        serve(server, &options, &signals, &why) != WEIR_OK)
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    if (server != NULL)
        weir_server_free(server);
    int failed = why.code != WEIR_OK;
    weir_status_clear(&why);
    return failed;
}
