/* SPDX-License-Identifier: MIT */
/*
 * loop.h - a loop without I/O: a mailbox, a ready list and timers.
 *
 * Connections are made on a loop. It has no thread, no clock and no sockets: somebody turns it. The
 * library's own driver (weir/uv.h) does that with libuv; a program with an event loop of its own
 * does it like this, always on one thread:
 *
 *     feed what the sockets gave to weir_connection_input
 *     weir_loop_turn(loop, now)
 *     while ((c = weir_loop_next(loop)) != NULL)
 *         write what weir_connection_output gives; close the socket and free c when it is done
 *     wait for a socket, for `notify`, or until weir_loop_wakeup(loop)
 *
 * Only weir_waker_wake and what says "any thread" may be called from elsewhere.
 */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H

#include <weir/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_loop weir_loop;
typedef struct weir_connection weir_connection;
typedef struct weir_server weir_server;

/*
 * How the sockets of a loop are made; without it servers cannot listen and channels cannot connect
 * by themselves. Called on the loop's thread.
 */
typedef struct weir_transport {
    /*
     * Connect `connection` to `address` ("host:port", "unix:/path", "unix-abstract:name"). Once
     * that is done, now or later, call weir_connection_open, before which no call leaves, and feed
     * it; where it fails weir_connection_eof with the reason. A connection that is named and done
     * meanwhile has waited for long enough.
     */
    void (*connect)(void *self, weir_connection *connection, const char *address);
    void *self;
} weir_transport;

typedef struct weir_loop_options {
    /* "Turn me soon", from any thread, under a lock: it must only signal. May be NULL. */
    void (*notify)(void *self);
    void *self;
    const weir_transport *transport; /* outlives the loop; may be NULL */
    uint64_t reserved[4];
} weir_loop_options;

WEIR_API weir_code weir_loop_create(const weir_loop_options *options, weir_loop **out,
                                    weir_status *why) WEIR_MUST_USE;

/* Runs what is due: wakes, timers, handlers, first polls, releases. */
WEIR_API void weir_loop_turn(weir_loop *loop, uint64_t now_ns);

/* The next connection its driver must look at (output, done, or input wanted again); each is named
 * once per change. NULL: no more in this turn. */
WEIR_API weir_connection *weir_loop_next(weir_loop *loop);

/* When to turn at the latest, on the clock of weir_loop_turn: 0 at once, WEIR_NEVER not at all. */
WEIR_API uint64_t weir_loop_wakeup(const weir_loop *loop);

/* The clock of the last turn. */
WEIR_API uint64_t weir_loop_now(const weir_loop *loop);

/* All its connections must be freed before. Returns when no notify runs or will. */
WEIR_API void weir_loop_free(weir_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
