/* SPDX-License-Identifier: MIT */
/*
 * unary.c - plain functions as handlers of methods that take one message: unary and server
 * streaming.
 *
 * The function runs once the request is complete, that is after its END: a second message is
 * UNIMPLEMENTED and must not have had an effect.
 */
#include "base/alloc.h"
#include "call/call.h"
#include "server/function.h"
#include "stream/combinator.h"

struct unary {
    weir_stream requests;
    weir_stream responses; /* of a server streaming function, once it was called */
    const struct function *function;
    weir_call *call; /* borrowed: who polls us owns the call's streams */
    weir_bytes request;
    bool has_request;
    bool answered;
};

static weir_poll call_unary(struct unary *u, weir_item *out)
{
    weir_code code =
        u->function->unary(u->function->self, u->call, &u->request, &out->message, &out->status);

    weir_bytes_unref(&u->request);
    if (code != WEIR_OK)
        return poll_refused(out, code);
    weir_status_clear(&out->status);
    return WEIR_READY;
}

static weir_poll call_function(struct unary *u, weir_task *task, weir_item *out)
{
    u->answered = true;
    if (u->function->unary != NULL)
        return call_unary(u, out);
    u->responses = u->function->server_streaming(u->function->self, u->call, &u->request);
    weir_bytes_unref(&u->request);
    return weir_stream_poll(&u->responses, task, out);
}

static weir_poll keep_request(struct unary *u, weir_item *out)
{
    if (u->has_request) {
        weir_bytes_unref(&out->message);
        return poll_error(out, WEIR_UNIMPLEMENTED, "more than one request message");
    }
    u->request = out->message;
    u->call->request_flags = out->flags;
    u->has_request = true;
    out->message = (weir_bytes){0};
    return WEIR_PENDING;
}

static weir_poll unary_poll(void *self, weir_task *task, weir_item *out)
{
    struct unary *u = self;

    if (u->answered)
        return weir_stream_poll(&u->responses, task, out);
    for (;;) {
        weir_poll poll = weir_stream_poll(&u->requests, task, out);

        if (poll == WEIR_READY)
            poll = keep_request(u, out);
        else if (poll == WEIR_END && !u->has_request)
            return poll_error(out, WEIR_UNIMPLEMENTED, "no request message");
        else if (poll == WEIR_END)
            return call_function(u, task, out);
        else
            return poll;
        if (poll == WEIR_ERROR)
            return poll;
    }
}

static void unary_release(void *self)
{
    struct unary *u = self;

    weir_stream_release(&u->requests);
    weir_stream_release(&u->responses);
    weir_bytes_unref(&u->request);
    mem_free(u);
}

static const weir_stream_ops unary_ops = {unary_poll, unary_release};

static weir_stream unary_call(void *self, weir_call *call, weir_stream requests)
{
    struct unary *u = combinator_alloc(sizeof *u, &requests);

    if (u == NULL)
        return stream_out_of_memory();
    *u = (struct unary){.requests = requests, .function = self, .call = call};
    return (weir_stream){&unary_ops, u};
}

weir_handler weir_unary(weir_unary_fn *fn, void *self, void (*release)(void *self))
{
    const struct function function = {.unary = fn, .self = self, .release = release};

    return function_handler(unary_call, &function);
}

weir_handler weir_server_streaming(weir_server_streaming_fn *fn, void *self,
                                   void (*release)(void *self))
{
    const struct function function = {.server_streaming = fn, .self = self, .release = release};

    return function_handler(unary_call, &function);
}
