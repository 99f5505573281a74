/* SPDX-License-Identifier: MIT */
/*
 * uv.h - the inside of weir's own driver: a loop, its timer, its sockets.
 */
#ifndef UV_UV_H
#define UV_UV_H

#include <weir/uv.h>

#include "base/list.h"
#include "conn/connection.h"

#include <sys/socket.h>
#include <uv.h>

#define READ_BUFFER_SIZE ((size_t)256 * 1024)

struct weir_uv {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_async_t async;
    weir_loop *loop;
    weir_transport transport;
    uint64_t timer_due; /* WEIR_NEVER: not armed */
    struct list sockets;
    unsigned lingering; /* of those: sockets whose connection is gone */
    atomic_bool stopping;
    void (*after_turn)(void *self); /* may be NULL */
    void *after_turn_self;
    uint8_t buffer[READ_BUFFER_SIZE];
};

/* True for a loop that this room drives; then *uv is its driver. */
bool uv_of_loop(const weir_loop *loop, weir_uv **uv);

/* ---- sockets (socket.c) ---- */

/* A connected, non-blocking fd for a connection; both are the driver's from now on. False: out of
 * memory or of what epoll can watch; the caller keeps both. */
bool socket_open(weir_uv *uv, weir_connection *connection, int fd);

/* Before the number of a fd, the address of a socket that is connected: no target can be that. */
#define SOCKET_FD "fd://"

/* Of the process at the other end, where it is a Unix socket and the system tells. */
weir_peer_credentials peer_credentials(int fd, const struct sockaddr_storage *peer);

/* The connection learns where its socket is bound. */
void set_local_address(weir_connection *connection, int fd);

/* The transport's connect. */
void socket_connect(void *uv, weir_connection *connection, const char *address);

/* Looks at a connection its loop named: writes, reads or stops reading, closes. */
void socket_drive(weir_connection *connection);

/* Closes all that are left, and frees their connections. */
void socket_close_all(weir_uv *uv);

#endif
