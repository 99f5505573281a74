/* SPDX-License-Identifier: MIT */
/*
 * test_handed_in.c - several addresses, and sockets that somebody else made: listeners, those of a
 * service manager, and connected ones at either end.
 */
#include "uv/echo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int listen_by_hand(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void make_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* The peer closed its end. */
static bool sees_end(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char some[4096];

    while (poll(&poll_fd, 1, 60 * 1000) == 1) {
        ssize_t size = recv(fd, some, sizeof some, 0);

        if (size <= 0)
            return true;
    }
    return false;
}

/* ---- listeners ---- */

static void a_server_listens_on_many_addresses(void **state)
{
    const weir_server_options options = {.threads = 2};
    weir_server *server = echo_server(&options, NULL);
    uint16_t ports[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        echo_listen(server, "127.0.0.1:0", &ports[i]);
    echo_start(server);
    for (size_t i = 0; i < 4; i++)
        echo_expect_port(ports[i]);
    weir_server_free(server);
}

static void an_inherited_listener_is_served_and_closed(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    uint16_t port;
    int fd = listen_by_hand(&port);

    (void)state;
    assert_int_equal(weir_server_listen_fd(server, fd, NULL, NULL), WEIR_OK);
    echo_start(server);
    echo_expect_port(port);
    weir_server_free(server);
    assert_false(is_open(fd));
}

static void expect_no_listener(int fd)
{
    weir_server *server = echo_server(NULL, NULL);
    weir_status why = {0};

    assert_int_equal(weir_server_listen_fd(server, fd, NULL, &why), WEIR_INVALID_ARGUMENT);
    assert_true(why.message.size != 0);
    weir_status_clear(&why);
    weir_server_free(server);
}

static void what_does_not_listen_is_refused_and_stays_the_callers(void **state)
{
    int ends[2], pipes[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(pipe(pipes), 0);
    expect_no_listener(ends[0]);
    expect_no_listener(pipes[0]);
    expect_no_listener(-1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(ends[i]), 0);
        assert_int_equal(close(pipes[i]), 0);
    }
}

/* What spins without end would take all of a CPU for as long as the process runs. */
static void a_listener_that_somebody_shuts_down_does_not_spin(void **state)
{
    weir_uv *uv;
    weir_server *server;
    uint16_t port;
    int fd = listen_by_hand(&port);

    (void)state;
    assert_int_equal(weir_uv_create(&uv, NULL), WEIR_OK);
    server = echo_server(&(weir_server_options){.loop = weir_uv_loop(uv)}, NULL);
    assert_int_equal(weir_server_listen_fd(server, fd, NULL, NULL), WEIR_OK);
    assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
    for (int i = 0; i < 8; i++)
        weir_uv_step(uv);
    assert_true(weir_uv_timeout_ms(uv) > 0);
    assert_int_equal(poll(&(struct pollfd){.fd = weir_uv_fd(uv), .events = POLLIN}, 1, 0), 0);
    weir_server_free(server);
    weir_uv_free(uv);
}

/* ---- a service manager's ---- */

/* Passes these two, which move, as 3 and 4, called "first" and "second". */
static void pass(int first, int second)
{
    char pid[16];

    assert_true(first > 4 && second > 4);
    assert_int_equal(dup2(first, 3), 3);
    assert_int_equal(dup2(second, 4), 4);
    close(first);
    close(second);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "first:second", 1);
}

static void take_back(void)
{
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* A listener that is not in the way of what is passed. */
static int listen_above(uint16_t *port)
{
    int fd = listen_by_hand(port), above = fcntl(fd, F_DUPFD_CLOEXEC, 5);

    close(fd);
    return above;
}

/* Keeps 3 and 4 free for what is passed. */
static int reserve_fds(void **state)
{
    (void)state;
    for (int fd = 3; fd <= 4; fd++) {
        if (!is_open(fd) && dup2(0, fd) != fd)
            return 1;
    }
    return 0;
}

static void expect_nothing_passed(const char *address)
{
    weir_server *server = echo_server(NULL, NULL);

    assert_int_equal(weir_server_listen(server, address, NULL, NULL), WEIR_UNAVAILABLE);
    weir_server_free(server);
}

static void all_sockets_that_were_passed_are_served(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    uint16_t first, second, port;

    (void)state;
    pass(listen_above(&first), listen_above(&second));
    echo_listen(server, "systemd", &port);
    assert_int_equal(port, first);
    echo_start(server);
    echo_expect_port(first);
    echo_expect_port(second);
    weir_server_free(server);
    take_back();
}

static void a_socket_that_was_passed_is_found_by_its_name(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    uint16_t first, second, port;

    (void)state;
    pass(listen_above(&first), listen_above(&second));
    expect_nothing_passed("systemd:secon");
    expect_nothing_passed("systemd:third");
    echo_listen(server, "systemd:second", &port);
    assert_int_equal(port, second);
    echo_listen(server, "fd:3", &port);
    assert_int_equal(port, first);
    echo_start(server);
    echo_expect_port(first);
    echo_expect_port(second);
    weir_server_free(server);
    take_back();
}

static void what_was_passed_to_another_process_is_not_taken(void **state)
{
    (void)state;
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "2", 1);
    expect_nothing_passed("systemd");
    setenv("LISTEN_FDS", "nonsense", 1);
    expect_nothing_passed("systemd");
    take_back();
    expect_nothing_passed("systemd");
}

static void an_fd_is_a_number(void **state)
{
    static const char *const wrong[] = {"fd:", "fd:x", "fd:-1", "fd: 3", "fd:3x", "fd:99999999999"};
    weir_server *server = echo_server(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(weir_server_listen(server, wrong[i], NULL, NULL), WEIR_INVALID_ARGUMENT);
    weir_server_free(server);
}

/* ---- connected sockets ---- */

static weir_channel *channel_on(int fd)
{
    weir_channel *channel;

    assert_int_equal(weir_channel_create_fd(fd, NULL, &channel, NULL), WEIR_OK);
    return channel;
}

static void a_server_and_a_channel_share_a_pair_of_sockets(void **state)
{
    struct echo_peer seen = {.address = ""};
    weir_server *server = echo_server(NULL, &seen);
    weir_channel *channel;
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_OK);
    echo_start(server);
    channel = channel_on(ends[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(echo_call(channel), WEIR_OK);
    weir_channel_unref(channel);
    assert_false(is_open(ends[1]));
    weir_server_free(server);
    assert_false(is_open(ends[0]));
    assert_int_equal(seen.credentials.pid, getpid());
}

static void a_server_adopts_while_it_runs(void **state)
{
    const weir_server_options options = {.threads = 3};
    weir_server *server = echo_server(&options, NULL);
    weir_channel *channels[6];

    (void)state;
    echo_start(server);
    for (int i = 0; i < 6; i++) {
        int ends[2];

        make_pair(ends);
        assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_OK);
        channels[i] = channel_on(ends[1]);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(echo_call(channels[i]), WEIR_OK);
        weir_channel_unref(channels[i]);
    }
    weir_server_free(server);
}

/* A server waits only so long for a connection's first words. */
static void a_channel_says_hello_before_its_first_call(void **state)
{
    char preface[24];
    weir_channel *channel;
    int ends[2];

    (void)state;
    make_pair(ends);
    channel = channel_on(ends[1]);
    assert_int_equal(recv(ends[0], preface, sizeof preface, MSG_WAITALL), sizeof preface);
    assert_memory_equal(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", sizeof preface);
    weir_channel_unref(channel);
    assert_true(sees_end(ends[0]));
    close(ends[0]);
}

static weir_code call_that_waits(weir_channel *channel)
{
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_bytes reply;
    weir_code code;

    weir_call_set_wait_for_ready(call, true);
    weir_call_set_timeout(call, WEIR_SECONDS(20));
    code = weir_channel_unary(channel, call, weir_bytes_copy_string("hello"), &reply, NULL);
    weir_call_unref(call);
    return code;
}

static void a_channel_whose_socket_is_lost_is_unavailable_for_good(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    weir_channel *channel;
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_OK);
    echo_start(server);
    channel = channel_on(ends[1]);
    assert_int_equal(echo_call(channel), WEIR_OK);
    weir_server_free(server);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(echo_call(channel), WEIR_UNAVAILABLE);
        assert_int_equal(call_that_waits(channel), WEIR_UNAVAILABLE);
    }
    weir_channel_unref(channel);
}

static void a_peer_that_is_gone_already_is_unavailable(void **state)
{
    weir_channel *channel;
    int ends[2];

    (void)state;
    make_pair(ends);
    close(ends[0]);
    channel = channel_on(ends[1]);
    assert_int_equal(call_that_waits(channel), WEIR_UNAVAILABLE);
    assert_int_equal(echo_call(channel), WEIR_UNAVAILABLE);
    weir_channel_unref(channel);
}

static void what_is_not_connected_is_refused_and_stays_the_callers(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    weir_channel *channel;
    uint16_t port;
    int pipes[2], fds[4];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    fds[0] = listen_by_hand(&port);
    fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
    fds[2] = pipes[0];
    fds[3] = pipes[1];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_server_adopt(server, fds[i], NULL, NULL), WEIR_INVALID_ARGUMENT);
        assert_int_equal(weir_channel_create_fd(fds[i], NULL, &channel, NULL),
                         WEIR_INVALID_ARGUMENT);
        assert_null(channel);
    }
    weir_server_free(server);
    for (int i = 0; i < 4; i++)
        assert_int_equal(close(fds[i]), 0);
}

static void a_server_that_shuts_down_adopts_nothing(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    int ends[2];

    (void)state;
    echo_start(server);
    weir_server_shutdown(server, 0);
    make_pair(ends);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_UNAVAILABLE);
    weir_server_free(server);
    assert_int_equal(close(ends[0]), 0);
    close(ends[1]);
}

static void what_was_adopted_and_never_served_is_closed(void **state)
{
    weir_server *server = echo_server(NULL, NULL);
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(weir_server_adopt(server, ends[0], NULL, NULL), WEIR_OK);
    weir_server_free(server); /* it was not started */
    assert_false(is_open(ends[0]));
    close(ends[1]);
}

/* On a loop that is not turned again before the channel is dropped. */
static void a_socket_of_a_channel_that_was_never_opened_is_closed(void **state)
{
    weir_uv *uv;
    weir_channel *channel;
    int ends[2];

    (void)state;
    assert_int_equal(weir_uv_create(&uv, NULL), WEIR_OK);
    make_pair(ends);
    assert_int_equal(weir_channel_create_fd(ends[1],
                                            &(weir_channel_options){.loop = weir_uv_loop(uv)},
                                            &channel, NULL),
                     WEIR_OK);
    weir_channel_unref(channel);
    weir_uv_free(uv);
    assert_false(is_open(ends[1]));
    close(ends[0]);
}

static void a_loop_without_sockets_takes_none(void **state)
{
    weir_loop *loop;
    weir_channel *channel;
    int ends[2];

    (void)state;
    assert_int_equal(weir_loop_create(NULL, &loop, NULL), WEIR_OK);
    make_pair(ends);
    assert_int_equal(
        weir_channel_create_fd(ends[1], &(weir_channel_options){.loop = loop}, &channel, NULL),
        WEIR_FAILED_PRECONDITION);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    weir_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_listens_on_many_addresses),
        cmocka_unit_test(an_inherited_listener_is_served_and_closed),
        cmocka_unit_test(what_does_not_listen_is_refused_and_stays_the_callers),
        cmocka_unit_test(a_listener_that_somebody_shuts_down_does_not_spin),
        cmocka_unit_test_setup(all_sockets_that_were_passed_are_served, reserve_fds),
        cmocka_unit_test_setup(a_socket_that_was_passed_is_found_by_its_name, reserve_fds),
        cmocka_unit_test(what_was_passed_to_another_process_is_not_taken),
        cmocka_unit_test(an_fd_is_a_number),
        cmocka_unit_test(a_server_and_a_channel_share_a_pair_of_sockets),
        cmocka_unit_test(a_server_adopts_while_it_runs),
        cmocka_unit_test(a_channel_says_hello_before_its_first_call),
        cmocka_unit_test(a_channel_whose_socket_is_lost_is_unavailable_for_good),
        cmocka_unit_test(a_peer_that_is_gone_already_is_unavailable),
        cmocka_unit_test(what_is_not_connected_is_refused_and_stays_the_callers),
        cmocka_unit_test(a_server_that_shuts_down_adopts_nothing),
        cmocka_unit_test(what_was_adopted_and_never_served_is_closed),
        cmocka_unit_test(a_socket_of_a_channel_that_was_never_opened_is_closed),
        cmocka_unit_test(a_loop_without_sockets_takes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
