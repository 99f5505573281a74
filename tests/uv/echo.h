/* SPDX-License-Identifier: MIT */
/*
 * echo.h - a server with one method, /t.T/Echo, and calls of it.
 *
 * Everything here asserts that it works, but for echo_call.
 */
#ifndef TESTS_UV_ECHO_H
#define TESTS_UV_ECHO_H

#include <weir/weir.h>

/* Not listening and not started yet. `options` may be NULL. The peer of the last call that it
 * served is kept in *seen, where that is not NULL. */
struct echo_peer {
    char address[160];
    weir_peer_credentials credentials;
};
weir_server *echo_server(const weir_server_options *options, struct echo_peer *seen);
void echo_listen(weir_server *server, const char *address, uint16_t *port);
void echo_start(weir_server *server);

weir_channel *echo_channel(const char *target);
weir_channel *echo_channel_to_port(uint16_t port);

/* One call; its status. */
weir_code echo_call(weir_channel *channel);

/* A new channel to the target, and a call that must work. */
void echo_expect(const char *target);
void echo_expect_port(uint16_t port);

/* A socket connected to the port, which says nothing by itself. */
int echo_connect(uint16_t port);

/* The next free fd: two of the same say that none was left open in between. */
int echo_next_fd(void);

#endif
