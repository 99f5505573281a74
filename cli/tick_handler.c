/* SPDX-License-Identifier: MIT */
/*
 * tick_handler.c - Tick: a generator that never ends, behind a throttle, cut off at a count.
 *
 * None of them knows of the network: the generator makes a message when it is asked, and it is
 * asked when the schedule and the client allow it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "handlers.h"

static weir_poll next_tick(void *state, weir_task *task, weir_arena *arena,
                           Weir__Demo__V1__TickReply *out, weir_status *why)
{
    uint64_t *next = state;

    (void)task, (void)why;
    out->text = weir_arena_format(arena, "message_%" PRIu64, (*next)++);
    return WEIR_READY;
}

Weir__Demo__V1__Streams__Tick_Responses tick_handler(void *self, weir_call *call,
                                                     const Weir__Demo__V1__TickRequest *request)
{
    Weir__Demo__V1__Streams__Tick_Responses ticks;

    (void)self, (void)call;
    if (request->interval_ns > WEIR_SECONDS(3600)) {
        ticks.stream = weir_stream_fail(WEIR_INVALID_ARGUMENT, "interval_ns is more than an hour");
        return ticks;
    }
    ticks =
        weir__demo__v1__streams__tick__responses_from(next_tick, calloc(1, sizeof(uint64_t)), free);
    if (request->interval_ns > 0)
        ticks.stream = weir_stream_throttle(ticks.stream, request->interval_ns);
    /* Outermost, so that the end comes with the last message and not a slot later. */
    if (request->count > 0)
        ticks.stream = weir_stream_take(ticks.stream, request->count);
    return ticks;
}
