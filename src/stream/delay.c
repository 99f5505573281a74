/* SPDX-License-Identifier: MIT */
/*
 * delay.c - a stream that waits before it begins.
 *
 * Its source is not polled before the time has come.
 */
#include "stream/combinator.h"

#include "base/clock.h"

struct delay {
    weir_stream source;
    uint64_t delay_ns;
    uint64_t begin; /* WEIR_NEVER: not polled yet */
};

static weir_poll delay_poll(void *self, weir_task *task, weir_item *out)
{
    struct delay *delay = self;
    uint64_t now = weir_task_now(task);

    if (delay->begin == WEIR_NEVER)
        delay->begin = clock_after(now, delay->delay_ns);
    if (now >= delay->begin)
        return weir_stream_poll(&delay->source, task, out);
    weir_task_wake_at(task, delay->begin);
    return WEIR_PENDING;
}

static const weir_stream_ops delay_ops = {delay_poll, combinator_release};

weir_stream weir_stream_delay(weir_stream source, uint64_t delay_ns)
{
    struct delay *delay = combinator_alloc(sizeof *delay, &source);

    if (delay == NULL)
        return stream_out_of_memory();
    *delay = (struct delay){source, delay_ns, WEIR_NEVER};
    return (weir_stream){&delay_ops, delay};
}
