/* SPDX-License-Identifier: MIT */
/*
 * channel.h - a client's way to a service: here one connection to one address, made when needed.
 */
#ifndef WEIR_CHANNEL_H
#define WEIR_CHANNEL_H

#include <weir/handler.h>
#include <weir/log.h>
#include <weir/loop.h>
#include <weir/metrics.h>
#include <weir/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_channel weir_channel;

typedef struct weir_channel_options {
    weir_loop *loop; /* default: a thread of its own */
    const char
        *authority; /* copied; default: the target's host:port, "localhost" on Unix sockets */
    const char *user_agent;  /* copied; put before weir's own */
    size_t max_receive_size; /* largest response message; default 4 MiB */
    size_t max_header_size;  /* name + value + 32 of all response headers; default 16 KiB */
    size_t max_window_size;  /* of an HTTP/2 stream; see server.h; default 16 MiB */
    /* Of one message that a typed function unpacks or builds; default 16 times max_receive_size. */
    size_t max_message_memory;
    weir_compression compression; /* of what calls send, where they do not say; default none */

    /* A server from which nothing came for keepalive_ns (default: off; at least 10 s) while calls
     * run, or always where that is wanted, is pinged, and given up when nothing comes for
     * keepalive_timeout_ns (default 20 s) after that: its calls end with UNAVAILABLE. A server that
     * finds it too often makes the interval double. */
    uint64_t keepalive_ns;
    uint64_t keepalive_timeout_ns;
    bool keepalive_without_calls;

    weir_tls *tls;         /* credentials, referenced; default: plain text */
    weir_metrics *metrics; /* what its calls are counted in, referenced; default: they are not */
    weir_log log;          /* whom to tell what happens to its connections; default: nobody */

    /* Bytes that the channel may hold, and how long a call may stall while it is short of them:
     * as a server's (weir/server.h). Default UINT64_MAX, no limit, and 10 s. All its calls are one
     * user's: from seven eighths on none begins. A connection takes 28 KiB of it (68 with TLS), a
     * call 4; a limit that has no room for those is one at which each call gets RESOURCE_EXHAUSTED.
     * Where those, and metadata, are all that fills it, 16 KiB of messages pass it nevertheless. */
    uint64_t memory_limit;
    uint64_t stall_timeout_ns;

    /* The time for all of connecting: finding the address, the socket, TLS's handshake, and the
     * server's first SETTINGS, without which it is no HTTP/2 server; a try that takes longer has
     * failed. Default 20 s; WEIR_NEVER: as long as it takes. */
    uint64_t connect_timeout_ns;
    uint64_t reserved[8];
} weir_channel_options;

/*
 * `target` is "host:port", "dns:///host:port", "ipv4:a.b.c.d:port", "ipv6:[::1]:port", "unix:path"
 * or "unix-abstract:name" (Linux; 1 to 107 bytes, without the NUL in front of it). Nothing is
 * connected yet. INVALID_ARGUMENT for a target that is none. `options` may be NULL.
 */
WEIR_API weir_code weir_channel_create(const char *target, const weir_channel_options *options,
                                       weir_channel **out, weir_status *why) WEIR_MUST_USE;

/*
 * A channel over `fd`, a connected stream socket, such as one end of a socketpair. It is the
 * channel's from WEIR_OK on, which closes it; on failure it stays the caller's. What the channel
 * says first leaves at once, and connect_timeout_ns begins. There is this one connection only: when
 * it is lost or the server shuts it down, all further calls fail with UNAVAILABLE, those that wait
 * for ready too. The authority is "localhost" where the options do not say. INVALID_ARGUMENT: it is
 * no such socket. Needs weir's libuv driver.
 */
WEIR_API weir_code weir_channel_create_fd(int fd, const weir_channel_options *options,
                                          weir_channel **out, weir_status *why) WEIR_MUST_USE;

/*
 * Makes a call: it starts now. `call` is borrowed, `requests` moves in and is polled on the
 * channel's loop; the responses move out and any one thread may own them. Releasing the responses
 * cancels the call. END of `requests` half-closes; an ERROR resets with CANCEL and becomes the
 * call's status. Any thread. A call can be made once. A NULL call counts as a failed allocation:
 * the responses are an ERROR RESOURCE_EXHAUSTED.
 */
WEIR_API weir_stream weir_channel_call(weir_channel *channel, weir_call *call,
                                       weir_stream requests);

/*
 * One message out, one back, on the calling thread, which must not turn a loop. `request` moves in,
 * *reply is the caller's at WEIR_OK. Else the call's status, its message in *why.
 */
WEIR_API weir_code weir_channel_unary(weir_channel *channel, weir_call *call, weir_bytes request,
                                      weir_bytes *reply, weir_status *why) WEIR_MUST_USE;

/* The channel as a handler: a server method that forwards to it is a proxy. Takes a reference. A
 * call it gets is sent on with its metadata and deadline; what comes back is passed on. */
WEIR_API weir_handler weir_channel_handler(weir_channel *channel);

/* What it holds and waited for now; any thread. */
WEIR_API void weir_channel_usage(weir_channel *channel, weir_total_usage *out);

WEIR_API weir_channel *weir_channel_ref(weir_channel *channel);

/*
 * Drops a reference. With the last one running calls end with CANCELLED and the connection closes.
 * A channel with a thread of its own returns when that thread has ended (not to be called on it);
 * on a loop of yours it is done in a later turn of that loop.
 */
WEIR_API void weir_channel_unref(weir_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
