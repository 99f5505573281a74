/* SPDX-License-Identifier: MIT */
/*
 * filter.c - streams that ask a test about each message: filter and take_while.
 *
 * Neither holds a message. filter lets its task go after a run of refusals, so that a source that
 * is always ready and never wanted does not hold up others.
 */
#include "stream/combinator.h"

struct filter {
    weir_stream source;
    weir_test_fn *fn;
    void *arg;
};

static weir_poll filter_poll(void *self, weir_task *task, weir_item *out)
{
    struct filter *filter = self;

    for (int run = 0; run < LONGEST_RUN; run++) {
        weir_poll poll = weir_stream_poll(&filter->source, task, out);

        if (poll != WEIR_READY || filter->fn(filter->arg, &out->message))
            return poll;
        weir_item_clear(out);
    }
    return poll_yield(task);
}

static weir_poll take_while_poll(void *self, weir_task *task, weir_item *out)
{
    struct filter *filter = self;
    weir_poll poll = weir_stream_poll(&filter->source, task, out);

    if (poll != WEIR_READY || filter->fn(filter->arg, &out->message))
        return poll;
    return WEIR_END;
}

static const weir_stream_ops filter_ops = {filter_poll, combinator_release};
static const weir_stream_ops take_while_ops = {take_while_poll, combinator_release};

static weir_stream create(weir_stream source, weir_test_fn *fn, void *arg,
                          const weir_stream_ops *ops)
{
    struct filter *filter = combinator_alloc(sizeof *filter, &source);

    if (filter == NULL)
        return stream_out_of_memory();
    *filter = (struct filter){source, fn, arg};
    return (weir_stream){ops, filter};
}

weir_stream weir_stream_filter(weir_stream source, weir_test_fn *fn, void *arg)
{
    return create(source, fn, arg, &filter_ops);
}

weir_stream weir_stream_take_while(weir_stream source, weir_test_fn *fn, void *arg)
{
    return create(source, fn, arg, &take_while_ops);
}
