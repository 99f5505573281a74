/* SPDX-License-Identifier: MIT */
/*
 * server.h - methods and who serves them.
 *
 *     weir_server_create, weir_server_handle ..., weir_server_listen, weir_server_start,
 *     weir_server_shutdown, weir_server_wait, weir_server_free
 *
 * A server runs on the loop in its options, or on threads of its own. Functions here may be called
 * from any thread that does not turn one of its loops, and one at a time.
 */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include <weir/handler.h>
#include <weir/log.h>
#include <weir/loop.h>
#include <weir/metrics.h>
#include <weir/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_server_options {
    weir_loop *loop;  /* default: threads of its own, started by weir_server_start */
    unsigned threads; /* loops (and threads) of its own; default 1 */
    /* Concurrent calls on one connection; default 100. A blocking function that still runs for a
     * call that was cancelled counts as one: meanwhile calls past that wait. */
    uint32_t max_streams;
    size_t max_receive_size; /* largest request message; default 4 MiB */
    size_t max_header_size;  /* name + value + 32 of all request headers; default 16 KiB */
    /* Of an HTTP/2 stream. A window begins at 64 KiB and grows, for a reader that keeps up, to
     * twice what the path to the peer holds, or this; default 16 MiB. All of a connection together
     * grow by less than twice this. */
    size_t max_window_size;
    unsigned max_threads; /* of the pool for weir_blocking; default 16 */
    unsigned max_queue;   /* calls that wait for one; default 1024 */
    /* Of one message that a typed function unpacks or builds; default 16 times max_receive_size. */
    size_t max_message_memory;
    weir_compression compression; /* of what calls send, where they do not say; default none */

    /* A peer from which nothing came for keepalive_ns (default 2 hours) is pinged, and given up
     * when nothing comes for keepalive_timeout_ns (default 20 s) after that. WEIR_NEVER: it is
     * not. */
    uint64_t keepalive_ns;
    uint64_t keepalive_timeout_ns;

    /* Pings of clients closer together than this (default 5 minutes; 2 hours while there are no
     * calls, unless permitted; WEIR_NEVER: they are not counted) are strikes; the third in a row
     * without data in between ends the connection with "too_many_pings". */
    uint64_t min_ping_interval_ns;
    bool permit_pings_without_calls;

    /* Calls that the client of one connection may cancel: 1,000 in a burst, and from then on so
     * many each second (default 100; UINT32_MAX: any number). More end the connection with
     * "too_many_cancels". */
    uint32_t max_cancels_per_second;

    /* A connection without calls for max_connection_idle_ns, or of the age of max_connection_age_ns
     * (10 % more or less), is shut down as by weir_server_shutdown; calls that run when it is of
     * age get max_connection_age_grace_ns. Default: never. */
    uint64_t max_connection_idle_ns;
    uint64_t max_connection_age_ns;
    uint64_t max_connection_age_grace_ns;

    weir_metrics *metrics; /* what its calls are counted in, referenced; default: they are not */
    weir_log log;          /* whom to tell what happens to its connections; default: nobody */

    /* On all loops and listeners together; default: unlimited, until the process is out of file
     * descriptors. One more is closed as soon as it was accepted: its client knows at once, and
     * tries again later or elsewhere. The server's log and metrics tell how many those were. */
    size_t max_connections;

    /* A client that has not finished TLS's handshake and sent HTTP/2's preface and its SETTINGS
     * after handshake_timeout_ns (default 20 s) is cut off, and so is one that began a frame or a
     * header block and did not finish it in header_timeout_ns (default 30 s: a frame of 16 KiB at
     * 550 bytes a second). WEIR_NEVER: it is not. */
    uint64_t handshake_timeout_ns;
    uint64_t header_timeout_ns;

    /*
     * Bytes that the server may hold for all its connections and calls (default UINT64_MAX: no
     * limit): messages that nobody took or that their peers have no window for, output, arenas,
     * and an estimate of what connections and calls take themselves. From three quarters of it on,
     * connections that hold more than their share wait, and from seven eighths on their new calls
     * get RESOURCE_EXHAUSTED. At the limit those who hold next to nothing are still served what
     * leaves at once; a call whose message does not is ended. While it is short of memory the calls
     * that let go of nothing of what they hold for stall_timeout_ns (default 10 s) are ended with
     * RESOURCE_EXHAUSTED, and connections whose peer takes no output are closed, the
     * longest-stalled first; when there are none, those that waited for memory so long.
     */
    uint64_t memory_limit;
    uint64_t stall_timeout_ns;
    uint64_t reserved[7];
} weir_server_options;

/* `options` may be NULL: all defaults. */
WEIR_API weir_code weir_server_create(const weir_server_options *options, weir_server **out,
                                      weir_status *why) WEIR_MUST_USE;

/*
 * Serves `method` ("/package.Service/Method", "/package.Service/<star>" or "<star>", where <star>
 * is an asterisk; the most exact one wins) with `handler`, which moves in, also on failure. Before
 * the server listens. ALREADY_EXISTS, INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
 */
WEIR_API weir_code weir_server_handle(weir_server *server, const char *method, weir_handler handler,
                                      weir_status *why) WEIR_MUST_USE;

/*
 * Listens on
 *
 *     "host:port"           port 0: any free one
 *     "[::1]:port"
 *     "unix:/path"          a Unix socket there. One that nobody listens on any more is replaced;
 *                           one that is in use, and what is no socket, is left alone and refused.
 *                           Removed at the end, if it is still the same. Two servers that begin on
 *                           a path at the very same time may replace each other
 *     "unix-abstract:name"  Linux: without a file. 1 to 107 bytes; no NUL is put in front of it
 *     "fd:3"                this fd, as weir_server_listen_fd
 *     "systemd"             all sockets that a service manager passed to this process (LISTEN_FDS)
 *     "systemd:name"        those that are called so (LISTEN_FDNAMES)
 *
 * and may be called for any number of addresses, before the server starts. *port, where not NULL,
 * is the port it got (of several the first's; 0 of a Unix socket). UNAVAILABLE with the system's
 * reason, INVALID_ARGUMENT for an address that is none. Needs weir's libuv driver, as all that
 * follows.
 */
WEIR_API weir_code weir_server_listen(weir_server *server, const char *address, uint16_t *port,
                                      weir_status *why) WEIR_MUST_USE;

/* The same for clients that speak TLS; `tls` is referenced. INVALID_ARGUMENT: it has no
 * certificate. */
WEIR_API weir_code weir_server_listen_tls(weir_server *server, const char *address, weir_tls *tls,
                                          uint16_t *port, weir_status *why) WEIR_MUST_USE;

/*
 * Listens on `fd`, a stream socket that was bound and listens already; with `tls` (referenced)
 * clients must speak TLS. The fd is the server's from WEIR_OK on, which makes it non-blocking and
 * closes it, but removes no path; on failure it stays the caller's. INVALID_ARGUMENT: it does not
 * listen, or `tls` has no certificate.
 */
WEIR_API weir_code weir_server_listen_fd(weir_server *server, int fd, weir_tls *tls,
                                         weir_status *why) WEIR_MUST_USE;

/*
 * Serves the client at the other end of `fd`, a connected stream socket: one end of a socketpair,
 * or what somebody else accepted. The fd is the server's from WEIR_OK on, which closes it; on
 * failure it stays the caller's. Also once the server was started, and from its handlers, but not
 * while another thread calls weir_server_free. INVALID_ARGUMENT as above; UNAVAILABLE: the server
 * shuts down; RESOURCE_EXHAUSTED: it has max_connections already.
 */
WEIR_API weir_code weir_server_adopt(weir_server *server, int fd, weir_tls *tls,
                                     weir_status *why) WEIR_MUST_USE;

/* Starts the server's own threads. Not for a server on a loop of yours. */
WEIR_API weir_code weir_server_start(weir_server *server, weir_status *why) WEIR_MUST_USE;

/* No new connections from now; clients are told to make no more calls here, those that they made
 * before they knew are served, and running calls may finish until `grace_ns` passed; then they are
 * cancelled. Returns at once. Any thread, handlers too, also while another waits in
 * weir_server_wait; but it must have returned before weir_server_free is called, and it takes
 * locks, so it is not for signal handlers. */
WEIR_API void weir_server_shutdown(weir_server *server, uint64_t grace_ns);

/*
 * Calls fn(self) when a shutdown begins, before connections are told, on the thread that asked for
 * it; again when it is asked for again. release(self) (may be NULL) is called once, at the server's
 * end, or at once on failure. Before the server starts.
 */
WEIR_API weir_code weir_server_on_shutdown(weir_server *server, void (*fn)(void *self), void *self,
                                           void (*release)(void *self),
                                           weir_status *why) WEIR_MUST_USE;

/* What it holds and waited for now; any thread, at any time. */
WEIR_API void weir_server_usage(weir_server *server, weir_total_usage *out);

/* Waits on the calling thread until a shutdown is complete. Only with threads of its own. */
WEIR_API void weir_server_wait(weir_server *server);

/* Shuts down without grace if that was not done, and frees. Waits for blocking functions. Not from
 * inside a handler; connections of weir_server_accept must be freed before. */
WEIR_API void weir_server_free(weir_server *server);

#ifdef __cplusplus
}
#endif

#endif
