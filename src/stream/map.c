/* SPDX-License-Identifier: MIT */
/*
 * map.c - a stream that rewrites each message of another stream.
 *
 * map holds no messages: it polls its source only when it is polled itself, so it adds no
 * buffering and passes backpressure through unchanged.
 */
#include "stream/combinator.h"

struct map {
    weir_stream source;
    weir_map_fn *fn;
    void *arg;
};

static weir_poll map_poll(void *self, weir_task *task, weir_item *out)
{
    struct map *map = self;
    weir_poll poll = weir_stream_poll(&map->source, task, out);
    weir_code code;

    if (poll != WEIR_READY)
        return poll;
    code = map->fn(map->arg, &out->message, &out->status);
    return code == WEIR_OK ? WEIR_READY : poll_refused(out, code);
}

static const weir_stream_ops map_ops = {map_poll, combinator_release};

weir_stream weir_stream_map(weir_stream source, weir_map_fn *fn, void *arg)
{
    struct map *map = combinator_alloc(sizeof *map, &source);

    if (map == NULL)
        return stream_out_of_memory();
    *map = (struct map){source, fn, arg};
    return (weir_stream){&map_ops, map};
}
