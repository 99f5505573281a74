/* SPDX-License-Identifier: MIT */
/*
 * stream.c - the library's own entry to every stream.
 *
 * Fusing and early freeing live here and nowhere else: after END or ERROR the stream is released
 * and empty, so no source and no combinator need remember that it ended.
 */
#include <weir/stream.h>

void weir_item_clear(weir_item *item)
{
    weir_bytes_unref(&item->message);
    weir_status_clear(&item->status);
    item->flags = 0;
}

static weir_poll out_of_memory(weir_item *out)
{
    weir_item_clear(out);
    out->status = (weir_status){
        .code = WEIR_RESOURCE_EXHAUSTED,
        .message = weir_bytes_static("out of memory", sizeof "out of memory" - 1),
    };
    return WEIR_ERROR;
}

weir_poll weir_stream_poll(weir_stream *stream, weir_task *task, weir_item *out)
{
    weir_poll poll;

    *out = (weir_item){0};
    if (stream->ops == NULL)
        return WEIR_END;
    poll = stream->ops->poll(stream->self, task, out);
    if (poll == WEIR_PENDING)
        return poll;
    if (poll == WEIR_READY && !weir_bytes_failed(&out->message))
        return poll;
    if (poll == WEIR_READY)
        poll = out_of_memory(out);
    weir_stream_release(stream);
    return poll;
}

void weir_stream_release(weir_stream *stream)
{
    weir_stream gone = *stream;

    *stream = (weir_stream){0};
    if (gone.ops != NULL)
        gone.ops->release(gone.self);
}
