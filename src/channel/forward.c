/* SPDX-License-Identifier: MIT */
/*
 * forward.c - a channel as a handler: a call that came in goes on to another server.
 *
 * The requests move to the second call as they are and its responses come back as they are, so
 * nothing is held here and backpressure runs through. Metadata is passed on when it is there.
 */
#include "base/alloc.h"
#include "channel/channel.h"
#include "stream/combinator.h"

struct forward {
    weir_stream responses;
    weir_call *from; /* borrowed: whoever polls us owns its streams */
    weir_call *to;
    bool passed_headers;
};

/* What the second call brought may be sent on as it is: it was valid on the wire. */
static void pass(weir_call *from, struct weir_metadata *out, const struct weir_metadata *in)
{
    pthread_mutex_lock(&from->lock);
    (void)metadata_append_all(out, in);
    pthread_mutex_unlock(&from->lock);
}

static weir_poll forward_poll(void *self, weir_task *task, weir_item *out)
{
    struct forward *f = self;
    weir_poll poll = weir_stream_poll(&f->responses, task, out);

    if (poll == WEIR_PENDING)
        return poll;
    if (!f->passed_headers)
        pass(f->from, &f->from->response, weir_call_response_metadata(f->to));
    f->passed_headers = true;
    if (poll != WEIR_READY)
        pass(f->from, &f->from->trailers, weir_call_trailers(f->to));
    return poll;
}

static void forward_release(void *self)
{
    struct forward *f = self;

    weir_stream_release(&f->responses);
    weir_call_unref(f->to);
    mem_free(f);
}

static const weir_stream_ops forward_ops = {forward_poll, forward_release};

static weir_stream forward_call(void *self, weir_call *call, weir_stream requests)
{
    struct forward *f = combinator_alloc(sizeof *f, &requests);

    if (f == NULL)
        return stream_out_of_memory();
    *f = (struct forward){.from = call, .to = weir_call_create(call->method)};
    if (f->to == NULL || metadata_append_all(&f->to->request, &call->request) != WEIR_OK) {
        weir_stream_release(&requests);
        forward_release(f);
        return stream_out_of_memory();
    }
    f->to->timeout_ns = call->timeout_ns;
    f->responses = weir_channel_call(self, f->to, requests);
    return (weir_stream){&forward_ops, f};
}

static void release_channel(void *self)
{
    weir_channel_unref(self);
}

weir_handler weir_channel_handler(weir_channel *channel)
{
    return (weir_handler){forward_call, weir_channel_ref(channel), release_channel};
}
