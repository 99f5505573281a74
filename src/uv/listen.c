/* SPDX-License-Identifier: MIT */
/*
 * listen.c - sockets to listen on: those that are bound here, and those that somebody handed in.
 *
 * A path is removed only while it is the very socket that was bound: in the meantime another server
 * may have taken it over.
 */
#include "uv/listen.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define FIRST_PASSED_FD 3

/* ---- bound here ---- */

static int make_socket(const struct address *address)
{
    return socket(((const struct sockaddr *)&address->storage)->sa_family,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int bind_to(int fd, const struct address *address)
{
    return bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0 ? 0 : errno;
}

/* The path of a Unix socket; NULL: it has none. */
static const char *path_of(const struct address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;

    return un->sun_family == AF_UNIX && un->sun_path[0] != '\0' ? un->sun_path : NULL;
}

/* A server that ended without removing its socket leaves one that refuses everybody. */
static bool is_stale(const struct address *address)
{
    const char *path = path_of(address);
    struct stat found;
    bool refused;
    int fd;

    if (path == NULL || lstat(path, &found) != 0 || !S_ISSOCK(found.st_mode))
        return false;
    fd = make_socket(address);
    if (fd < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)&address->storage, address->size) != 0 &&
              errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_or_replace(int fd, const struct address *address)
{
    int error = bind_to(fd, address);

    if (error != EADDRINUSE || !is_stale(address))
        return error;
    if (unlink(path_of(address)) != 0)
        return EADDRINUSE;
    return bind_to(fd, address);
}

/* Binds, and remembers what the end has to remove. */
static int bind_and_keep(struct listening *out, const struct address *address)
{
    const char *path = path_of(address);
    struct stat found;
    int error;

    if (path != NULL && (out->path = mem_copy_string(path)) == NULL)
        return ENOMEM;
    error = bind_or_replace(out->fd, address);
    if (error != 0 || path == NULL)
        return error;
    if (lstat(path, &found) != 0)
        return errno;
    out->device = found.st_dev;
    out->inode = found.st_ino;
    return 0;
}

int listening_open(struct listening *out, const struct address *address)
{
    int fd = make_socket(address);
    int one = 1, error;

    *out = (struct listening){.fd = fd};
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    error = bind_and_keep(out, address);
    if (error == 0 && listen(fd, BACKLOG) != 0)
        error = errno;
    if (error != 0)
        listening_close(out);
    return error;
}

void listening_close(struct listening *l)
{
    struct stat found;

    if (l->path != NULL && lstat(l->path, &found) == 0 && found.st_dev == l->device &&
        found.st_ino == l->inode)
        unlink(l->path);
    mem_free(l->path);
    l->path = NULL;
    close(l->fd);
}

uint16_t listening_port(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;

    memset(&name, 0, sizeof name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&name)->sin_port) : 0;
}

/* ---- handed in ---- */

static bool socket_says(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

static bool set_flags(int fd)
{
    int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);

    return status >= 0 && descriptor >= 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) == 0;
}

const char *listening_check(int fd)
{
    if (!socket_says(fd, SO_TYPE, SOCK_STREAM))
        return "is not a stream socket";
    if (!socket_says(fd, SO_ACCEPTCONN, 1))
        return "does not listen";
    return set_flags(fd) ? NULL : "cannot be used without blocking";
}

const char *connected_check(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;

    if (!socket_says(fd, SO_TYPE, SOCK_STREAM))
        return "is not a stream socket";
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
        return "is not connected";
    return set_flags(fd) ? NULL : "cannot be used without blocking";
}

/* How many were passed, when they were meant for this process and not for its parent. */
static int count_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    long number = pid != NULL && count != NULL ? strtol(count, NULL, 10) : 0;

    if (number <= 0 || number > INT16_MAX || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    return (int)number;
}

/* LISTEN_FDNAMES is a list with colons in between. */
static bool has_name(int index, const char *name)
{
    const char *names = getenv("LISTEN_FDNAMES");
    size_t size;

    while (names != NULL && index-- > 0) {
        names = strchr(names, ':');
        names = names != NULL ? names + 1 : NULL;
    }
    size = names != NULL ? strcspn(names, ":") : 0;
    return names != NULL && size == strlen(name) && memcmp(names, name, size) == 0;
}

int passed_fd(const char *name, int after)
{
    int count = count_passed();

    for (int i = after < 0 ? 0 : after - FIRST_PASSED_FD + 1; i < count; i++) {
        if (name == NULL || has_name(i, name))
            return FIRST_PASSED_FD + i;
    }
    return -1;
}
