/* SPDX-License-Identifier: MIT */
/*
 * client.c - a client for the conformance suite's runner: makes the calls it asks for and tells
 * what came.
 *
 * Several threads take requests from stdin and write results to stdout, in any order. Each call has
 * a channel of its own. One code makes calls of all methods, on what generated clients stand on
 * (weir/typed.h).
 */
#include "conformance/messages.h"
#include "connectrpc/conformance/v1/client_compat.pb-c.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define THREADS 8

typedef Connectrpc__Conformance__V1__ClientCompatRequest compat_request;
typedef Connectrpc__Conformance__V1__ClientCompatResponse compat_response;
typedef Connectrpc__Conformance__V1__ClientResponseResult result;
typedef Connectrpc__Conformance__V1__ClientErrorResult error_result;

/* ---- the methods ---- */

static const payload *unary_payload(const void *response)
{
    return ((const Connectrpc__Conformance__V1__UnaryResponse *)response)->payload;
}

static const payload *idempotent_unary_payload(const void *response)
{
    return ((const Connectrpc__Conformance__V1__IdempotentUnaryResponse *)response)->payload;
}

static const payload *client_stream_payload(const void *response)
{
    return ((const Connectrpc__Conformance__V1__ClientStreamResponse *)response)->payload;
}

static const payload *server_stream_payload(const void *response)
{
    return ((const Connectrpc__Conformance__V1__ServerStreamResponse *)response)->payload;
}

static const payload *bidi_stream_payload(const void *response)
{
    return ((const Connectrpc__Conformance__V1__BidiStreamResponse *)response)->payload;
}

static const payload *no_payload(const void *response)
{
    (void)response;
    return NULL;
}

static const struct rpc {
    const char *name;
    const weir_method *method;
    const payload *(*payload_of)(const void *response);
} rpcs[] = {
    {"Unary", &RPC(unary__method), unary_payload},
    {"IdempotentUnary", &RPC(idempotent_unary__method), idempotent_unary_payload},
    {"ClientStream", &RPC(client_stream__method), client_stream_payload},
    {"ServerStream", &RPC(server_stream__method), server_stream_payload},
    {"BidiStream", &RPC(bidi_stream__method), bidi_stream_payload},
    {"Unimplemented", &RPC(unimplemented__method), no_payload},
};

static const struct rpc *find_rpc(const compat_request *request)
{
    if (strcmp(request->service, "connectrpc.conformance.v1.ConformanceService") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof rpcs / sizeof *rpcs; i++)
        if (strcmp(rpcs[i].name, request->method) == 0)
            return &rpcs[i];
    return NULL;
}

/* ---- when to cancel ---- */

#define TIMING(name)                                                                               \
    CONNECTRPC__CONFORMANCE__V1__CLIENT_COMPAT_REQUEST__CANCEL__CANCEL_TIMING_##name

struct cancel {
    bool before_end;    /* instead of ending the requests */
    int64_t after_ms;   /* behind their end; below 0: not */
    size_t after_count; /* of responses; 0: not */
};

static struct cancel cancel_of(const compat_request *request)
{
    const Connectrpc__Conformance__V1__ClientCompatRequest__Cancel *asked = request->cancel;
    struct cancel cancel = {.after_ms = -1};

    if (asked == NULL)
        return cancel;
    switch (asked->cancel_timing_case) {
    case TIMING(BEFORE_CLOSE_SEND):
        cancel.before_end = true;
        break;
    case TIMING(AFTER_NUM_RESPONSES):
        cancel.after_count = asked->after_num_responses;
        break;
    case TIMING(AFTER_CLOSE_SEND_MS):
        cancel.after_ms = asked->after_close_send_ms;
        break;
    default:
        cancel.after_ms = 0;
    }
    return cancel;
}

static void wait_for(uint64_t ms)
{
    const struct timespec time = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_nsec = (long)WEIR_MILLISECONDS(ms % 1000)};

    nanosleep(&time, NULL);
}

/* ---- one call ---- */

struct trial {
    const compat_request *request;
    const struct rpc *rpc;
    struct cancel cancel;
    weir_arena *arena;
    weir_call *call;
    weir_typed_client *client;
    struct list payloads;
    size_t unsent;
    weir_status why;
};

static void *unpack_request(struct trial *t, size_t index)
{
    const any *packed = t->request->request_messages[index];
    const weir_bytes data = weir_bytes_static(packed->value.data, packed->value.len);
    const weir_message_type *type = t->rpc->method->request;
    const char *name = strrchr(packed->type_url, '/');
    void *message;

    if (name == NULL || strcmp(name + 1, type->name) != 0 ||
        weir_message_unpack(type, t->arena, &data, &message, NULL) != WEIR_OK)
        fail("the runner's request is not one of the method's");
    return message;
}

/* Keeps a copy of what a response tells, and cancels where it is the one to cancel after. */
static void take_response(struct trial *t, const void *response)
{
    const payload *told = t->rpc->payload_of(response);
    size_t size = told != NULL ? MESSAGE(conformance_payload__get_packed_size)(told) : 0;
    uint8_t *data = take(t->arena, size);

    if (told != NULL)
        MESSAGE(conformance_payload__pack)(told, data);
    list_add(&t->payloads, MESSAGE(conformance_payload__unpack_borrowed)(t->arena, size, data));
    if (t->payloads.count == t->cancel.after_count)
        weir_call_cancel(t->call);
}

static bool read_response(struct trial *t)
{
    const void *response;

    if (weir_typed_client_read(t->client, &response, &t->why) != WEIR_READY)
        return false;
    take_response(t, response);
    return true;
}

static void write_requests(struct trial *t)
{
    bool full_duplex =
        t->request->stream_type ==
        CONNECTRPC__CONFORMANCE__V1__STREAM_TYPE__STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM;
    size_t count = t->request->n_request_messages;

    for (size_t i = 0; i < count; i++) {
        wait_for(t->request->request_delay_ms);
        t->unsent = count - i;
        if (weir_typed_client_write(t->client, unpack_request(t, i)) != WEIR_OK)
            return; /* reading says why */
        t->unsent--;
        if (full_duplex && !read_response(t))
            return;
    }
}

static void end_requests(struct trial *t)
{
    if (t->cancel.before_end)
        weir_call_cancel(t->call);
    else
        weir_typed_client_end(t->client);
    if (t->cancel.after_ms >= 0) {
        wait_for((uint64_t)t->cancel.after_ms);
        weir_call_cancel(t->call);
    }
}

static void finish(struct trial *t)
{
    void *response;

    if (weir_typed_client_finish(t->client, &response, &t->why) == WEIR_OK)
        take_response(t, response);
}

/* A call of any kind, step by step. */
static void converse(struct trial *t, weir_channel *channel)
{
    const weir_method *method = t->rpc->method;
    const void *request = method->client_streaming ? NULL : unpack_request(t, 0);

    t->client = weir_typed_open(method, channel, t->call, request, &t->why);
    if (t->client == NULL)
        fail("out of memory");
    if (method->client_streaming)
        write_requests(t);
    end_requests(t);
    if (!method->server_streaming) {
        finish(t);
        return;
    }
    while (read_response(t))
        continue;
    weir_typed_client_close(t->client);
}

/* A unary call that nobody cancels, in one step. */
static void call_at_once(struct trial *t, weir_channel *channel)
{
    void *response;

    if (weir_typed_unary(t->rpc->method, channel, t->call, unpack_request(t, 0), &response,
                         &t->why) == WEIR_OK)
        take_response(t, response);
}

/* ---- what came of it ---- */

/* gRPC's details, a google.rpc.Status, are on the wire what the suite has as an Error. */
static error *error_of(struct trial *t)
{
    const weir_status *why = &t->why;
    error *out = NULL;

    if (why->details.size != 0)
        out = MESSAGE(error__unpack_borrowed)(
            t->arena, why->details.size,
            (uint8_t *)weir_arena_copy(t->arena, why->details.data, why->details.size));
    if (out == NULL) {
        out = take(t->arena, sizeof *out);
        MESSAGE(error__init)(out);
    }
    out->code = (Connectrpc__Conformance__V1__Code)why->code;
    out->message = weir_arena_copy(t->arena, why->message.data, why->message.size);
    return out;
}

static result *result_of(struct trial *t)
{
    result *out = take(t->arena, sizeof *out);

    MESSAGE(client_response_result__init)(out);
    headers_of(t->arena, weir_call_response_metadata(t->call), &out->n_response_headers,
               &out->response_headers);
    headers_of(t->arena, weir_call_trailers(t->call), &out->n_response_trailers,
               &out->response_trailers);
    out->n_payloads = t->payloads.count;
    out->payloads = (payload **)t->payloads.items;
    out->num_unsent_requests = (int32_t)t->unsent;
    if (t->why.code != WEIR_OK)
        out->error = error_of(t);
    return out;
}

static weir_code prepare(struct trial *t, weir_channel **channel)
{
    const weir_channel_options options = {.max_receive_size = t->request->message_receive_limit};
    char target[256];

    t->call = weir_call_create(NULL);
    if (t->call == NULL)
        fail("out of memory");
    if (t->request->compression == CONNECTRPC__CONFORMANCE__V1__COMPRESSION__COMPRESSION_GZIP)
        weir_call_set_compression(t->call, WEIR_GZIP);
    if (t->request->has_timeout_ms)
        weir_call_set_timeout(t->call, WEIR_MILLISECONDS(t->request->timeout_ms));
    snprintf(target, sizeof target, "%s:%u", t->request->host, t->request->port);
    if (add_headers(t->call, weir_call_add_metadata, t->request->n_request_headers,
                    t->request->request_headers, &t->why) != WEIR_OK)
        return t->why.code;
    return weir_channel_create(target, &options, channel, &t->why);
}

/* The result, or NULL with a reason why the call was not made. */
static result *run(struct trial *t, weir_channel *channel)
{
    const weir_method *method = t->rpc->method;
    bool unary = !method->client_streaming && !method->server_streaming;

    if (!method->client_streaming && t->request->n_request_messages != 1) {
        weir_fail(&t->why, WEIR_INVALID_ARGUMENT, "%s takes one request", t->rpc->name);
        return NULL;
    }
    if (unary && t->request->cancel == NULL)
        call_at_once(t, channel);
    else
        converse(t, channel);
    return result_of(t);
}

static result *try(struct trial *t)
{
    weir_channel *channel = NULL;
    result *out = NULL;

    t->rpc = find_rpc(t->request);
    if (t->rpc == NULL)
        weir_fail(&t->why, WEIR_UNIMPLEMENTED, "no method %s", t->request->method);
    else if (t->request->server_tls_cert.len != 0)
        weir_fail(&t->why, WEIR_UNIMPLEMENTED, "there is no TLS");
    else if (prepare(t, &channel) == WEIR_OK)
        out = run(t, channel);
    if (channel != NULL)
        weir_channel_unref(channel);
    return out;
}

/* ---- the program ---- */

static pthread_mutex_t in_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

static compat_request *next_request(weir_arena *arena)
{
    compat_request *request;
    size_t size = 0;
    uint8_t *data;

    pthread_mutex_lock(&in_lock);
    data = receive(stdin, arena, &size);
    pthread_mutex_unlock(&in_lock);
    if (data == NULL)
        return NULL;
    request = MESSAGE(client_compat_request__unpack_borrowed)(arena, size, data);
    if (request == NULL)
        fail("the runner's request does not parse");
    return request;
}

static void tell(weir_arena *arena, const compat_response *response)
{
    size_t size = MESSAGE(client_compat_response__get_packed_size)(response);
    uint8_t *data = take(arena, size);

    MESSAGE(client_compat_response__pack)(response, data);
    pthread_mutex_lock(&out_lock);
    send(stdout, data, size);
    pthread_mutex_unlock(&out_lock);
}

static void handle(weir_arena *arena, const compat_request *request)
{
    struct trial t = {.request = request, .arena = arena, .payloads = {.arena = arena}};
    compat_response response;
    error_result not_made;

    MESSAGE(client_compat_response__init)(&response);
    MESSAGE(client_error_result__init)(&not_made);
    t.cancel = cancel_of(request);
    response.test_name = request->test_name;
    response.response = try(&t);
    response.result_case = CONNECTRPC__CONFORMANCE__V1__CLIENT_COMPAT_RESPONSE__RESULT_RESPONSE;
    if (response.response == NULL) {
        not_made.message = weir_arena_copy(arena, t.why.message.data, t.why.message.size);
        response.error = &not_made;
        response.result_case = CONNECTRPC__CONFORMANCE__V1__CLIENT_COMPAT_RESPONSE__RESULT_ERROR;
    }
    tell(arena, &response);
    weir_status_clear(&t.why);
    weir_call_unref(t.call);
}

static void *work(void *unused)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    const compat_request *request;

    (void)unused;
    if (arena == NULL)
        fail("out of memory");
    while ((request = next_request(arena)) != NULL) {
        handle(arena, request);
        weir_arena_reset(arena);
    }
    weir_arena_free(arena);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            fail("no threads");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
