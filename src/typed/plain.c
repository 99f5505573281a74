/* SPDX-License-Identifier: MIT */
/*
 * plain.c - plain functions of structures as handlers.
 *
 * Messages never lie in the call's own memory, which ends with the call: that may be long after,
 * when the client takes its time to read the response. A unary function has an arena that ends with
 * it. One that streams reads into one arena, cleared with each read, and builds what it writes in
 * another, cleared with each write.
 */
#include "call/call.h"
#include "stream/combinator.h"
#include "typed/function.h"
#include "typed/message.h"

#include <assert.h>

struct weir_typed_io {
    const weir_method *method;
    weir_call *call;
    weir_io *io;
    weir_status fault; /* a message that could not be unpacked or packed: the call cannot be OK */
    struct message_arena in;
    struct message_arena out;
};

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a message");
}

/* ---- unary, on the loop ---- */

static weir_code call_unary(const struct typed_function *f, weir_call *call,
                            struct weir_arena *arena, const weir_bytes *data, weir_bytes *reply,
                            weir_status *why)
{
    void *request, *response;
    weir_code code = typed_check_subtype(f->method, call, why);

    if (code == WEIR_OK)
        code = weir_message_unpack(f->method->request, arena, data, &request, why);
    if (code != WEIR_OK)
        return code;
    response = weir_message_create(f->method->response, arena);
    if (response == NULL)
        return out_of_memory(why);
    code = f->plain(&f->target, call, request, NULL, response, why);
    if (code != WEIR_OK)
        return code;
    return message_pack_built(f->method->response, response, arena, reply, why);
}

static weir_code unary(void *self, weir_call *call, const weir_bytes *data, weir_bytes *reply,
                       weir_status *why)
{
    struct message_arena own;
    weir_code code;

    message_arena_init(&own, call->max_message_memory, call);
    call->message_arena = &own.arena;
    code = call_unary(self, call, &own.arena, data, reply, why);
    call->message_arena = NULL;
    arena_clear(&own.arena);
    return code;
}

/* ---- on a thread of the pool ---- */

static weir_poll next_request(weir_typed_io *io, void **message, weir_item *item)
{
    weir_poll poll = weir_read(io->io, item);

    io->call->request_flags = item->flags;
    if (poll != WEIR_READY ||
        message_unpack_owned(io->method->request, &io->in.arena, item->message, message,
                             &item->status) == WEIR_OK)
        return poll;
    io->fault = weir_status_ref(&item->status);
    return WEIR_ERROR;
}

weir_poll weir_typed_read(weir_typed_io *io, const void **out, weir_status *why)
{
    void *message = NULL;
    weir_poll poll = WEIR_END;
    weir_item item;

    assert(io->method->client_streaming);
    arena_clear(&io->in.arena);
    if (io->fault.code == WEIR_OK)
        poll = next_request(io, &message, &item);
    *out = message;
    return poll == WEIR_ERROR ? poll_status(&item, why) : poll;
}

static weir_code write_response(weir_typed_io *io, const void *message)
{
    weir_status why = {0};
    weir_bytes bytes;
    weir_code code =
        message_pack_built(io->method->response, message, &io->out.arena, &bytes, &why);

    arena_clear(&io->out.arena);
    if (code == WEIR_OK)
        return weir_write(io->io, bytes);
    weir_status_clear(&io->fault);
    io->fault = why;
    return code;
}

weir_code weir_typed_write(weir_typed_io *io, const void *message)
{
    assert(io->method->server_streaming);
    return write_response(io, message);
}

static weir_code take_error(weir_item *item, weir_status *why)
{
    poll_status(item, why);
    return why->code;
}

/* The one request of a method that takes one; it stays until the function has returned. */
static weir_code read_request(weir_typed_io *io, void **request, weir_status *why)
{
    weir_item first, second;
    weir_poll poll = weir_read(io->io, &first);

    if (poll == WEIR_END)
        return weir_fail(why, WEIR_UNIMPLEMENTED, "no request message");
    if (poll == WEIR_ERROR)
        return take_error(&first, why);
    io->call->request_flags = first.flags;
    poll = weir_read(io->io, &second);
    if (poll == WEIR_END)
        return message_unpack_owned(io->method->request, &io->in.arena, first.message, request,
                                    why);
    weir_item_clear(&first);
    if (poll == WEIR_ERROR)
        return take_error(&second, why);
    weir_item_clear(&second);
    return weir_fail(why, WEIR_UNIMPLEMENTED, "more than one request message");
}

static weir_code call_function(const struct typed_function *f, weir_call *call, weir_typed_io *io,
                               weir_status *why)
{
    const weir_method *method = f->method;
    void *request = NULL, *response = NULL;
    weir_code code = typed_check_subtype(method, call, why);

    if (code == WEIR_OK && !method->client_streaming)
        code = read_request(io, &request, why);
    if (code != WEIR_OK)
        return code;
    if (!method->server_streaming) {
        response = weir_message_create(method->response, &io->out.arena);
        if (response == NULL)
            return out_of_memory(why);
    }
    code =
        f->plain(&f->target, call, request,
                 method->client_streaming || method->server_streaming ? io : NULL, response, why);
    return code == WEIR_OK && response != NULL && io->fault.code == WEIR_OK
               ? write_response(io, response)
               : code;
}

/* A function that did not look at a fault, or passed its code on, ends with the fault. */
static weir_code settle(weir_typed_io *io, weir_code code, weir_status *why)
{
    bool unsaid = code == io->fault.code && why->message.size == 0;

    if (io->fault.code == WEIR_OK || !(code == WEIR_OK || unsaid)) {
        weir_status_clear(&io->fault);
        return code;
    }
    weir_status_clear(why);
    *why = io->fault;
    return why->code;
}

static weir_code blocking(void *self, weir_call *call, weir_io *raw, weir_status *why)
{
    const struct typed_function *f = self;
    weir_typed_io io = {.method = f->method, .call = call, .io = raw};
    weir_code code;

    message_arena_init(&io.in, call->max_message_memory, call);
    message_arena_init(&io.out, call->max_message_memory, call);
    call->message_arena = &io.out.arena;
    code = call_function(f, call, &io, why);
    call->message_arena = NULL;
    arena_clear(&io.in.arena);
    arena_clear(&io.out.arena);
    return settle(&io, code, why);
}

weir_handler weir_typed_plain(const weir_method *method, weir_plain_invoke *invoke,
                              weir_target target, bool blocks)
{
    const struct typed_function function = {.method = method, .plain = invoke, .target = target};
    struct typed_function *f = typed_function_create(&function);

    if (blocks || method->client_streaming || method->server_streaming)
        return weir_blocking(blocking, f, typed_function_release);
    return weir_unary(unary, f, typed_function_release);
}
