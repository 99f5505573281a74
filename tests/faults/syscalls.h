/* SPDX-License-Identifier: MIT */
/*
 * syscalls.h - the system calls that the uv room makes, and what may become of them.
 *
 * syscalls.c defines them in the program, before libc's, also for libuv, whose own calls they are
 * as well: they do what libc does until they are told to fail. So no library needs to be preloaded,
 * and a test decides from one moment to the next. They are calls of libc's: pthread_create and
 * getaddrinfo stand for what those do inside.
 */
#ifndef TESTS_SYSCALLS_H
#define TESTS_SYSCALLS_H

#include <limits.h>
#include <stdbool.h>

enum syscall {
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_SETSOCKOPT,
    CALL_GETSOCKOPT,
    CALL_CONNECT,
    CALL_ACCEPT,
    CALL_RECV,
    CALL_SENDMSG,
    CALL_SHUTDOWN,
    CALL_CLOSE,
    CALL_UNLINK,
    CALL_LSTAT,
    CALL_FCNTL,
    CALL_GETADDRINFO,
    CALL_THREAD,
    /* those that libuv makes for it */
    CALL_EPOLL_CREATE,
    CALL_EPOLL_ADD, /* with which libuv asks whether a fd can be watched */
    CALL_EPOLL_WAIT,
    CALL_EVENTFD,
    CALL_PIPE,
    CALL_IOCTL,
    CALL_READ,  /* of an eventfd */
    CALL_WRITE, /* to it */
};

/* Instead of an errno. */
enum {
    FAULT_SHORT = -1, /* recv, sendmsg: one byte; epoll_wait: one event */
    FAULT_END = -2,   /* recv: 0 */
};

/* The `first`-th of these calls (from 0), and each `every`-th after it (INT_MAX: none), on any
 * thread, fails with `fault`: an errno, or one of the above. */
struct fault {
    enum syscall call;
    int fault;
    int first;
    int every;
};

void syscalls_fail(const struct fault *fault);
void syscalls_work(void);

/* Whether one failed since syscalls_fail. */
bool syscalls_failed(void);

#endif
