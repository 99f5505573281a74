/* SPDX-License-Identifier: MIT */
/*
 * take.c - the first messages of a stream, or all but the first: take and skip.
 *
 * take releases its source with the last message it delivers, so that what the source is made of
 * does not wait for one more poll.
 */
#include "stream/combinator.h"

struct take {
    weir_stream source;
    uint64_t left;
};

static weir_poll take_poll(void *self, weir_task *task, weir_item *out)
{
    struct take *take = self;
    weir_poll poll = weir_stream_poll(&take->source, task, out);

    if (poll == WEIR_READY && --take->left == 0)
        weir_stream_release(&take->source);
    return poll;
}

static weir_poll skip_poll(void *self, weir_task *task, weir_item *out)
{
    struct take *skip = self;

    for (int run = 0; run < LONGEST_RUN; run++) {
        weir_poll poll = weir_stream_poll(&skip->source, task, out);

        if (poll != WEIR_READY || skip->left == 0)
            return poll;
        skip->left--;
        weir_item_clear(out);
    }
    return poll_yield(task);
}

static const weir_stream_ops take_ops = {take_poll, combinator_release};
static const weir_stream_ops skip_ops = {skip_poll, combinator_release};

static weir_stream create(weir_stream source, uint64_t count, const weir_stream_ops *ops)
{
    struct take *take = combinator_alloc(sizeof *take, &source);

    if (take == NULL)
        return stream_out_of_memory();
    *take = (struct take){source, count};
    return (weir_stream){ops, take};
}

weir_stream weir_stream_take(weir_stream source, uint64_t count)
{
    if (count == 0) {
        weir_stream_release(&source);
        return weir_stream_empty();
    }
    return create(source, count, &take_ops);
}

weir_stream weir_stream_skip(weir_stream source, uint64_t count)
{
    return create(source, count, &skip_ops);
}
