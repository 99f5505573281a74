/* SPDX-License-Identifier: MIT */
/*
 * test_syscalls.c - each system call of the uv room fails, the first, the second, and so on, while
 * a server and a client do calls of all four kinds.
 *
 * What a socket may do at any time changes nothing. What breaks a connection makes its calls
 * UNAVAILABLE; the server serves the next one. Nothing hangs, and no fd and no memory stays.
 */
#include "conn/support/memory.h"
#include "faults/service.h"
#include "faults/syscalls.h"

#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { FAULTS_MAX = 400 };

/* Whether what was refused may show in the statuses, and how. */
enum outcome {
    HARMLESS,    /* not at all */
    UNAVAILABLE, /* calls end with UNAVAILABLE */
    NOTHING,     /* likewise, or there is no server or no channel for want of something */
};

static bool allowed(weir_code code, enum outcome outcome)
{
    return code == WEIR_OK || (outcome >= UNAVAILABLE && code == WEIR_UNAVAILABLE) ||
           (outcome == NOTHING && code == WEIR_RESOURCE_EXHAUSTED);
}

/* libuv forgets its epoll fd where the rest of a loop cannot be made. */
static int left_open(enum syscall call)
{
    return syscalls_failed() && (call == CALL_EVENTFD || call == CALL_PIPE);
}

/* Server and client with this fault, to the end where it does no harm; false: it was not met. */
static bool run(const struct fault *fault, enum place place, enum outcome outcome)
{
    int fds = open_fds();
    struct service service;
    weir_code code = WEIR_UNAVAILABLE;
    bool started;

    memory_install();
    syscalls_fail(fault);
    started = service_start(&service, place);
    if (started)
        code = service_call(&service);
    if (outcome != HARMLESS)
        syscalls_work();
    assert_true(allowed(code, syscalls_failed() ? outcome : HARMLESS));
    if (started) {
        assert_int_equal(service_call(&service), WEIR_OK);
        service_stop(&service);
    }
    syscalls_work();
    assert_int_equal(memory_held(), 0);
    assert_int_equal(open_fds(), fds + left_open(fault->call));
    return syscalls_failed();
}

/* Each one of the calls fails once. */
static void each_fails(enum syscall call, int fault, enum place place, enum outcome outcome)
{
    int at = 0;

    while (run(&(struct fault){call, fault, at, INT_MAX}, place, outcome))
        assert_in_range(++at, 1, FAULTS_MAX);
    assert_true(at != 0);
}

static void each_fails_with(enum syscall call, const int *faults, size_t count, enum place place,
                            enum outcome outcome)
{
    for (size_t i = 0; i < count; i++)
        each_fails(call, faults[i], place, outcome);
}

#define EACH_FAILS_ON(place, call, outcome, ...)                                                   \
    each_fails_with(call, (const int[]){__VA_ARGS__}, COUNT_OF(((const int[]){__VA_ARGS__})),      \
                    place, outcome)
#define EACH_FAILS(call, outcome, ...) EACH_FAILS_ON(ON_TCP, call, outcome, __VA_ARGS__)

/* ---- claims ---- */

static void a_socket_that_would_block_or_is_interrupted_changes_nothing(void **state)
{
    (void)state;
    EACH_FAILS(CALL_RECV, HARMLESS, EAGAIN, EINTR, FAULT_SHORT);
    EACH_FAILS(CALL_SENDMSG, HARMLESS, EAGAIN, EINTR, ENOBUFS, FAULT_SHORT);
}

static void sockets_that_often_take_and_give_little_change_nothing(void **state)
{
    static const int faults[] = {FAULT_SHORT, EAGAIN, EINTR};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        assert_true(run(&(struct fault){CALL_RECV, faults[i], 0, 2}, ON_TCP, HARMLESS));
        assert_true(run(&(struct fault){CALL_SENDMSG, faults[i], 0, 2}, ON_TCP, HARMLESS));
        assert_true(run(&(struct fault){CALL_SENDMSG, faults[i], 0, 2}, ON_UNIX, HARMLESS));
    }
}

static void a_connection_that_breaks_makes_its_calls_unavailable(void **state)
{
    (void)state;
    EACH_FAILS(CALL_RECV, UNAVAILABLE, ECONNRESET, FAULT_END);
    EACH_FAILS(CALL_SENDMSG, UNAVAILABLE, EPIPE, ECONNRESET);
}

static void a_connection_that_cannot_be_accepted_is_tried_again(void **state)
{
    (void)state;
    EACH_FAILS(CALL_ACCEPT, HARMLESS, EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EAGAIN,
               EPERM, EPROTO);
}

static void a_connection_that_cannot_be_made_makes_its_calls_unavailable(void **state)
{
    (void)state;
    EACH_FAILS(CALL_CONNECT, UNAVAILABLE, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL);
    EACH_FAILS(CALL_GETSOCKOPT, UNAVAILABLE, EBADF);
}

static void a_server_that_cannot_listen_says_so(void **state)
{
    (void)state;
    EACH_FAILS(CALL_SOCKET, UNAVAILABLE, EMFILE, ENOBUFS);
    EACH_FAILS(CALL_BIND, UNAVAILABLE, EADDRINUSE, EACCES);
    EACH_FAILS(CALL_LISTEN, UNAVAILABLE, EADDRINUSE);
    EACH_FAILS(CALL_GETSOCKNAME, UNAVAILABLE, ENOBUFS);
}

static void what_is_only_nice_to_have_changes_nothing(void **state)
{
    (void)state;
    EACH_FAILS(CALL_SETSOCKOPT, HARMLESS, ENOBUFS);
    EACH_FAILS(CALL_GETPEERNAME, HARMLESS, ENOTCONN);
    EACH_FAILS(CALL_SHUTDOWN, HARMLESS, ENOTCONN);
}

static void a_name_that_is_not_found_makes_its_calls_unavailable(void **state)
{
    (void)state;
    if (!localhost_is_known())
        skip();
    EACH_FAILS_ON(ON_NAME, CALL_GETADDRINFO, UNAVAILABLE, EAI_NONAME, EAI_AGAIN, EAI_MEMORY);
    EACH_FAILS_ON(ON_NAME, CALL_CONNECT, UNAVAILABLE, ECONNREFUSED);
    EACH_FAILS_ON(ON_NAME, CALL_SOCKET, UNAVAILABLE, EMFILE);
}

static void a_unix_socket_fails_like_any_other(void **state)
{
    (void)state;
    EACH_FAILS_ON(ON_UNIX, CALL_ACCEPT, HARMLESS, EMFILE);
    EACH_FAILS_ON(ON_UNIX, CALL_CONNECT, UNAVAILABLE, ECONNREFUSED, EAGAIN);
    EACH_FAILS_ON(ON_UNIX, CALL_BIND, UNAVAILABLE, EADDRINUSE);
    EACH_FAILS_ON(ON_UNIX, CALL_EPOLL_ADD, NOTHING, ENOMEM);
    EACH_FAILS_ON(ON_UNIX, CALL_LSTAT, UNAVAILABLE, EACCES);
}

static void a_socket_that_was_handed_in_fails_like_any_other(void **state)
{
    (void)state;
    EACH_FAILS_ON(ON_FD, CALL_FCNTL, UNAVAILABLE, EBADF);
    EACH_FAILS_ON(ON_FD, CALL_GETSOCKOPT, UNAVAILABLE, EBADF);
    EACH_FAILS_ON(ON_FD, CALL_EPOLL_ADD, NOTHING, ENOMEM);
    EACH_FAILS_ON(ON_PAIR, CALL_EPOLL_ADD, NOTHING, ENOMEM);
    EACH_FAILS_ON(ON_PAIR, CALL_RECV, UNAVAILABLE, ECONNRESET, FAULT_END);
    EACH_FAILS_ON(ON_PAIR, CALL_SENDMSG, UNAVAILABLE, EPIPE);
}

static void a_fd_that_is_not_closed_or_removed_in_peace_changes_nothing(void **state)
{
    (void)state;
    EACH_FAILS(CALL_CLOSE, HARMLESS, EINTR, EIO);
    EACH_FAILS_ON(ON_UNIX, CALL_UNLINK, HARMLESS, EACCES);
}

static void a_loop_or_a_thread_that_cannot_be_made_is_said(void **state)
{
    (void)state;
    EACH_FAILS(CALL_THREAD, NOTHING, EAGAIN);
    EACH_FAILS(CALL_EPOLL_CREATE, NOTHING, EMFILE, ENOMEM);
    EACH_FAILS(CALL_EVENTFD, NOTHING, EMFILE, ENOMEM);
    EACH_FAILS(CALL_PIPE, NOTHING, EMFILE, ENFILE);
}

static void a_socket_that_cannot_be_watched_is_closed(void **state)
{
    (void)state;
    EACH_FAILS(CALL_EPOLL_ADD, NOTHING, ENOMEM, ENOSPC);
    EACH_FAILS(CALL_IOCTL, NOTHING, ENOMEM);
}

static void a_wait_that_is_interrupted_or_tells_little_changes_nothing(void **state)
{
    static const enum syscall calls[] = {CALL_EPOLL_WAIT, CALL_READ, CALL_WRITE};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        EACH_FAILS(calls[i], HARMLESS, EINTR);
        assert_true(run(&(struct fault){calls[i], EINTR, 0, 2}, ON_TCP, HARMLESS));
    }
    EACH_FAILS(CALL_READ, HARMLESS, EAGAIN);
    assert_true(run(&(struct fault){CALL_EPOLL_WAIT, FAULT_SHORT, 0, 1}, ON_TCP, HARMLESS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_that_would_block_or_is_interrupted_changes_nothing),
        cmocka_unit_test(sockets_that_often_take_and_give_little_change_nothing),
        cmocka_unit_test(a_connection_that_breaks_makes_its_calls_unavailable),
        cmocka_unit_test(a_connection_that_cannot_be_accepted_is_tried_again),
        cmocka_unit_test(a_connection_that_cannot_be_made_makes_its_calls_unavailable),
        cmocka_unit_test(a_server_that_cannot_listen_says_so),
        cmocka_unit_test(what_is_only_nice_to_have_changes_nothing),
        cmocka_unit_test(a_name_that_is_not_found_makes_its_calls_unavailable),
        cmocka_unit_test(a_unix_socket_fails_like_any_other),
        cmocka_unit_test(a_socket_that_was_handed_in_fails_like_any_other),
        cmocka_unit_test(a_fd_that_is_not_closed_or_removed_in_peace_changes_nothing),
        cmocka_unit_test(a_loop_or_a_thread_that_cannot_be_made_is_said),
        cmocka_unit_test(a_socket_that_cannot_be_watched_is_closed),
        cmocka_unit_test(a_wait_that_is_interrupted_or_tells_little_changes_nothing),
    };

    return cmocka_run_group_tests(tests, service_prepare, service_clear);
}
