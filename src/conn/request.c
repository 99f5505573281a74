/* SPDX-License-Identifier: MIT */
/*
 * request.c - a server's side of a call: from its header block to its handler.
 *
 * A request that gRPC cannot carry is answered here and never reaches a handler: with an HTTP
 * status when it is no gRPC request at all, else with trailers only.
 */
#include "base/clock.h"
#include "call/timeout.h"
#include "conn/admission.h"
#include "conn/connection.h"
#include "conn/headers.h"
#include "framing/compression.h"

#define REFUSED_TEXT 64

/* Of a request that is refused only the beginning, for the log. */
static void keep_text(struct exchange *e, const char **where, weir_slice value)
{
    const char *copy;

    if (e->refused && value.size > REFUSED_TEXT)
        value.size = REFUSED_TEXT;
    copy = call_copy(e->call, value);
    if (copy != NULL) {
        *where = copy;
        return;
    }
    exchange_refuse(e, WEIR_RESOURCE_EXHAUSTED, "out of memory for a request");
}

static void read_timeout(struct exchange *e, weir_slice value)
{
    uint64_t timeout;

    if (timeout_parse(value.data, value.size, &timeout)) {
        e->call->timeout_ns = timeout;
        return;
    }
    exchange_refuse(e, WEIR_INTERNAL, "malformed grpc-timeout");
}

static void read_encoding(struct exchange *e, weir_slice value)
{
    weir_compression encoding;

    if (compression_parse(value, &encoding)) {
        inbound_set_encoding(e->in, encoding);
        return;
    }
    e->unsupported_encoding = true;
    exchange_refuse(e, WEIR_UNIMPLEMENTED, "grpc-encoding %.*s is not supported",
                    (int)(value.size < 64 ? value.size : 64), (const char *)value.data);
}

static void pseudo_header(struct exchange *e, weir_slice name, weir_slice value)
{
    if (HEADER_IS(name, ":path"))
        keep_text(e, &e->call->method, value);
    else if (HEADER_IS(name, ":method"))
        e->is_post = HEADER_IS(value, "POST");
    else if (HEADER_IS(name, ":authority"))
        keep_text(e, &e->call->authority, value);
}

/* What clients of protobuf send is not kept for each call. */
static void read_content_type(struct exchange *e, weir_slice value)
{
    weir_slice subtype;

    e->is_grpc = headers_content_type_is_grpc(value);
    subtype = headers_content_subtype(value);
    if (subtype.size == 0)
        return;
    if (HEADER_IS(subtype, "proto"))
        e->call->subtype = "proto";
    else
        keep_text(e, &e->call->subtype, subtype);
}

/* gRPC's and HTTP's own headers are read here, and all others are the call's metadata. */
static bool own_header(struct exchange *e, weir_slice name, weir_slice value)
{
    if (HEADER_IS(name, "content-type"))
        read_content_type(e, value);
    else if (HEADER_IS(name, "grpc-timeout"))
        read_timeout(e, value);
    else if (HEADER_IS(name, "grpc-encoding"))
        read_encoding(e, value);
    else if (HEADER_IS(name, "grpc-accept-encoding"))
        e->accepted |= compression_parse_list(value);
    else
        return HEADER_IS(name, "te") || HEADER_IS(name, "content-length") ||
               HEADER_IS(name, "host");
    return true;
}

/* Before anything of it is kept: a header block is small on the wire and may be large here, and
 * those of many connections may come before one of their calls begins. */
static void look_at_memory(struct exchange *e)
{
    if (!e->refused && budget_is_full(e->connection->budget) && !memory_admits(e))
        exchange_refuse(e, WEIR_RESOURCE_EXHAUSTED, "the server is out of memory for calls");
}

void request_header(struct exchange *e, weir_slice name, weir_slice value)
{
    if (e->request_complete || !exchange_has_room(e))
        return;
    look_at_memory(e);
    if (name.size != 0 && name.data[0] == ':')
        pseudo_header(e, name, value);
    else if (!own_header(e, name, value))
        exchange_keep_header(e, &e->call->request, name, value);
}

/* A request that fails before it has a handler. */
static void refuse(struct exchange *e)
{
    weir_status status = e->refusal;

    e->refusal = (weir_status){0};
    e->out_ended = true;
    if (e->http_answer == NULL)
        measure_start(e, metrics_method(e->connection->metrics, 0));
    report_limit(e, &status);
    inbound_discard(e->in);
    exchange_step(e, CALL_OUT_ERROR, status);
}

static void start_deadline(struct exchange *e)
{
    if (e->call->timeout_ns == WEIR_NEVER || e->deadline != WEIR_NEVER)
        return;
    e->call->deadline = clock_after(e->loop->now, e->call->timeout_ns);
    exchange_set_deadline(e, e->call->deadline);
}

static void dispatch(struct exchange *e)
{
    struct connection_owner *owner = &e->connection->owner;

    start_deadline(e);
    if (admission_admits(e->connection, e))
        e->out = owner->dispatch(owner->self, e, inbound_stream(e->in, NULL));
}

void request_start(struct exchange *e)
{
    measure_stream(e);
    if (e->out_ended)
        return; /* it waited, and is over */
    if (!e->is_post)
        e->http_answer = "405";
    else if (!e->is_grpc)
        e->http_answer = "415";
    if (e->http_answer != NULL)
        exchange_refuse(e, WEIR_UNKNOWN, "not a gRPC request");
    if (e->call->timeout_ns == 0)
        exchange_refuse(e, WEIR_DEADLINE_EXCEEDED, "the deadline passed");
    if (!e->refused && budget_is_short(e->connection->budget) && !memory_admits(e))
        exchange_refuse(e, WEIR_RESOURCE_EXHAUSTED, "the server is out of memory for calls");
    if (e->refused)
        refuse(e);
    else
        dispatch(e);
}
