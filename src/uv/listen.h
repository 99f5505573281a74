/* SPDX-License-Identifier: MIT */
/*
 * listen.h - sockets to listen on: those that are bound here, and those that somebody handed in.
 */
#ifndef UV_LISTEN_H
#define UV_LISTEN_H

#include "uv/address.h"

#include <sys/types.h>

/* A socket that listens. What is not to be removed at its end has no path. */
struct listening {
    int fd;
    char *path; /* of a Unix socket that was bound here, and which file that is */
    dev_t device;
    ino_t inode;
};

/* Binds and listens; 0 or an errno. A socket at the address's path that nobody listens on is
 * replaced, anything else there is left alone. */
int listening_open(struct listening *out, const struct address *address);

/* Removes the path, where it still is this socket, and closes. */
void listening_close(struct listening *listening);

/* NULL when `fd` is a stream socket that listens, or is connected; else what it is not. The fd does
 * not block from then on, and programs that are started do not get it. */
const char *listening_check(int fd);
const char *connected_check(int fd);

/* The port it got; 0 where it has none. */
uint16_t listening_port(int fd);

/*
 * The fds that a service manager passed to this process (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES):
 * the first one behind `after` (-1: the first) with this name (NULL: any); -1 when there are no
 * more.
 */
int passed_fd(const char *name, int after);

#endif
