/* SPDX-License-Identifier: MIT */
/*
 * one_request.c - a stream that reads one request and becomes the responses to it.
 *
 * It waits for the END of the requests before it responds, so that a second request is refused
 * before anything was sent. It holds that one request and nothing else.
 */
#include "one_request.h"

#include <stdlib.h>

struct one_request {
    weir_stream requests;
    weir_stream responses;
    respond_fn *fn;
    void *self;
    weir_bytes request;
    bool received;
    bool responding;
};

static weir_poll refuse(weir_item *out, const char *reason)
{
    weir_item_clear(out);
    out->status = weir_status_make(WEIR_UNIMPLEMENTED, "%s", reason);
    return WEIR_ERROR;
}

static weir_poll receive(struct one_request *r, weir_task *task, weir_item *out)
{
    weir_poll poll = weir_stream_poll(&r->requests, task, out);

    if (poll == WEIR_READY && !r->received) {
        r->request = out->message;
        r->received = true;
        poll = weir_stream_poll(&r->requests, task, out);
    }
    if (poll == WEIR_READY)
        return refuse(out, "more than one request message");
    if (poll == WEIR_END && !r->received)
        return refuse(out, "no request message");
    return poll;
}

static weir_poll one_request_poll(void *self, weir_task *task, weir_item *out)
{
    struct one_request *r = self;

    if (!r->responding) {
        weir_poll poll = receive(r, task, out);

        if (poll != WEIR_END)
            return poll;
        r->responses = r->fn(r->self, &r->request);
        r->responding = true;
        weir_bytes_unref(&r->request);
    }
    return weir_stream_poll(&r->responses, task, out);
}

static void one_request_release(void *self)
{
    struct one_request *r = self;

    weir_stream_release(&r->requests);
    weir_stream_release(&r->responses);
    weir_bytes_unref(&r->request);
    free(r);
}

weir_stream one_request(weir_stream requests, respond_fn *fn, void *self)
{
    static const weir_stream_ops ops = {one_request_poll, one_request_release};
    struct one_request *r = calloc(1, sizeof *r);

    if (r == NULL) {
        weir_stream_release(&requests);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    r->requests = requests;
    r->fn = fn;
    r->self = self;
    return (weir_stream){&ops, r};
}
