/* SPDX-License-Identifier: MIT */
/*
 * stream.c - the library's own entry to every stream.
 *
 * Fusing and early freeing live here and nowhere else: after END or ERROR the stream is released
 * and empty, so no source and no combinator need remember that it ended.
 */
#include "stream/combinator.h"

#include "bytes/buffer.h"

void weir_item_clear(weir_item *item)
{
    weir_bytes_unref(&item->message);
    weir_status_clear(&item->status);
    item->flags = 0;
}

/* Member by member: a whole struct of this size becomes a slow string instruction. */
static inline void zero(weir_item *out)
{
    out->message = (weir_bytes){0};
    out->flags = 0;
    out->status.code = WEIR_OK;
    out->status.message = (weir_bytes){0};
    out->status.details = (weir_bytes){0};
}

/* The last word of a stream. What a careless source left beside it is dropped, not leaked. */
static weir_poll finish(weir_poll poll, weir_item *out)
{
    if (poll == WEIR_READY)
        return poll_out_of_memory(out);
    if (poll == WEIR_END)
        weir_item_clear(out);
    else
        poll_refused(out, out->status.code != WEIR_OK ? out->status.code : WEIR_UNKNOWN);
    return poll;
}

weir_poll weir_stream_poll(weir_stream *stream, weir_task *task, weir_item *out)
{
    weir_poll poll;

    zero(out);
    if (stream->ops == NULL)
        return WEIR_END;
    poll = stream->ops->poll(stream->self, task, out);
    if (poll == WEIR_PENDING)
        return poll;
    if (poll == WEIR_READY && !bytes_failed(&out->message))
        return poll;
    poll = finish(poll, out);
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
