/* SPDX-License-Identifier: MIT */
/*
 * timeout.c - a stream that fails when its source takes too long.
 *
 * A wait begins with the poll that was told PENDING, so a reader that is slow to ask does not use
 * up the time its source has to answer; and a message that is there is delivered, however late.
 */
#include "stream/combinator.h"

#include "base/clock.h"

struct timeout {
    weir_stream source;
    uint64_t wait_ns; /* for the message that comes next */
    uint64_t next_ns; /* for those after it */
    uint64_t total_ns;
    uint64_t wait_end; /* WEIR_NEVER: no wait is under way */
    uint64_t end;
    bool started;
};

static weir_poll go_on_waiting(struct timeout *timeout, weir_task *task, weir_item *out)
{
    uint64_t now = weir_task_now(task);

    if (timeout->wait_end == WEIR_NEVER)
        timeout->wait_end = clock_after(now, timeout->wait_ns);
    if (now >= timeout->wait_end)
        return poll_error(out, WEIR_DEADLINE_EXCEEDED, "the next message took too long");
    weir_task_wake_at(task, timeout->wait_end < timeout->end ? timeout->wait_end : timeout->end);
    return WEIR_PENDING;
}

static weir_poll timeout_poll(void *self, weir_task *task, weir_item *out)
{
    struct timeout *timeout = self;
    uint64_t now = weir_task_now(task);
    weir_poll poll;

    if (!timeout->started) {
        timeout->started = true;
        timeout->end = clock_after(now, timeout->total_ns);
    }
    if (now >= timeout->end)
        return poll_error(out, WEIR_DEADLINE_EXCEEDED, "the stream took too long");
    poll = weir_stream_poll(&timeout->source, task, out);
    if (poll == WEIR_PENDING)
        return go_on_waiting(timeout, task, out);
    timeout->wait_ns = timeout->next_ns;
    timeout->wait_end = WEIR_NEVER;
    return poll;
}

static const weir_stream_ops timeout_ops = {timeout_poll, combinator_release};

static uint64_t limit(uint64_t ns)
{
    return ns != 0 ? ns : WEIR_NEVER;
}

weir_stream weir_stream_timeout(weir_stream source, const weir_timeout_options *options)
{
    struct timeout *timeout = combinator_alloc(sizeof *timeout, &source);

    if (timeout == NULL)
        return stream_out_of_memory();
    *timeout = (struct timeout){
        .source = source,
        .wait_ns = limit(options->first_ns),
        .next_ns = limit(options->next_ns),
        .total_ns = limit(options->total_ns),
        .wait_end = WEIR_NEVER,
    };
    return (weir_stream){&timeout_ops, timeout};
}
