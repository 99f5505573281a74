/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - system calls that fail when they are told to.
 */
#include "faults/syscalls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* libc's own, looked up once. A call through the atomic itself would read it as if it were none. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *_Atomic found_##name;                                                 \
    __typeof__(name) *real_##name = atomic_load(&found_##name);                                    \
    if (real_##name == NULL)                                                                       \
    atomic_store(&found_##name, real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name))

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

/* Closed it is in any case, as on Linux. */
int close(int fd)
{
    bool refused = fails(CALL_CLOSE);
    int result;

    REAL(close);
    result = real_close(fd);
    if (!refused)
        return result;
    errno = fault.fault;
    return -1;
}

int unlink(const char *path)
{
    REAL(unlink);
    return refuses(CALL_UNLINK) ? -1 : real_unlink(path);
}

int lstat(const char *path, struct stat *found)
{
    REAL(lstat);
    return refuses(CALL_LSTAT) ? -1 : real_lstat(path, found);
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    REAL(fcntl);
    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return refuses(CALL_FCNTL) ? -1 : real_fcntl(fd, command, argument);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **out)
{
    REAL(getaddrinfo);
    return fails(CALL_GETADDRINFO) ? fault.fault : real_getaddrinfo(host, port, hints, out);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *self)
{
    REAL(pthread_create);
    return fails(CALL_THREAD) ? fault.fault : real_pthread_create(thread, attributes, run, self);
}

/* ---- libuv's ---- */

int epoll_create1(int flags)
{
    REAL(epoll_create1);
    return refuses(CALL_EPOLL_CREATE) ? -1 : real_epoll_create1(flags);
}

/* uv_poll_init tries a fd with a data of -1. Later, when it watches the fd, libuv aborts where the
 * kernel has no memory for that; a test would learn nothing from it. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    REAL(epoll_ctl);
    if (operation == EPOLL_CTL_ADD && event->data.fd == -1 && refuses(CALL_EPOLL_ADD))
        return -1;
    return real_epoll_ctl(epoll, operation, fd, event);
}

/* How many events of at most `max`; 0: it is refused. */
static int events_max(int max)
{
    if (!fails(CALL_EPOLL_WAIT))
        return max;
    if (fault.fault == FAULT_SHORT)
        return 1;
    errno = fault.fault;
    return 0;
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    int allowed = events_max(max);

    REAL(epoll_wait);
    return allowed == 0 ? -1 : real_epoll_wait(epoll, events, allowed, timeout);
}

int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
    int allowed = events_max(max);

    REAL(epoll_pwait);
    return allowed == 0 ? -1 : real_epoll_pwait(epoll, events, allowed, timeout, mask);
}

int eventfd(unsigned count, int flags)
{
    REAL(eventfd);
    return refuses(CALL_EVENTFD) ? -1 : real_eventfd(count, flags);
}

int pipe2(int fds[2], int flags)
{
    REAL(pipe2);
    return refuses(CALL_PIPE) ? -1 : real_pipe2(fds, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;

    REAL(ioctl);
    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return refuses(CALL_IOCTL) ? -1 : real_ioctl(fd, request, argument);
}

ssize_t read(int fd, void *data, size_t size)
{
    REAL(read);
    return refuses(CALL_READ) ? -1 : real_read(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(write);
    return refuses(CALL_WRITE) ? -1 : real_write(fd, data, size);
}
