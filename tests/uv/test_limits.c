/* SPDX-License-Identifier: MIT */
/*
 * test_limits.c - more connections than a server takes, clients that stall, and fds that run out.
 */
#include "uv/echo.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* Reads until the server closes; how many bytes came before that. */
static size_t read_to_end(int fd)
{
    char some[4096];
    size_t all = 0;
    ssize_t size;

    while ((size = recv(fd, some, sizeof some, 0)) > 0)
        all += (size_t)size;
    close(fd);
    return all;
}

static weir_server *serve(const weir_server_options *options, uint16_t *port)
{
    weir_server *server = echo_server(options, NULL);

    echo_listen(server, "127.0.0.1:0", port);
    echo_start(server);
    return server;
}

static void expect_nothing_left(weir_server *server, int before)
{
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    weir_server_free(server);
    assert_int_equal(echo_next_fd(), before);
}

/* ---- too many connections ---- */

/* A refused connection is told of with its address. */
static void note(void *self, const weir_log_event *event)
{
    if (event->kind != WEIR_LOG_CONNECTION_REFUSED)
        return;
    assert_true(strncmp(event->peer, "127.0.0.1:", 10) == 0);
    assert_string_equal(event->reason, "as many connections as may be");
    atomic_fetch_add((atomic_int *)self, 1);
}

static void one_connection_too_many_is_closed_at_once_and_told(void **state)
{
    atomic_int told = 0;
    const weir_server_options options = {
        .max_connections = 2, .threads = 2, .log = {.tell = note, .self = &told}};
    weir_total_usage usage;
    int before = echo_next_fd();
    uint16_t port;
    weir_server *server = serve(&options, &port);
    weir_channel *first = echo_channel_to_port(port), *second = echo_channel_to_port(port);
    weir_channel *third = echo_channel_to_port(port);

    (void)state;
    assert_int_equal(echo_call(first), WEIR_OK);
    assert_int_equal(echo_call(second), WEIR_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(read_to_end(echo_connect(port)), 0);
    assert_int_equal(echo_call(third), WEIR_UNAVAILABLE);
    assert_int_equal(echo_call(first), WEIR_OK);
    assert_int_equal(echo_call(second), WEIR_OK);
    weir_server_usage(server, &usage);
    assert_int_equal(usage.connections_refused, 101);
    assert_true(atomic_load(&told) >= 20); /* at once; more of them only as time passes */
    weir_channel_unref(third);
    weir_channel_unref(second);
    weir_channel_unref(first);
    expect_nothing_left(server, before);
}

static void one_too_many_is_not_adopted(void **state)
{
    const weir_server_options options = {.max_connections = 1};
    weir_server *server = echo_server(&options, NULL);
    weir_total_usage usage;
    int ends[2], others[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, others), 0);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_OK);
    assert_int_equal(weir_server_adopt(server, others[0], NULL, NULL), WEIR_RESOURCE_EXHAUSTED);
    weir_server_usage(server, &usage);
    assert_int_equal(usage.connections_refused, 1);
    weir_server_free(server);
    close(ends[1]);
    assert_int_equal(close(others[0]), 0);
    close(others[1]);
}

static void *allocate_nothing(void *self, size_t size)
{
    (void)self, (void)size;
    return NULL;
}

static void one_for_which_there_is_no_memory_counts_as_refused(void **state)
{
    static const weir_allocator none = {.allocate = allocate_nothing};
    weir_server *server = echo_server(NULL, NULL);
    weir_total_usage usage;
    uint16_t port;
    int ends[2];

    (void)state;
    echo_listen(server, "127.0.0.1:0", &port); /* its loops are made */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    weir_set_allocator(&none);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_RESOURCE_EXHAUSTED);
    weir_set_allocator(NULL);
    weir_server_usage(server, &usage);
    assert_int_equal(usage.connections_refused, 1);
    weir_server_free(server);
    close(ends[0]);
    close(ends[1]);
}

static void a_connection_that_leaves_makes_room(void **state)
{
    const weir_server_options options = {.max_connections = 1};
    uint16_t port;
    weir_server *server = serve(&options, &port);
    weir_channel *first = echo_channel_to_port(port), *second = echo_channel_to_port(port);
    weir_code code;

    (void)state;
    assert_int_equal(echo_call(first), WEIR_OK);
    assert_int_equal(echo_call(second), WEIR_UNAVAILABLE);
    weir_channel_unref(first); /* the server hears of that a little later */
    do
        code = echo_call(second);
    while (code == WEIR_UNAVAILABLE);
    assert_int_equal(code, WEIR_OK);
    weir_channel_unref(second);
    weir_server_free(server);
}

/* ---- clients that stall ---- */

static void clients_that_stall_are_let_go_and_nobody_else_notices(void **state)
{
    const weir_server_options options = {.handshake_timeout_ns = WEIR_MILLISECONDS(200)};
    int before = echo_next_fd(), stalled[50];
    uint16_t port;
    weir_server *server = serve(&options, &port);
    weir_channel *channel = echo_channel_to_port(port);

    (void)state;
    for (int i = 0; i < 50; i++) {
        stalled[i] = echo_connect(port);
        assert_int_equal(send(stalled[i], "PRI * HTTP/2.0\r\n", (size_t)i % 16, 0), i % 16);
    }
    assert_int_equal(echo_call(channel), WEIR_OK);
    for (int i = 0; i < 50; i++)
        assert_true(read_to_end(stalled[i]) > 0); /* SETTINGS, and a GOAWAY that says why */
    assert_int_equal(echo_call(channel), WEIR_OK);
    weir_channel_unref(channel);
    expect_nothing_left(server, before);
}

/* Who is cut off and does not close holds a fd of the server's for a second, but few of them. */
static void clients_that_do_not_close_hold_few_fds(void **state)
{
    enum { COUNT = 400, MOST = 256 };
    const weir_server_options options = {.handshake_timeout_ns = 1};
    uint16_t port;
    weir_server *server = serve(&options, &port);
    int fds[COUNT], reset = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        fds[i] = echo_connect(port);
    for (int i = 0; i < COUNT; i++) {
        char some[256];

        while (recv(fds[i], some, sizeof some, 0) > 0)
            continue;
        /* One that lingers takes this, one that is closed answers with a reset. */
        (void)!send(fds[i], "x", 1, MSG_NOSIGNAL);
    }
    echo_expect_port(port);
    for (int i = 0; i < COUNT; i++) {
        struct pollfd reads = {.fd = fds[i]};

        poll(&reads, 1, 0);
        reset += (reads.revents & POLLERR) != 0;
        close(fds[i]);
    }
    assert_true(reset >= COUNT - MOST);
    weir_server_free(server);
}

/* ---- fds that run out ---- */

/* Whether the loop would do something at once. */
static bool has_work(weir_uv *uv)
{
    struct pollfd loop = {.fd = weir_uv_fd(uv), .events = POLLIN};

    return poll(&loop, 1, 0) != 0 || weir_uv_timeout_ms(uv) == 0;
}

/* A connection waits in the kernel's queue, so the listener is readable all the time. */
static void out_of_fds_a_server_does_not_spin(void **state)
{
    struct rlimit limit, low;
    struct pollfd waiting = {.events = POLLIN};
    weir_uv *uv;
    weir_server *server;
    uint16_t port;

    (void)state;
    assert_int_equal(weir_uv_create(&uv, NULL), WEIR_OK);
    server = echo_server(&(weir_server_options){.loop = weir_uv_loop(uv)}, NULL);
    echo_listen(server, "127.0.0.1:0", &port);
    weir_uv_step(uv);
    waiting.fd = echo_connect(port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)echo_next_fd();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_true(has_work(uv));
    for (int i = 0; i < 8; i++)
        weir_uv_step(uv);
    assert_false(has_work(uv));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (poll(&waiting, 1, 0) == 0) { /* its SETTINGS come when the listener has rested */
        poll(&(struct pollfd){.fd = weir_uv_fd(uv), .events = POLLIN}, 1, weir_uv_timeout_ms(uv));
        weir_uv_step(uv);
    }
    close(waiting.fd);
    weir_server_free(server);
    weir_uv_free(uv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_too_many_is_closed_at_once_and_told),
        cmocka_unit_test(one_too_many_is_not_adopted),
        cmocka_unit_test(one_for_which_there_is_no_memory_counts_as_refused),
        cmocka_unit_test(a_connection_that_leaves_makes_room),
        cmocka_unit_test(clients_that_stall_are_let_go_and_nobody_else_notices),
        cmocka_unit_test(clients_that_do_not_close_hold_few_fds),
        cmocka_unit_test(out_of_fds_a_server_does_not_spin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
