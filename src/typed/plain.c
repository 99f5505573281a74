/* SPDX-License-Identifier: MIT */
/*
 * plain.c - plain functions of structures as handlers.
 *
 * A unary function's messages lie in its call's own memory, which ends with the call. A function that
 * streams would fill that for as long as it runs: it reads into one arena, cleared with each read,
 * and builds what it writes in another, cleared with each write.
 */
#include "call/call.h"
#include "typed/function.h"
#include "typed/message.h"

struct weir_typed_io {
    const weir_method *method;
    weir_io *io;
    struct message_arena in;
    struct message_arena out;
};

static size_t memory_of(const weir_call *call)
{
    return call->max_message_memory != 0 ? call->max_message_memory : SIZE_MAX;
}

/* ---- unary, on the loop ---- */

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a message");
}

static weir_code unary(void *self, weir_call *call, const weir_bytes *data, weir_bytes *reply,
                       weir_status *why)
{
    const struct typed_function *f = self;
    void *request, *response;
    weir_code code;

    arena_allow(&call->arena, memory_of(call));
    code = weir_message_unpack(f->method->request, &call->arena, data, &request, why);
    if (code != WEIR_OK)
        return code;
    response = weir_message_create(f->method->response, &call->arena);
    if (response == NULL)
        return out_of_memory(why);
    code = f->plain(&f->target, call, request, NULL, response, why);
    if (code != WEIR_OK)
        return code;
    return message_pack_built(f->method->response, response, &call->arena, reply, why);
}

/* ---- on a thread of the pool ---- */

weir_poll weir_typed_read(weir_typed_io *io, const void **out, weir_status *why)
{
    void *message = NULL;
    weir_item item;
    weir_poll poll;

    arena_clear(&io->in.arena);
    poll = weir_read(io->io, &item);
    if (poll == WEIR_READY && message_unpack_owned(io->method->request, &io->in.arena, item.message,
                                                   &message, &item.status) != WEIR_OK)
        poll = WEIR_ERROR;
    *out = message;
    return poll == WEIR_ERROR ? poll_status(&item, why) : poll;
}

weir_code weir_typed_write(weir_typed_io *io, const void *message)
{
    weir_bytes bytes;
    weir_code code =
        message_pack_built(io->method->response, message, &io->out.arena, &bytes, NULL);

    arena_clear(&io->out.arena);
    return code == WEIR_OK ? weir_write(io->io, bytes) : code;
}

/* The one request of a method that takes one; it stays until the function has returned. */
static weir_code read_request(weir_typed_io *io, weir_call *call, void **request, weir_status *why)
{
    weir_item first, second;
    weir_poll poll = weir_read(io->io, &first);

    if (poll == WEIR_END)
        return weir_fail(why, WEIR_UNIMPLEMENTED, "no request message");
    if (poll == WEIR_ERROR) {
        poll_status(&first, why);
        return why->code;
    }
    poll = weir_read(io->io, &second);
    if (poll == WEIR_END)
        return message_unpack_owned(io->method->request, &call->arena, first.message, request, why);
    weir_item_clear(&first);
    if (poll == WEIR_ERROR) {
        poll_status(&second, why);
        return why->code;
    }
    weir_item_clear(&second);
    return weir_fail(why, WEIR_UNIMPLEMENTED, "more than one request message");
}

static weir_code run(const struct typed_function *f, weir_call *call, weir_typed_io *io,
                     weir_status *why)
{
    void *request = NULL, *response = NULL;
    weir_code code = WEIR_OK;

    if (!f->method->client_streaming)
        code = read_request(io, call, &request, why);
    if (code == WEIR_OK && !f->method->server_streaming) {
        response = weir_message_create(f->method->response, &io->out.arena);
        if (response == NULL)
            code = out_of_memory(why);
    }
    if (code == WEIR_OK)
        code = f->plain(&f->target, call, request, io, response, why);
    return code == WEIR_OK && response != NULL ? weir_typed_write(io, response) : code;
}

static weir_code blocking(void *self, weir_call *call, weir_io *raw, weir_status *why)
{
    const struct typed_function *f = self;
    weir_typed_io io = {.method = f->method, .io = raw};
    weir_code code;

    message_arena_init(&io.in, memory_of(call));
    message_arena_init(&io.out, memory_of(call));
    arena_allow(&call->arena, memory_of(call));
    call->message_arena = &io.out.arena;
    code = run(f, call, &io, why);
    call->message_arena = NULL;
    arena_clear(&io.in.arena);
    arena_clear(&io.out.arena);
    return code;
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
