/* SPDX-License-Identifier: MIT */
/*
 * address.h - "HOST:PORT" as a socket, for the tools that do not stand on weir.
 */
#ifndef BENCH_ADDRESS_H
#define BENCH_ADDRESS_H

/* A non-blocking socket that listens; prints "listening on HOST:PORT" with the port it got. -1 with
 * errno when that cannot be. */
int address_listen(const char *address);

/* A connected non-blocking socket without Nagle's delay; -1 with errno. */
int address_connect(const char *address);

#endif
