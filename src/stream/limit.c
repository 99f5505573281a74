/* SPDX-License-Identifier: MIT */
/*
 * limit.c - a stream that fails when its source delivers more than was agreed.
 */
#include "stream/combinator.h"

struct limit {
    weir_stream source;
    uint64_t messages; /* that may still pass; UINT64_MAX: no limit */
    uint64_t bytes;
};

static bool spend(uint64_t *left, uint64_t amount)
{
    if (*left == UINT64_MAX)
        return true;
    if (*left < amount)
        return false;
    *left -= amount;
    return true;
}

static weir_poll limit_poll(void *self, weir_task *task, weir_item *out)
{
    struct limit *limit = self;
    weir_poll poll = weir_stream_poll(&limit->source, task, out);

    if (poll != WEIR_READY)
        return poll;
    if (!spend(&limit->messages, 1))
        return poll_error(out, WEIR_RESOURCE_EXHAUSTED, "more messages than allowed");
    if (!spend(&limit->bytes, out->message.size))
        return poll_error(out, WEIR_RESOURCE_EXHAUSTED, "more bytes than allowed");
    return WEIR_READY;
}

static const weir_stream_ops limit_ops = {limit_poll, combinator_release};

weir_stream weir_stream_limit(weir_stream source, uint64_t max_messages, uint64_t max_bytes)
{
    struct limit *limit = combinator_alloc(sizeof *limit, &source);

    if (limit == NULL)
        return stream_out_of_memory();
    *limit = (struct limit){source, max_messages, max_bytes};
    return (weir_stream){&limit_ops, limit};
}
