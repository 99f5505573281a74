/* SPDX-License-Identifier: MIT */
/*
 * stream.c - functions that return a stream as handlers, and sources that fill structures.
 */
#include "base/alloc.h"
#include "call/call.h"
#include "server/function.h"
#include "stream/combinator.h"
#include "typed/function.h"
#include "typed/message.h"

/* ---- handlers ---- */

static weir_stream one_request(void *self, weir_call *call, const weir_bytes *data)
{
    const struct typed_function *f = self;
    struct message_arena own;
    weir_status why = {0};
    weir_stream responses;
    void *request;

    message_arena_init(&own, call->max_message_memory, call);
    if (typed_check_subtype(f->method, call, &why) == WEIR_OK)
        why.code = weir_message_unpack(f->method->request, &own.arena, data, &request, &why);
    if (why.code == WEIR_OK)
        responses = f->stream(&f->target, call, request, (weir_stream){0});
    else
        responses = weir_stream_error(why);
    arena_clear(&own.arena);
    return responses;
}

static weir_stream many_requests(void *self, weir_call *call, weir_stream requests)
{
    const struct typed_function *f = self;
    weir_status why = {0};

    if (typed_check_subtype(f->method, call, &why) == WEIR_OK)
        return f->stream(&f->target, call, NULL, requests);
    weir_stream_release(&requests);
    return weir_stream_error(why);
}

weir_handler weir_typed_stream(const weir_method *method, weir_stream_invoke *invoke,
                               weir_target target)
{
    const struct typed_function function = {.method = method, .stream = invoke, .target = target};
    struct typed_function *f = typed_function_create(&function);

    if (f == NULL)
        return refusing_handler();
    if (method->client_streaming)
        return (weir_handler){many_requests, f, typed_function_release};
    return weir_server_streaming(one_request, f, typed_function_release);
}

/* ---- sources ---- */

struct source {
    const weir_message_type *type;
    weir_source_invoke *invoke;
    weir_target target;
    struct message_arena own;
};

static weir_poll source_fill(struct source *s, weir_task *task, weir_item *out)
{
    void *message = weir_message_create(s->type, &s->own.arena);
    weir_poll poll;

    if (message == NULL)
        return poll_out_of_memory(out);
    poll = s->invoke(&s->target, task, &s->own.arena, message, &out->status);
    if (poll != WEIR_READY)
        return poll;
    weir_status_clear(&out->status);
    return message_pack_item(s->type, message, &s->own.arena, out);
}

/* A stream that waits holds no message. */
static weir_poll source_poll(void *self, weir_task *task, weir_item *out)
{
    struct source *s = self;
    weir_poll poll = source_fill(s, task, out);

    arena_clear(&s->own.arena);
    return poll;
}

static void source_release(void *self)
{
    struct source *s = self;

    target_release(&s->target);
    mem_free(s);
}

weir_stream weir_typed_from(const weir_message_type *type, weir_source_invoke *invoke,
                            weir_target target)
{
    static const weir_stream_ops ops = {source_poll, source_release};
    struct source *s = target_failed(&target) ? NULL : mem_alloc(sizeof *s);

    if (s == NULL) {
        target_release(&target);
        return stream_out_of_memory();
    }
    s->type = type;
    s->invoke = invoke;
    s->target = target;
    message_arena_init(&s->own, BUILT_MEMORY, NULL);
    return (weir_stream){&ops, s};
}
