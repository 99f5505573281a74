/* SPDX-License-Identifier: MIT */
/*
 * sink.c - what reads a stream to its end on the calling thread: next, for_each and collect.
 */
#include "stream/task.h"

#include "base/alloc.h"

weir_poll weir_stream_next(weir_stream *stream, weir_item *out)
{
    return thread_next(NULL, stream, out);
}

/* The end of a stream as the result of a function. */
static weir_code result(weir_status *status, weir_status *why)
{
    weir_code code = status->code;

    if (code == WEIR_OK || why == NULL) {
        weir_status_clear(status);
        return code;
    }
    weir_status_clear(why);
    *why = *status;
    return code;
}

weir_code weir_stream_for_each(weir_stream stream, weir_each_fn *fn, void *arg, weir_status *why)
{
    weir_item item;

    while (weir_stream_next(&stream, &item) == WEIR_READY) {
        weir_code code = fn(arg, &item.message, &item.status);

        if (code != WEIR_OK) {
            weir_stream_release(&stream);
            weir_bytes_unref(&item.message);
            item.status.code = code;
            break;
        }
        weir_item_clear(&item);
    }
    return result(&item.status, why);
}

struct collection {
    weir_bytes *messages;
    size_t count;
    size_t capacity;
    size_t max_messages;
    size_t bytes_left;
};

static bool grow(struct collection *all)
{
    size_t capacity = all->capacity != 0 ? all->capacity * 2 : 8;
    weir_bytes *messages = NULL;

    if (capacity <= SIZE_MAX / sizeof *messages)
        messages = mem_resize(all->messages, capacity * sizeof *messages);
    if (messages == NULL)
        return false;
    all->messages = messages;
    all->capacity = capacity;
    return true;
}

static weir_code add(void *arg, const weir_bytes *message, weir_status *why)
{
    struct collection *all = arg;

    if (all->count == all->max_messages || message->size > all->bytes_left)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "more messages than can be collected");
    if (all->count == all->capacity && !grow(all))
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    all->messages[all->count++] = weir_bytes_ref(message);
    all->bytes_left -= message->size;
    return WEIR_OK;
}

weir_code weir_stream_collect(weir_stream stream, size_t max_messages, size_t max_bytes,
                              weir_bytes **messages, size_t *count, weir_status *why)
{
    struct collection all = {.max_messages = max_messages, .bytes_left = max_bytes};
    weir_code code = weir_stream_for_each(stream, add, &all, why);

    if (code != WEIR_OK) {
        weir_bytes_free_array(all.messages, all.count);
        all = (struct collection){0};
    }
    *messages = all.messages;
    *count = all.count;
    return code;
}
