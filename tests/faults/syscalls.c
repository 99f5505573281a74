/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - system calls that fail when they are told to.
 */
#include "faults/syscalls.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>

static struct fault fault; /* changes only while nothing else runs */
static atomic_bool armed, failed;
static atomic_int calls;

void syscalls_fail(const struct fault *wanted)
{
    fault = *wanted;
    atomic_store(&calls, 0);
    atomic_store(&failed, false);
    atomic_store(&armed, true);
}

void syscalls_work(void)
{
    atomic_store(&armed, false);
}

bool syscalls_failed(void)
{
    return atomic_load(&failed);
}

static bool fails(enum syscall call)
{
    int at;

    if (!atomic_load(&armed) || call != fault.call)
        return false;
    at = atomic_fetch_add(&calls, 1);
    if (at < fault.first || (at - fault.first) % fault.every != 0)
        return false;
    atomic_store(&failed, true);
    return true;
}

static bool refuses(enum syscall call)
{
    if (!fails(call))
        return false;
    errno = fault.fault;
    return true;
}

/* libc's own, looked up once. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *_Atomic real_##name;                                                  \
    if (real_##name == NULL)                                                                       \
    real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int socket(int domain, int type, int protocol)
{
    REAL(socket);
    return refuses(CALL_SOCKET) ? -1 : real_socket(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *name, socklen_t size)
{
    REAL(bind);
    return refuses(CALL_BIND) ? -1 : real_bind(fd, name, size);
}

int listen(int fd, int backlog)
{
    REAL(listen);
    return refuses(CALL_LISTEN) ? -1 : real_listen(fd, backlog);
}

int getsockname(int fd, struct sockaddr *name, socklen_t *size)
{
    REAL(getsockname);
    return refuses(CALL_GETSOCKNAME) ? -1 : real_getsockname(fd, name, size);
}

int getpeername(int fd, struct sockaddr *name, socklen_t *size)
{
    REAL(getpeername);
    return refuses(CALL_GETPEERNAME) ? -1 : real_getpeername(fd, name, size);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    REAL(setsockopt);
    return refuses(CALL_SETSOCKOPT) ? -1 : real_setsockopt(fd, level, name, value, size);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    REAL(getsockopt);
    return refuses(CALL_GETSOCKOPT) ? -1 : real_getsockopt(fd, level, name, value, size);
}

int connect(int fd, const struct sockaddr *name, socklen_t size)
{
    REAL(connect);
    return refuses(CALL_CONNECT) ? -1 : real_connect(fd, name, size);
}

int accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    REAL(accept4);
    return refuses(CALL_ACCEPT) ? -1 : real_accept4(fd, name, size, flags);
}

int shutdown(int fd, int how)
{
    REAL(shutdown);
    return refuses(CALL_SHUTDOWN) ? -1 : real_shutdown(fd, how);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    REAL(recv);
    if (!fails(CALL_RECV))
        return real_recv(fd, data, size, flags);
    if (fault.fault == FAULT_END)
        return 0;
    if (fault.fault == FAULT_SHORT)
        return real_recv(fd, data, 1, flags);
    errno = fault.fault;
    return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec byte = {message->msg_iov[0].iov_base, 1};
    struct msghdr one = {.msg_iov = &byte, .msg_iovlen = 1};

    REAL(sendmsg);
    if (!fails(CALL_SENDMSG))
        return real_sendmsg(fd, message, flags);
    if (fault.fault == FAULT_SHORT)
        return real_sendmsg(fd, &one, flags);
    errno = fault.fault;
    return -1;
}
