/* SPDX-License-Identifier: MIT */
/*
 * combinator.c - what sources and combinators share.
 */
#include "stream/combinator.h"

#include "base/alloc.h"

#include <string.h>

static weir_poll out_of_memory_poll(void *self, weir_task *task, weir_item *out)
{
    (void)self;
    (void)task;
    return poll_out_of_memory(out);
}

static void out_of_memory_release(void *self)
{
    (void)self;
}

static const weir_stream_ops out_of_memory_ops = {out_of_memory_poll, out_of_memory_release};

weir_stream stream_out_of_memory(void)
{
    return (weir_stream){&out_of_memory_ops, NULL};
}

void *combinator_alloc(size_t size, weir_stream *source)
{
    void *memory = mem_zalloc(size);

    if (memory == NULL)
        weir_stream_release(source);
    return memory;
}

void combinator_release(void *self)
{
    weir_stream *source = self;

    weir_stream_release(source);
    mem_free(self);
}

weir_poll poll_error(weir_item *out, weir_code code, const char *message)
{
    weir_item_clear(out);
    out->status.code = code;
    out->status.message = weir_bytes_static(message, strlen(message));
    return WEIR_ERROR;
}

weir_poll poll_out_of_memory(weir_item *out)
{
    return poll_error(out, WEIR_RESOURCE_EXHAUSTED, "out of memory");
}

weir_poll poll_refused(weir_item *out, weir_code code)
{
    weir_bytes_unref(&out->message);
    out->flags = 0;
    out->status.code = code;
    return WEIR_ERROR;
}

weir_poll poll_yield(weir_task *task)
{
    weir_task_wake_at(task, weir_task_now(task));
    return WEIR_PENDING;
}
