/* SPDX-License-Identifier: MIT */
/*
 * response.c - a client's side of a call: its request's headers, and what the server answers.
 *
 * However the answer ends, the call gets exactly one status: the server's grpc-status where a last
 * header block has one, else what HTTP/2 and HTTP say about its absence.
 */
#include "base/clock.h"
#include "call/timeout.h"
#include "conn/connection.h"
#include "conn/headers.h"
#include "framing/compression.h"
#include "metadata/base64.h"
#include "status/code.h"
#include "status/percent.h"

/* ---- the request ---- */

static void add_request(struct exchange *e, struct headers *headers, char *timeout)
{
    headers_add_literal(headers, ":method", "POST");
    headers_add_literal(headers, ":scheme", e->connection->secure != NULL ? "https" : "http");
    headers_add(headers, ":path", e->call->method);
    headers_add(headers, ":authority", e->call->authority);
    if (e->deadline != WEIR_NEVER) {
        timeout_format(e->deadline > e->loop->now ? e->deadline - e->loop->now : 0, timeout);
        headers_add(headers, "grpc-timeout", timeout);
    }
    headers_add_literal(headers, "te", "trailers");
    headers_add_literal(headers, "content-type", "application/grpc");
    exchange_add_encoding(e, headers);
    headers_add_literal(headers, "grpc-accept-encoding", compression_accepted);
    headers_add(headers, "user-agent", e->connection->user_agent);
    headers_add_metadata(headers, &e->call->request);
}

static void send_request(struct exchange *e)
{
    char timeout[TIMEOUT_TEXT_SIZE];
    struct headers headers;
    int32_t id = -1;

    headers_init(&headers);
    add_request(e, &headers, timeout);
    if (!headers.failed)
        id = http2_request(e->connection->session, headers.items, headers.count, e);
    headers_clear(&headers);
    e->id = id > 0 ? id : 0;
    e->headers_out = id > 0;
    if (id > 0)
        measure_stream(e);
}

/* The deadline counts from when the call was made, also while it waits for its turn. */
static void start_deadline(struct exchange *e)
{
    if (e->call->timeout_ns == WEIR_NEVER || e->deadline != WEIR_NEVER)
        return;
    exchange_set_deadline(e, clock_after(e->loop->now, e->call->timeout_ns));
    pthread_mutex_lock(&e->in->lock);
    e->in->deadline = e->deadline;
    pthread_mutex_unlock(&e->in->lock);
}

static void publish_peer(struct exchange *e)
{
    const char *peer = e->connection->peer;

    pthread_mutex_lock(&e->in->lock);
    e->in->peer = arena_copy(&e->in->arena, peer, strlen(peer));
    e->in->peer_credentials = e->connection->credentials;
    if (e->connection->secure != NULL && e->in->tls_peer.buffer == NULL)
        e->in->tls_peer = weir_bytes_ref(&e->connection->secure->peer);
    pthread_mutex_unlock(&e->in->lock);
}

void response_start(struct exchange *e)
{
    bool possible = !e->state.done &&
                    (connection_can_request(e->connection) || connection_keeps(e->connection, e));

    start_deadline(e);
    if (possible && !connection_admits(e->connection, e))
        return;
    if (!possible && !e->state.done && connection_passes_on(e->connection, e))
        return;
    publish_peer(e);
    if (possible)
        send_request(e);
    if (possible && e->id == 0)
        connection_stream_ended(e->connection);
    if (e->id != 0)
        exchange_step(e, CALL_SEND_HEADERS_NOW, (weir_status){0});
    else
        exchange_step(e, CALL_LOST,
                      weir_status_make(WEIR_UNAVAILABLE, "the connection takes no more calls"));
}

/* ---- the response ---- */

static void read_message(struct exchange *e, weir_slice value)
{
    uint8_t *memory;

    weir_bytes_unref(&e->reply.message);
    e->reply.message = weir_bytes_new(value.size, &memory);
    if (memory != NULL)
        e->reply.message.size = percent_decode(value.data, value.size, memory);
}

static void read_details(struct exchange *e, weir_slice value)
{
    size_t size = 0;
    uint8_t *memory;

    weir_bytes_unref(&e->reply.details);
    e->reply.details = weir_bytes_new(base64_decoded_size_max(value.size), &memory);
    if (memory != NULL && base64_decode(value.data, value.size, memory, &size))
        e->reply.details.size = size;
    else
        weir_bytes_unref(&e->reply.details);
}

static unsigned http_status_of(weir_slice value)
{
    unsigned status = 0;

    for (size_t i = 0; i < value.size && i < 3; i++)
        status = status * 10 + (unsigned)(value.data[i] - '0');
    return status;
}

static bool status_header(struct exchange *e, weir_slice name, weir_slice value)
{
    if (HEADER_IS(name, "grpc-status")) {
        e->reply.code = status_code_parse(value.data, value.size);
        e->status_came = true;
    } else if (HEADER_IS(name, "grpc-message")) {
        read_message(e, value);
    } else if (HEADER_IS(name, "grpc-status-details-bin")) {
        read_details(e, value);
    } else {
        return false;
    }
    return true;
}

/* Trailers say nothing about the messages that came before them. */
static void read_encoding(struct exchange *e, weir_slice value)
{
    weir_compression encoding = WEIR_IDENTITY;

    if (e->response_came)
        return;
    e->unsupported_encoding = !compression_parse(value, &encoding);
    inbound_set_encoding(e->in, encoding);
}

static bool own_header(struct exchange *e, weir_slice name, weir_slice value)
{
    if (HEADER_IS(name, ":status"))
        e->http_status = http_status_of(value);
    else if (HEADER_IS(name, "content-type"))
        e->is_grpc = headers_content_type_is_grpc(value);
    else if (HEADER_IS(name, "grpc-encoding"))
        read_encoding(e, value);
    else
        return HEADER_IS(name, "grpc-accept-encoding") || HEADER_IS(name, "content-length") ||
               status_header(e, name, value);
    return true;
}

void response_header(struct exchange *e, weir_slice name, weir_slice value)
{
    struct inbound *in = e->in;

    if (!exchange_has_room(e) || own_header(e, name, value))
        return;
    exchange_keep_header(e, e->response_came ? &in->trailers : &in->headers, name, value);
}

/* A 1xx: nothing of it counts. */
static void forget_block(struct exchange *e)
{
    metadata_init(&e->in->headers, &e->in->arena);
    weir_status_clear(&e->reply);
    e->status_came = false;
    e->is_grpc = false;
    e->unsupported_encoding = false;
}

/* A response that is not gRPC's is a fault of the server. */
static bool response_is_fine(struct exchange *e)
{
    weir_status status;

    if (e->http_status != 200)
        exchange_refuse(e, status_code_from_http(e->http_status),
                        "the server answered with HTTP status %u", e->http_status);
    else if (!e->is_grpc)
        exchange_refuse(e, WEIR_UNKNOWN, "the server's answer is not gRPC");
    else if (e->unsupported_encoding)
        exchange_refuse(e, WEIR_INTERNAL, "the server's grpc-encoding is not supported");
    if (!e->refused)
        return true;
    status = e->refusal;
    e->refusal = (weir_status){0};
    exchange_step(e, CALL_FAULT, status);
    return false;
}

static void trailers_only(struct exchange *e)
{
    struct weir_metadata empty = e->in->trailers;

    e->in->trailers = e->in->headers;
    e->in->headers = empty;
    if (e->status_came || response_is_fine(e))
        response_end(e);
}

void response_headers(struct exchange *e, bool last)
{
    if (!e->response_came && e->http_status >= 100 && e->http_status < 200 && !last &&
        !e->refused) {
        forget_block(e);
        return;
    }
    if (e->response_came || last) {
        bool only = !e->response_came;

        e->response_came = true;
        if (only)
            trailers_only(e);
        else if (last)
            response_end(e);
        return;
    }
    e->response_came = true;
    /* What says how the call ended counts in its last header block only. */
    weir_status_clear(&e->reply);
    e->status_came = false;
    if (response_is_fine(e))
        inbound_publish_headers(e->in);
}

/* The status of a response that ended by itself. */
static weir_status final_status(struct exchange *e)
{
    weir_status why = {0};

    if (e->refused) {
        why = e->refusal;
        e->refusal = (weir_status){0};
        return why;
    }
    if (!e->status_came)
        return weir_status_make(status_code_from_http(e->http_status),
                                "the server ended the call without a grpc-status");
    if (e->reply.code == WEIR_OK && inbound_check_end(e->in, &why) != WEIR_OK)
        return why;
    why = e->reply;
    e->reply = (weir_status){0};
    return why;
}

void response_end(struct exchange *e)
{
    inbound_publish_trailers(e->in);
    measure_stream_ended(e);
    exchange_step(e, CALL_TRAILERS_IN, final_status(e));
}
