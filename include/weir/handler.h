/* SPDX-License-Identifier: MIT */
/*
 * handler.h - the one shape: call + stream -> stream.
 *
 * A server method, an interceptor and a client's channel all have it. An interceptor is a handler
 * that owns the next one; weir_channel_handler forwards to another server. Nothing in between may
 * buffer, so backpressure runs from the reader at one end to the writer at the other.
 */
#ifndef WEIR_HANDLER_H
#define WEIR_HANDLER_H

#include <weir/call.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Called on the loop's thread when a call begins; must not block. `call` is borrowed (take a
 * reference to keep it), `requests` moves in, the responses move out.
 *
 * Releasing `requests` discards what still comes, and the call goes on. The responses' END is OK,
 * an ERROR is the call's status; releasing the responses cancels the call. A fault in the request
 * reaches `requests` as an ERROR after the messages before it and fixes the call's status.
 */
typedef weir_stream weir_handler_fn(void *self, weir_call *call, weir_stream requests);

/* Moved by value; release (may be NULL) is called once, by whoever owns the handler last. A server
 * with several loops calls one handler on several threads at once. */
typedef struct weir_handler {
    weir_handler_fn *call;
    void *self;
    void (*release)(void *self);
} weir_handler;

WEIR_API void weir_handler_release(weir_handler *handler);

/*
 * Unary: one message in, one out, on the loop's thread; must not block. `request` is borrowed,
 * *reply moves out. Anything but WEIR_OK is the call's status, with the message in *why. Not one
 * request message: UNIMPLEMENTED, and fn is not called. self == NULL with a release: out of memory,
 * each call gets RESOURCE_EXHAUSTED.
 */
typedef weir_code weir_unary_fn(void *self, weir_call *call, const weir_bytes *request,
                                weir_bytes *reply, weir_status *why);
WEIR_API weir_handler weir_unary(weir_unary_fn *fn, void *self, void (*release)(void *self));

/*
 * Server streaming: one message in, a stream out. fn is called once the request is complete, on the
 * loop's thread; `request` is borrowed. Cardinality and self as above.
 */
typedef weir_stream weir_server_streaming_fn(void *self, weir_call *call,
                                             const weir_bytes *request);
WEIR_API weir_handler weir_server_streaming(weir_server_streaming_fn *fn, void *self,
                                            void (*release)(void *self));

/*
 * Blocking: fn runs on a thread of the server's pool and reads and writes with calls that block;
 * the simplest way to write a handler of any kind. What fn returns is the call's status. When the
 * pool's threads and its queue are full, the call gets RESOURCE_EXHAUSTED. A cancelled function
 * counts as running until it returns: its reads and writes fail from then on.
 */
typedef struct weir_io weir_io;
typedef weir_code weir_blocking_fn(void *self, weir_call *call, weir_io *io, weir_status *why);
WEIR_API weir_handler weir_blocking(weir_blocking_fn *fn, void *self, void (*release)(void *self));

/* The next request: READY (out->message is the caller's), END, or ERROR (out->status says why). */
WEIR_API weir_poll weir_read(weir_io *io, weir_item *out);

/* Sends a message, which moves in. Blocks while the client reads slower than that. CANCELLED: the
 * call is over; return from the function. */
WEIR_API weir_code weir_write(weir_io *io, weir_bytes message) WEIR_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
