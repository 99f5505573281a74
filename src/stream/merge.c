/* SPDX-License-Identifier: MIT */
/*
 * merge.c - the messages of many streams as they come.
 *
 * A poll asks each stream once, beginning behind the one that delivered last, so that none of them
 * is left waiting by a neighbour that is always ready.
 */
#include "stream/combinator.h"

#include "base/alloc.h"

struct merge {
    size_t next;
    size_t count;
    weir_stream streams[];
};

static weir_stream *next_stream(struct merge *merge)
{
    weir_stream *stream = &merge->streams[merge->next++];

    if (merge->next == merge->count)
        merge->next = 0;
    return stream;
}

static weir_poll merge_poll(void *self, weir_task *task, weir_item *out)
{
    struct merge *merge = self;
    weir_poll all = WEIR_END;

    for (size_t asked = 0; asked < merge->count; asked++) {
        weir_poll poll = weir_stream_poll(next_stream(merge), task, out);

        if (poll == WEIR_READY || poll == WEIR_ERROR)
            return poll;
        if (poll == WEIR_PENDING)
            all = WEIR_PENDING;
    }
    return all;
}

static void release_all(const weir_stream *streams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_stream stream = streams[i];

        weir_stream_release(&stream);
    }
}

static void merge_release(void *self)
{
    struct merge *merge = self;

    release_all(merge->streams, merge->count);
    mem_free(merge);
}

static const weir_stream_ops merge_ops = {merge_poll, merge_release};

weir_stream weir_stream_merge(const weir_stream *streams, size_t count)
{
    struct merge *merge = NULL;

    if (count <= (SIZE_MAX - sizeof *merge) / sizeof *streams)
        merge = mem_alloc(sizeof *merge + count * sizeof *streams);
    if (merge == NULL) {
        release_all(streams, count);
        return stream_out_of_memory();
    }
    merge->next = 0;
    merge->count = count;
    for (size_t i = 0; i < count; i++)
        merge->streams[i] = streams[i];
    return (weir_stream){&merge_ops, merge};
}
