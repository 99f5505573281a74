/* SPDX-License-Identifier: MIT */
/*
 * address.h - "host:port", "[::1]:port" and "unix:/path" as socket addresses, and back.
 */
#ifndef UV_ADDRESS_H
#define UV_ADDRESS_H

#include <weir/status.h>

#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 160
#define ADDRESS_HOST_SIZE 256

enum address_kind {
    ADDRESS_INVALID,
    ADDRESS_READY, /* numeric, or a path */
    ADDRESS_NAME   /* a host that must be looked up */
};

struct address {
    struct sockaddr_storage storage;
    socklen_t size;
    char host[ADDRESS_HOST_SIZE];
    char port[8];
};

enum address_kind address_parse(const char *text, struct address *out);

/* An address to listen on; "localhost" is 127.0.0.1 then, other names are not looked up. */
bool address_parse_local(const char *text, struct address *out);

/* "127.0.0.1:50051", "[::1]:50051", "unix:/path" or "unix:". */
void address_format(const struct sockaddr_storage *storage, socklen_t size,
                    char text[ADDRESS_TEXT_SIZE]);

#endif
