/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one HTTP/2 connection that carries gRPC, without sockets, clock or threads.
 *
 * Bytes go in and out; the driver moves them. All functions belong to the thread that turns the
 * connection's loop, and none may be called from inside a poll or a handler.
 */
#ifndef WEIR_CONNECTION_H
#define WEIR_CONNECTION_H

#include <weir/call.h>
#include <weir/loop.h>
#include <weir/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection of `server`, for a socket that was accepted. peer_address is copied; may be NULL. */
WEIR_API weir_code weir_server_accept(weir_server *server, weir_loop *loop,
                                      const char *peer_address, weir_connection **out,
                                      weir_status *why) WEIR_MUST_USE;

/* The same for a client that speaks TLS: what goes in and comes out below is encrypted then. `tls`
 * is referenced. INVALID_ARGUMENT: it has no certificate. */
WEIR_API weir_code weir_server_accept_tls(weir_server *server, weir_loop *loop, weir_tls *tls,
                                          const char *peer_address, weir_connection **out,
                                          weir_status *why) WEIR_MUST_USE;

/* Who is at the other end of its Unix socket: copied, for the calls that begin from now on. Before
 * the first input, or weir_connection_open. */
WEIR_API void weir_connection_set_peer_credentials(weir_connection *connection,
                                                   const weir_peer_credentials *credentials);

/*
 * Takes all of `data`. Handlers do not run here but in weir_loop_turn. An error is fatal: drain the
 * output, which holds the GOAWAY that says why, then close.
 */
WEIR_API weir_code weir_connection_input(weir_connection *connection, const uint8_t *data,
                                         size_t size) WEIR_MUST_USE;

/* False while so much output waits that reading more would be unbounded: stop reading the
 * socket. */
WEIR_API bool weir_connection_wants_input(const weir_connection *connection);

/* Up to `max` slices of what to send, borrowed until weir_connection_output_done or
 * weir_connection_eof. 0: nothing to send now. */
WEIR_API size_t weir_connection_output(weir_connection *connection, weir_slice *out, size_t max);

/* `size` bytes of that were written, or copied. */
WEIR_API void weir_connection_output_done(weir_connection *connection, size_t size);

/* The socket is gone, or could not be made: `reason` (borrowed, may be NULL) becomes part of the
 * status of the calls it takes along. A client's connection whose server has not said hello (its
 * first SETTINGS), and which has calls that wait for one (weir_call_set_wait_for_ready), is not
 * done then: its transport is asked to connect again. Nor is one with a call that the server
 * cancelled just now, at its deadline maybe: the next turn of the loop, which knows the time, names
 * it. */
WEIR_API void weir_connection_eof(weir_connection *connection, const char *reason);

/* A client's connection has an open socket from now on: `peer_address` is copied. With TLS the
 * handshake begins, and calls leave when it is done; those that wait for ready, when the server has
 * said hello. */
WEIR_API void weir_connection_open(weir_connection *connection, const char *peer_address);

/* Says GOAWAY and is done when the running calls are, or `grace_ns` from now. */
WEIR_API void weir_connection_shutdown(weir_connection *connection, uint64_t grace_ns);

/* True when nothing more will be sent or read: close the socket, then free. A client's connection
 * may be done before it is open, because that took too long: then give up connecting it. With
 * weir_connection_eof in between a client's connection whose server has not said hello may be not
 * done again: see there. */
WEIR_API bool weir_connection_done(const weir_connection *connection);

/* Where its socket is bound, for weir/inspect.h; copied. */
WEIR_API void weir_connection_set_local_address(weir_connection *connection, const char *address);

/* What the driver likes to keep with a connection; NULL at first. */
WEIR_API void weir_connection_set_driver(weir_connection *connection, void *driver);
WEIR_API void *weir_connection_driver(const weir_connection *connection);

/* Ends what still runs as a lost connection does, and frees. */
WEIR_API void weir_connection_free(weir_connection *connection);

#ifdef __cplusplus
}
#endif

#endif
