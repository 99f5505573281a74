/* SPDX-License-Identifier: MIT */
/*
 * tick_handler.c - Tick: a generator that never ends, behind a throttle, cut off at a count.
 *
 * None of them knows of the network: the generator makes a message when it is asked, and it is
 * asked when the schedule and the client allow it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers.h"
#include "messages.h"

static weir_poll next_tick(void *state, weir_task *task, weir_item *out)
{
    uint64_t *next = state;
    char text[32];

    (void)task;
    snprintf(text, sizeof text, "message_%" PRIu64, (*next)++);
    out->message = text_write(slice_of(text));
    return WEIR_READY;
}

weir_stream tick_handler(void *self, weir_call *call, const weir_bytes *message)
{
    tick_request request;
    weir_stream ticks;

    (void)self, (void)call;
    if (!tick_request_read(message, &request))
        return weir_stream_fail(WEIR_INTERNAL, "the request is no TickRequest");
    if (request.interval_ns > WEIR_SECONDS(3600))
        return weir_stream_fail(WEIR_INVALID_ARGUMENT, "interval_ns is more than an hour");
    ticks = weir_stream_from(next_tick, calloc(1, sizeof(uint64_t)), free);
    if (request.interval_ns > 0)
        ticks = weir_stream_throttle(ticks, request.interval_ns);
    /* Outermost, so that the end comes with the last message and not a slot later. */
    return request.count > 0 ? weir_stream_take(ticks, request.count) : ticks;
}
