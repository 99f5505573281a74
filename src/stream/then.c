/* SPDX-License-Identifier: MIT */
/*
 * then.c - a stream that makes a stream of each message and reads those one after another.
 *
 * At most one of them exists at a time; the source is polled for the next when it ended.
 */
#include "stream/combinator.h"

struct then {
    weir_stream source;
    weir_stream current;
    weir_then_fn *fn;
    void *arg;
};

static weir_poll then_poll(void *self, weir_task *task, weir_item *out)
{
    struct then *then = self;

    for (int run = 0; run < LONGEST_RUN; run++) {
        weir_poll poll = weir_stream_poll(&then->current, task, out);

        if (poll != WEIR_END)
            return poll;
        poll = weir_stream_poll(&then->source, task, out);
        if (poll != WEIR_READY)
            return poll;
        then->current = then->fn(then->arg, out->message);
        *out = (weir_item){0};
    }
    return poll_yield(task);
}

static void then_release(void *self)
{
    struct then *then = self;

    weir_stream_release(&then->current);
    combinator_release(then);
}

static const weir_stream_ops then_ops = {then_poll, then_release};

weir_stream weir_stream_then(weir_stream source, weir_then_fn *fn, void *arg)
{
    struct then *then = combinator_alloc(sizeof *then, &source);

    if (then == NULL)
        return stream_out_of_memory();
    *then = (struct then){.source = source, .fn = fn, .arg = arg};
    return (weir_stream){&then_ops, then};
}
