/* SPDX-License-Identifier: MIT */
/*
 * secure.h - a connected socket of weir-load, with or without TLS.
 *
 * Reading and writing are read() and write() of a non-blocking socket; NULL stands for no TLS.
 */
#ifndef BENCH_SECURE_H
#define BENCH_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_st;

/* Waits for the handshake, with whatever certificate the server shows. NULL: *why says why. */
struct ssl_st *secure_connect(int fd, const char **why);
void secure_close(struct ssl_st *tls);

ssize_t secure_read(struct ssl_st *tls, int fd, void *data, size_t size);
ssize_t secure_write(struct ssl_st *tls, int fd, const void *data, size_t size);

/* Bytes wait that epoll does not know of. */
bool secure_pending(const struct ssl_st *tls);

#endif
