/* SPDX-License-Identifier: MIT */
/*
 * address.c - "HOST:PORT" as a socket, for the tools that do not stand on weir.
 */
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Resolves; NULL with errno for an address that is none. */
static struct addrinfo *resolve(const char *address, char host[256])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');

    errno = EINVAL;
    if (colon == NULL || (size_t)(colon - address) >= 256)
        return NULL;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return NULL;
    return found;
}

static int try_listen(int fd, const struct addrinfo *at)
{
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 1024) != 0)
        return -1;
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int try_connect(int fd, const struct addrinfo *at)
{
    if (connect(fd, at->ai_addr, at->ai_addrlen) != 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int open_socket(const char *address, char host[256],
                       int (*make)(int fd, const struct addrinfo *at))
{
    struct addrinfo *at = resolve(address, host);

    if (at == NULL)
        return -1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && make(fd, at) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        fd = -1;
    }
    freeaddrinfo(at);
    return fd;
}

int address_listen(const char *address)
{
    char host[256];
    char port[32] = "?";
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    int fd = open_socket(address, host, try_listen);

    if (fd < 0)
        return -1;
    if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
        getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    printf("listening on %s:%s\n", host, port);
    fflush(stdout);
    return fd;
}

int address_connect(const char *address)
{
    char host[256];

    return open_socket(address, host, try_connect);
}
