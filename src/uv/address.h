/* SPDX-License-Identifier: MIT */
/*
 * address.h - "host:port", "[::1]:port", "unix:/path" and "unix-abstract:name" as socket addresses,
 * and back.
 */
#ifndef UV_ADDRESS_H
#define UV_ADDRESS_H

#include <weir/status.h>

#include <sys/socket.h>

#ifdef __linux__
#define ADDRESS_HAS_ABSTRACT true
#else
#define ADDRESS_HAS_ABSTRACT false
#endif
#define ADDRESS_TEXT_SIZE 160
#define ADDRESS_HOST_SIZE 256

enum address_kind {
    ADDRESS_INVALID,
    ADDRESS_READY, /* numeric, or of a Unix socket */
    ADDRESS_NAME   /* a host that must be looked up */
};

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
    char host[ADDRESS_HOST_SIZE];
    char port[8];
};

/* Whether it begins as that of a Unix socket does. */
bool address_is_unix(const char *text);

enum address_kind address_parse(const char *text, struct address *out);

/* An address to listen on; "localhost" is 127.0.0.1 then, other names are not looked up. */
bool address_parse_local(const char *text, struct address *out);

/* "127.0.0.1:50051", "[::1]:50051", "unix:/path", "unix-abstract:name" or "unix:" (no name); "" for
 * other kinds of sockets. */
void address_format(const struct sockaddr_storage *storage, socklen_t size,
                    char text[ADDRESS_TEXT_SIZE]);

#endif
