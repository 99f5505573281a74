/* SPDX-License-Identifier: MIT */
/*
 * combinators.c - map and fold over structures, on top of those over bytes.
 *
 * Each message is unpacked, used and packed within one poll, in an arena that is cleared for the
 * next one, so neither grows with the stream.
 */
#include "base/alloc.h"
#include "stream/combinator.h"
#include "typed/function.h"
#include "typed/message.h"

/* As combinator_alloc; NULL, too, when the target's self could not be made. */
static void *alloc_with(const weir_target *target, size_t size, weir_stream *requests)
{
    if (!target_failed(target))
        return combinator_alloc(size, requests);
    weir_stream_release(requests);
    return NULL;
}

/* ---- map ---- */

struct typed_map {
    weir_stream source;
    const weir_method *method;
    weir_map_invoke *invoke;
    weir_target target;
    struct message_arena own;
};

static weir_poll map_message(struct typed_map *m, weir_bytes data, weir_item *out)
{
    struct weir_arena *arena = &m->own.arena;
    void *request, *response;
    weir_code code;

    arena_allow(arena, unpacked_memory(data.size));
    code = message_unpack_owned(m->method->request, arena, data, &request, &out->status);
    if (code != WEIR_OK)
        return poll_refused(out, code);
    arena_allow(arena, BUILT_MEMORY);
    response = weir_message_create(m->method->response, arena);
    if (response == NULL)
        return poll_out_of_memory(out);
    code = m->invoke(&m->target, arena, request, response, &out->status);
    if (code != WEIR_OK)
        return poll_refused(out, code);
    weir_status_clear(&out->status);
    return message_pack_item(m->method->response, response, arena, out);
}

static weir_poll map_poll(void *self, weir_task *task, weir_item *out)
{
    struct typed_map *m = self;
    weir_poll poll = weir_stream_poll(&m->source, task, out);
    weir_bytes data = out->message;

    if (poll != WEIR_READY)
        return poll;
    *out = (weir_item){0};
    poll = map_message(m, data, out);
    arena_clear(&m->own.arena);
    return poll;
}

static void map_release(void *self)
{
    struct typed_map *m = self;

    target_release(&m->target);
    combinator_release(m);
}

weir_stream weir_typed_map(const weir_method *method, weir_stream requests, weir_map_invoke *invoke,
                           weir_target target)
{
    static const weir_stream_ops ops = {map_poll, map_release};
    struct typed_map *m = alloc_with(&target, sizeof *m, &requests);

    if (m == NULL) {
        target_release(&target);
        return stream_out_of_memory();
    }
    m->source = requests;
    m->method = method;
    m->invoke = invoke;
    m->target = target;
    message_arena_init(&m->own, SIZE_MAX, NULL);
    return (weir_stream){&ops, m};
}

/* ---- fold ---- */

struct typed_fold {
    const weir_method *method;
    weir_step_invoke *step;
    weir_finish_invoke *finish;
    weir_target target;
    weir_any_fn *finish_fn;
    struct message_arena own;
};

static weir_code fold_step(void *state, const weir_bytes *message, weir_status *why)
{
    struct typed_fold *f = state;
    void *request;
    weir_code code;

    arena_allow(&f->own.arena, unpacked_memory(message->size));
    code = weir_message_unpack(f->method->request, &f->own.arena, message, &request, why);
    if (code == WEIR_OK)
        code = f->step(&f->target, request, why);
    arena_clear(&f->own.arena);
    return code;
}

static weir_code fold_finish(void *state, weir_bytes *out, weir_status *why)
{
    struct typed_fold *f = state;
    void *response;
    weir_code code;

    arena_allow(&f->own.arena, BUILT_MEMORY);
    response = weir_message_create(f->method->response, &f->own.arena);
    if (response == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a message");
    code = f->finish(f->finish_fn, f->target.self, &f->own.arena, response, why);
    if (code == WEIR_OK)
        code = message_pack_built(f->method->response, response, &f->own.arena, out, why);
    arena_clear(&f->own.arena);
    return code;
}

static void fold_release(void *state)
{
    struct typed_fold *f = state;

    target_release(&f->target);
    mem_free(f);
}

weir_stream weir_typed_fold(const weir_method *method, weir_stream requests, weir_step_invoke *step,
                            weir_finish_invoke *finish, weir_target target, weir_any_fn *finish_fn)
{
    struct typed_fold *f = alloc_with(&target, sizeof *f, &requests);
    weir_fold fold = {fold_step, fold_finish, fold_release, f};

    if (f == NULL) {
        target_release(&target);
        return stream_out_of_memory();
    }
    *f = (struct typed_fold){.method = method, .step = step, .finish = finish, .target = target};
    f->finish_fn = finish_fn;
    message_arena_init(&f->own, SIZE_MAX, NULL);
    return weir_stream_fold(requests, &fold);
}
