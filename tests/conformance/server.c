/* SPDX-License-Identifier: MIT */
/*
 * server.c - connectrpc.conformance.v1.ConformanceService: a server for the conformance suite's
 * runner.
 *
 * A request says what to answer, and the answer tells what of the request was seen. All methods run
 * on the server's pool, since they may be told to wait. It serves until SIGTERM.
 */
#include "conformance/messages.h"
#include "connectrpc/conformance/v1/server_compat.pb-c.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* What was seen of a call since its last response, in an arena that outlives its use. */
struct seen {
    weir_call *call;
    weir_arena *arena;
    struct list requests;
};

static struct seen seen_begin(weir_call *call, weir_arena *arena)
{
    return (struct seen){call, arena, {.arena = arena}};
}

static void seen_request(struct seen *seen, const weir_method *method, const void *request)
{
    list_add(&seen->requests, any_of_message(seen->arena, method->request, request));
}

/* ---- what the runner wants to know ---- */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return WEIR_SECONDS(time.tv_sec) + (uint64_t)time.tv_nsec;
}

/* `whole`: with what holds for the call, and not only its requests. */
static request_info *info_of(struct seen *seen, bool whole)
{
    request_info *info = take(seen->arena, sizeof *info);
    uint64_t deadline = weir_call_deadline(seen->call), time = now();

    MESSAGE(conformance_payload__request_info__init)(info);
    info->n_requests = seen->requests.count;
    info->requests = (any **)seen->requests.items;
    seen->requests = (struct list){.arena = seen->arena};
    if (!whole)
        return info;
    headers_of(seen->arena, weir_call_request_metadata(seen->call), &info->n_request_headers,
               &info->request_headers);
    info->has_timeout_ms = deadline != WEIR_NEVER;
    if (deadline != WEIR_NEVER && deadline > time)
        info->timeout_ms = (int64_t)((deadline - time) / WEIR_MILLISECONDS(1));
    return info;
}

static any *any_of_info(struct seen *seen)
{
    request_info *info = info_of(seen, true);
    size_t size = MESSAGE(conformance_payload__request_info__get_packed_size)(info);
    uint8_t *data = take(seen->arena, size);

    MESSAGE(conformance_payload__request_info__pack)(info, data);
    return any_of(seen->arena, info->base.descriptor->name, data, size);
}

/*
 * Ends a call with the error that was asked for; without a response before it, its details tell
 * what was seen. The suite's Error is on the wire what gRPC has as details, a google.rpc.Status.
 */
static weir_code end_with(struct seen *seen, const error *wanted, bool tell, weir_status *why)
{
    struct list details = {.arena = seen->arena};
    error whole = *wanted;
    uint8_t *data;
    size_t size;

    for (size_t i = 0; i < wanted->n_details; i++)
        list_add(&details, wanted->details[i]);
    if (tell)
        list_add(&details, any_of_info(seen));
    whole.n_details = details.count;
    whole.details = (any **)details.items;
    size = MESSAGE(error__get_packed_size)(&whole);
    data = take(seen->arena, size);
    MESSAGE(error__pack)(&whole, data);
    weir_fail(why, (weir_code)wanted->code, "%s", wanted->message != NULL ? wanted->message : "");
    if (details.count != 0)
        why->details = weir_bytes_copy(data, size);
    return why->code;
}

/* Waits, unless the call ends before. */
static void wait_for(const weir_call *call, uint32_t ms)
{
    const uint64_t end = now() + WEIR_MILLISECONDS(ms);
    const struct timespec step = {.tv_nsec = (long)WEIR_MILLISECONDS(2)};

    while (now() < end && !weir_call_cancelled(call))
        nanosleep(&step, NULL);
}

/* ---- one response ---- */

static weir_code answer(struct seen *seen, const unary_definition *wanted, payload **out,
                        weir_status *why)
{
    payload *filled = take(seen->arena, sizeof *filled);

    MESSAGE(conformance_payload__init)(filled);
    *out = filled;
    if (wanted != NULL) {
        if (add_headers(seen->call, weir_call_add_metadata, wanted->n_response_headers,
                        wanted->response_headers, why) ||
            add_headers(seen->call, weir_call_add_trailer, wanted->n_response_trailers,
                        wanted->response_trailers, why))
            return why->code;
        wait_for(seen->call, wanted->response_delay_ms);
        if (wanted->response_case ==
            CONNECTRPC__CONFORMANCE__V1__UNARY_RESPONSE_DEFINITION__RESPONSE_ERROR)
            return end_with(seen, wanted->error, true, why);
        if (wanted->response_case ==
            CONNECTRPC__CONFORMANCE__V1__UNARY_RESPONSE_DEFINITION__RESPONSE_RESPONSE_DATA)
            filled->data = wanted->response_data;
    }
    filled->request_info = info_of(seen, true);
    return WEIR_OK;
}

static weir_code unary(void *self, weir_call *call,
                       const Connectrpc__Conformance__V1__UnaryRequest *request,
                       Connectrpc__Conformance__V1__UnaryResponse *response, weir_status *why)
{
    struct seen seen = seen_begin(call, weir_call_arena(call));

    (void)self;
    seen_request(&seen, &RPC(unary__method), request);
    return answer(&seen, request->response_definition, &response->payload, why);
}

static weir_code
idempotent_unary(void *self, weir_call *call,
                 const Connectrpc__Conformance__V1__IdempotentUnaryRequest *request,
                 Connectrpc__Conformance__V1__IdempotentUnaryResponse *response, weir_status *why)
{
    struct seen seen = seen_begin(call, weir_call_arena(call));

    (void)self;
    seen_request(&seen, &RPC(idempotent_unary__method), request);
    return answer(&seen, request->response_definition, &response->payload, why);
}

/* A copy that outlives the request it came with. */
static unary_definition *keep_unary(weir_arena *arena, const unary_definition *definition)
{
    size_t size = MESSAGE(unary_response_definition__get_packed_size)(definition);
    uint8_t *data = take(arena, size);

    MESSAGE(unary_response_definition__pack)(definition, data);
    return MESSAGE(unary_response_definition__unpack_borrowed)(arena, size, data);
}

static weir_code client_stream(void *self, weir_call *call,
                               Connectrpc__Conformance__V1__ConformanceService__ClientStream_Io *io,
                               Connectrpc__Conformance__V1__ClientStreamResponse *response,
                               weir_status *why)
{
    struct seen seen = seen_begin(call, weir_call_arena(call));
    const Connectrpc__Conformance__V1__ClientStreamRequest *request;
    unary_definition *wanted = NULL;
    weir_poll poll;

    (void)self;
    while ((poll = RPC(client_stream__read_request)(io, &request, why)) == WEIR_READY) {
        if (seen.requests.count == 0 && request->response_definition != NULL)
            wanted = keep_unary(seen.arena, request->response_definition);
        seen_request(&seen, &RPC(client_stream__method), request);
    }
    return poll == WEIR_END ? answer(&seen, wanted, &response->payload, why) : why->code;
}

/* ---- streams of responses ---- */

/* The responses that a request asked for, and how they are written. */
struct answers {
    struct seen seen;
    const stream_definition *wanted; /* NULL: none */
    size_t sent;
    weir_code (*write)(void *io, payload *payload);
    void *io;
};

/* Headers go out at once: there are clients that wait for them. */
static weir_code begin_answers(struct answers *a, const stream_definition *wanted, weir_status *why)
{
    a->wanted = wanted;
    if (wanted == NULL)
        return WEIR_OK;
    if (add_headers(a->seen.call, weir_call_add_metadata, wanted->n_response_headers,
                    wanted->response_headers, why) ||
        add_headers(a->seen.call, weir_call_add_trailer, wanted->n_response_trailers,
                    wanted->response_trailers, why))
        return why->code;
    weir_call_send_headers(a->seen.call);
    return WEIR_OK;
}

static bool has_answer(const struct answers *a)
{
    return a->wanted != NULL && a->sent < a->wanted->n_response_data;
}

/* The first one tells all; the others tell of requests if there were any between. */
static weir_code next_answer(struct answers *a)
{
    payload response;

    MESSAGE(conformance_payload__init)(&response);
    response.data = a->wanted->response_data[a->sent];
    if (a->sent == 0 || a->seen.requests.count != 0)
        response.request_info = info_of(&a->seen, a->sent == 0);
    wait_for(a->seen.call, a->wanted->response_delay_ms);
    a->sent++;
    return a->write(a->io, &response);
}

static weir_code end_answers(struct answers *a, weir_status *why)
{
    weir_code code = WEIR_OK;

    while (has_answer(a) && code == WEIR_OK)
        code = next_answer(a);
    if (code != WEIR_OK)
        return weir_fail(why, code, "the response was not sent");
    if (a->wanted == NULL || a->wanted->error == NULL)
        return WEIR_OK;
    return end_with(&a->seen, a->wanted->error, a->sent == 0, why);
}

static weir_code write_server_stream(void *io, payload *payload)
{
    Connectrpc__Conformance__V1__ServerStreamResponse response;

    MESSAGE(server_stream_response__init)(&response);
    response.payload = payload;
    return RPC(server_stream__write_response)(io, &response);
}

static weir_code server_stream(void *self, weir_call *call,
                               const Connectrpc__Conformance__V1__ServerStreamRequest *request,
                               Connectrpc__Conformance__V1__ConformanceService__ServerStream_Io *io,
                               weir_status *why)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct answers a = {.seen = seen_begin(call, arena), .write = write_server_stream, .io = io};
    weir_code code;

    (void)self;
    seen_request(&a.seen, &RPC(server_stream__method), request);
    code = begin_answers(&a, request->response_definition, why);
    if (code == WEIR_OK)
        code = end_answers(&a, why);
    weir_arena_free(arena);
    return code;
}

/* ---- streams of both ---- */

static weir_code write_bidi_stream(void *io, payload *payload)
{
    Connectrpc__Conformance__V1__BidiStreamResponse response;

    MESSAGE(bidi_stream_response__init)(&response);
    response.payload = payload;
    return RPC(bidi_stream__write_response)(io, &response);
}

static stream_definition *keep_stream(weir_arena *arena, const stream_definition *definition)
{
    size_t size;
    uint8_t *data;

    if (definition == NULL)
        return NULL;
    size = MESSAGE(stream_response_definition__get_packed_size)(definition);
    data = take(arena, size);
    MESSAGE(stream_response_definition__pack)(definition, data);
    return MESSAGE(stream_response_definition__unpack_borrowed)(arena, size, data);
}

/* The first request says what to answer, and whether one response follows each request or all
 * follow the last one. */
static weir_code converse(struct answers *a,
                          Connectrpc__Conformance__V1__ConformanceService__BidiStream_Io *io,
                          weir_status *why)
{
    const Connectrpc__Conformance__V1__BidiStreamRequest *request;
    bool first = true, full_duplex = false;
    weir_poll poll;

    while ((poll = RPC(bidi_stream__read_request)(io, &request, why)) == WEIR_READY) {
        seen_request(&a->seen, &RPC(bidi_stream__method), request);
        if (first) {
            full_duplex = request->full_duplex;
            if (begin_answers(a, keep_stream(a->seen.arena, request->response_definition), why))
                return why->code;
        }
        first = false;
        if (full_duplex && !has_answer(a))
            break;
        if (full_duplex && next_answer(a) != WEIR_OK)
            return weir_fail(why, WEIR_CANCELLED, "the response was not sent");
    }
    return poll == WEIR_ERROR ? why->code : end_answers(a, why);
}

static weir_code bidi_stream(void *self, weir_call *call,
                             Connectrpc__Conformance__V1__ConformanceService__BidiStream_Io *io,
                             weir_status *why)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct answers a = {.seen = seen_begin(call, arena), .write = write_bidi_stream, .io = io};
    weir_code code = converse(&a, io, why);

    (void)self;
    weir_arena_free(arena);
    return code;
}

/* ---- the server ---- */

/* Unimplemented is left out, as its name says. */
static weir_code handle_all(weir_server *server, weir_status *why)
{
    if (RPC(unary__handle_blocking)(server, unary, NULL, why) ||
        RPC(idempotent_unary__handle_blocking)(server, idempotent_unary, NULL, why) ||
        RPC(client_stream__handle)(server, client_stream, NULL, why) ||
        RPC(server_stream__handle)(server, server_stream, NULL, why) ||
        RPC(bidi_stream__handle)(server, bidi_stream, NULL, why))
        return why->code;
    return WEIR_OK;
}

/* What the runner asks for, in the options. */
static void take_request(weir_arena *arena, weir_server_options *options)
{
    Connectrpc__Conformance__V1__ServerCompatRequest *request;
    size_t size = 0;
    uint8_t *data = receive(stdin, arena, &size);

    request =
        data != NULL ? MESSAGE(server_compat_request__unpack_borrowed)(arena, size, data) : NULL;
    if (request == NULL)
        fail("the runner did not say what to serve");
    if (request->use_tls)
        fail("there is no TLS");
    options->max_receive_size = request->message_receive_limit;
}

static void tell_port(weir_arena *arena, uint16_t port)
{
    Connectrpc__Conformance__V1__ServerCompatResponse response;
    uint8_t *data;
    size_t size;

    MESSAGE(server_compat_response__init)(&response);
    response.host = (char[]){"127.0.0.1"};
    response.port = port;
    size = MESSAGE(server_compat_response__get_packed_size)(&response);
    data = take(arena, size);
    MESSAGE(server_compat_response__pack)(&response, data);
    send(stdout, data, size);
}

static weir_code serve(weir_server *server, weir_arena *arena, const sigset_t *signals,
                       weir_status *why)
{
    uint16_t port;
    int signal;

    if (handle_all(server, why) || weir_server_listen(server, "127.0.0.1:0", &port, why) ||
        weir_server_start(server, why))
        return why->code;
    tell_port(arena, port);
    sigwait(signals, &signal);
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    return WEIR_OK;
}

int main(void)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_server_options options = {.max_threads = 64, .compression = WEIR_GZIP};
    weir_server *server = NULL;
    weir_status why = {0};
    sigset_t signals;
    int failed;

    /* Before there are threads, so that all of them leave the signals to this one. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    take_request(arena, &options);
    if (weir_server_create(&options, &server, &why) != WEIR_OK ||
        serve(server, arena, &signals, &why) != WEIR_OK)
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    if (server != NULL)
        weir_server_free(server);
    failed = why.code != WEIR_OK;
    weir_status_clear(&why);
    weir_arena_free(arena);
    return failed;
}
