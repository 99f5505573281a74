/* SPDX-License-Identifier: MIT */
/*
 * from.c - a stream that is a function and its state.
 *
 * The state is the stream's from the start, also when the stream could not be made.
 */
#include "stream/combinator.h"

#include "base/alloc.h"

struct from {
    weir_next_fn *next;
    void *state;
    void (*release)(void *state);
};

static weir_poll from_poll(void *self, weir_task *task, weir_item *out)
{
    struct from *from = self;

    return from->next(from->state, task, out);
}

static void from_release(void *self)
{
    struct from *from = self;

    if (from->release != NULL)
        from->release(from->state);
    mem_free(from);
}

static const weir_stream_ops from_ops = {from_poll, from_release};

weir_stream weir_stream_from(weir_next_fn *next, void *state, void (*release)(void *state))
{
    struct from *from;

    if (state == NULL && release != NULL)
        return stream_out_of_memory();
    from = mem_alloc(sizeof *from);
    if (from == NULL) {
        if (release != NULL)
            release(state);
        return stream_out_of_memory();
    }
    *from = (struct from){next, state, release};
    return (weir_stream){&from_ops, from};
}
