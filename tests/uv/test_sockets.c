/* SPDX-License-Identifier: MIT */
/*
 * test_sockets.c - what sockets do to a server: peers that vanish, fds that run out, paths, and a
 * loop that somebody else turns.
 *
 * Everything is on the loopback interface, on ports the system chose.
 */
#include "uv/echo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- the server ---- */

static weir_poll next_block(void *state, weir_task *task, weir_item *item)
{
    uint8_t *memory;

    (void)state, (void)task;
    item->message = weir_bytes_new(16384, &memory);
    if (memory != NULL)
        memset(memory, 'x', 16384);
    return WEIR_READY;
}

static weir_stream blocks(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_from(next_block, NULL, NULL);
}

static weir_server *make_server(weir_loop *loop)
{
    const weir_server_options options = {.loop = loop};
    weir_server *server = echo_server(&options, NULL);

    assert_int_equal(
        weir_server_handle(server, "/t.T/Blocks", (weir_handler){.call = blocks}, NULL), WEIR_OK);
    return server;
}

static weir_server *start_server(const char *address, uint16_t *port)
{
    weir_server *server = make_server(NULL);

    assert_int_equal(weir_server_listen(server, address, port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
    return server;
}

/* `time_ns` 0: the default. */
static weir_channel *open_channel_for(const char *target, weir_loop *loop, uint64_t time_ns)
{
    const weir_channel_options options = {.loop = loop, .connect_timeout_ns = time_ns};
    weir_channel *channel;

    assert_int_equal(weir_channel_create(target, &options, &channel, NULL), WEIR_OK);
    return channel;
}

static weir_channel *open_channel_on(const char *target, weir_loop *loop)
{
    return open_channel_for(target, loop, 0);
}

/* ---- peers that vanish ---- */

/* A preface, windows without end, and a call of /t.T/Blocks, by hand. */
static const uint8_t endless_call[] =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff"         /* SETTINGS_INITIAL_WINDOW_SIZE */
    "\0\0\4\x8\0\0\0\0\0\x7f\xff\0\0"                /* the connection's window */
    "\0\0\x31\1\4\0\0\0\1\x83\x86\x44\xb/t.T/Blocks" /* POST http, :path literal */
    "\x41\1t"                                        /* :authority */
    "\x40\xc"
    "content-type"
    "\x10"
    "application/grpc"
    "\0\0\5\0\1\0\0\0\1\0\0\0\0\0"; /* one empty message, END_STREAM */

/* Starts the call, reads a little, and resets the connection with data in flight. */
static void vanish(uint16_t port)
{
    const struct linger at_once = {.l_onoff = 1};
    int fd = echo_connect(port);
    uint8_t some[4096];

    assert_int_equal(send(fd, endless_call, sizeof endless_call - 1, MSG_NOSIGNAL),
                     sizeof endless_call - 1);
    for (size_t got = 0; got < 100000;) {
        ssize_t size = recv(fd, some, sizeof some, 0);

        assert_true(size > 0);
        got += (size_t)size;
    }
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static void a_peer_that_vanishes_raises_no_sigpipe_and_leaves_no_fd(void **state)
{
    uint16_t port;
    weir_server *server = start_server("127.0.0.1:0", &port);
    int before, after;

    (void)state;
    signal(SIGPIPE, SIG_DFL);
    echo_expect_port(port);
    before = dup(0);
    close(before);
    for (int i = 0; i < 20; i++)
        vanish(port);
    echo_expect_port(port);
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    after = dup(0);
    close(after);
    assert_true(after <= before);
    weir_server_free(server);
}

/* ---- fds that run out ---- */

static void out_of_fds_a_server_waits_and_then_serves_again(void **state)
{
    uint16_t port;
    weir_server *server = start_server("127.0.0.1:0", &port);
    weir_channel *channel = echo_channel_to_port(port);
    struct rlimit limit, low;
    int fds[64], count = 0;
    int waiting = echo_connect(port);

    (void)state;
    assert_int_equal(echo_call(channel), WEIR_OK);
    close(waiting);
    waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)waiting + 16;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 64 && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    /* Nothing is left for accept: this connection waits in the kernel's queue. */
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(waiting, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(echo_call(channel), WEIR_OK);
    while (count > 0)
        close(fds[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    echo_expect_port(port);
    close(waiting);
    weir_channel_unref(channel);
    weir_server_free(server);
}

/* ---- addresses ---- */

static void a_unix_socket_is_served_and_removed(void **state)
{
    char path[] = "/tmp/weir-socket-XXXXXX", target[64];
    weir_server *server;
    weir_channel *channel;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(target, sizeof target, "unix:%s/s", path);
    server = start_server(target, NULL);
    channel = echo_channel(target);
    assert_int_equal(echo_call(channel), WEIR_OK);
    weir_channel_unref(channel);
    weir_server_free(server);
    assert_int_equal(rmdir(path), 0);
}

static void an_address_that_is_taken_is_refused_with_the_systems_reason(void **state)
{
    uint16_t port;
    weir_server *server = start_server("127.0.0.1:0", &port);
    weir_server *second = make_server(NULL);
    weir_status why = {0};
    char address[32];

    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    assert_int_equal(weir_server_listen(second, address, NULL, &why), WEIR_UNAVAILABLE);
    assert_non_null(memmem(why.message.data, why.message.size, "in use", 6));
    weir_status_clear(&why);
    weir_server_free(second);
    weir_server_free(server);
}

static void what_is_no_address_is_refused_by_name(void **state)
{
    static const char *const wrong[] = {"", "nowhere", "127.0.0.1", "127.0.0.1:99999", "unix:"};
    weir_server *server = make_server(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_status why = {0};

        assert_int_equal(weir_server_listen(server, wrong[i], NULL, &why), WEIR_INVALID_ARGUMENT);
        assert_true(why.message.size > strlen(wrong[i]));
        weir_status_clear(&why);
    }
    weir_server_free(server);
}

static void nobody_at_the_address_is_unavailable(void **state)
{
    uint16_t port;
    weir_server *server = start_server("127.0.0.1:0", &port);
    weir_channel *channel;

    (void)state;
    weir_server_free(server);
    channel = echo_channel_to_port(port);
    assert_int_equal(echo_call(channel), WEIR_UNAVAILABLE);
    weir_channel_unref(channel);
}

static bool machine_knows_localhost(void)
{
    struct addrinfo *found;

    if (getaddrinfo("localhost", NULL, NULL, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

static void a_host_name_is_looked_up(void **state)
{
    weir_channel *channel;
    weir_server *server;
    char target[32];
    uint16_t port;

    (void)state;
    if (!machine_knows_localhost())
        skip();
    server = start_server("localhost:0", &port);
    snprintf(target, sizeof target, "localhost:%u", port);
    channel = echo_channel(target);
    assert_int_equal(echo_call(channel), WEIR_OK);
    weir_channel_unref(channel);
    weir_server_free(server);
}

/* ---- somebody else's loop ---- */

static void step(weir_uv *uv)
{
    struct pollfd fd = {.fd = weir_uv_fd(uv), .events = POLLIN};

    poll(&fd, 1, weir_uv_timeout_ms(uv));
    weir_uv_step(uv);
}

static void a_server_and_a_channel_run_inside_a_foreign_loop(void **state)
{
    weir_task *task = weir_task_create(NULL);
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_server *server;
    weir_channel *channel;
    weir_stream responses;
    weir_item item;
    weir_uv *uv;
    weir_poll poll;
    uint16_t port;
    char target[32];

    (void)state;
    assert_int_equal(weir_uv_create(&uv, NULL), WEIR_OK);
    server = make_server(weir_uv_loop(uv));
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0", &port, NULL), WEIR_OK);
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    channel = open_channel_on(target, weir_uv_loop(uv));
    responses = weir_channel_call(channel, call, weir_stream_once(weir_bytes_copy_string("hello")));
    do {
        step(uv);
        weir_task_begin(task, weir_loop_now(weir_uv_loop(uv)));
        poll = weir_stream_poll(&responses, task, &item);
    } while (poll == WEIR_PENDING);
    assert_int_equal(poll, WEIR_READY);
    assert_int_equal(item.message.size, 5);
    weir_item_clear(&item);
    weir_stream_release(&responses);
    weir_call_unref(call);
    weir_channel_unref(channel);
    step(uv);
    weir_server_free(server);
    weir_uv_free(uv);
    weir_task_free(task);
}

/* ---- servers that vanish ---- */

static int listen_by_hand(char target[32], int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(target, 32, "127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* Sends a part of a frame, to which nobody answers, and resets the connection before it is read. */
static void say_little_and_reset(int fd)
{
    static const uint8_t part[] = {0, 0, 6, 4};
    const struct linger linger = {.l_onoff = 1};

    assert_int_equal(send(fd, part, sizeof part, MSG_NOSIGNAL), sizeof part);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fd);
}

static void a_reset_behind_unread_bytes_is_seen(void **state)
{
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_task *task = weir_task_create(NULL);
    weir_uv *uv;
    weir_channel *channel;
    weir_stream responses;
    weir_item item;
    weir_poll poll;
    char target[32], byte;
    int listener = listen_by_hand(target, 1), fd;

    (void)state;
    assert_int_equal(weir_uv_create(&uv, NULL), WEIR_OK);
    channel = open_channel_on(target, weir_uv_loop(uv));
    weir_call_set_timeout(call, WEIR_SECONDS(20));
    responses = weir_channel_call(channel, call, weir_stream_empty());
    step(uv);
    fd = accept(listener, NULL, NULL);
    while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
        step(uv);
    say_little_and_reset(fd);
    do {
        step(uv);
        weir_task_begin(task, weir_loop_now(weir_uv_loop(uv)));
        poll = weir_stream_poll(&responses, task, &item);
    } while (poll == WEIR_PENDING);
    assert_int_equal(poll, WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_UNAVAILABLE);
    weir_item_clear(&item);
    weir_call_unref(call);
    weir_channel_unref(channel);
    step(uv);
    weir_uv_free(uv);
    weir_task_free(task);
    close(listener);
}

/* ---- servers that never speak ---- */

static void expect_failed(const char *target, const char *why)
{
    weir_channel *channel = open_channel_for(target, NULL, WEIR_MILLISECONDS(20));
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_status status = {0};
    weir_bytes reply;

    weir_call_set_timeout(call, WEIR_SECONDS(60));
    assert_int_equal(weir_channel_unary(channel, call, (weir_bytes){0}, &reply, &status),
                     WEIR_UNAVAILABLE);
    assert_non_null(memmem(status.message.data, status.message.size, why, strlen(why)));
    weir_status_clear(&status);
    weir_call_unref(call);
    weir_channel_unref(channel);
}

/* The system accepts for it. */
static void a_server_that_never_speaks_is_given_up(void **state)
{
    char target[32];
    int listener = listen_by_hand(target, 8);
    int before = echo_next_fd();

    (void)state;
    expect_failed(target, "the server's SETTINGS did not come in time");
    assert_int_equal(echo_next_fd(), before);
    close(listener);
}

/* A queue that is full answers nobody. */
static void a_server_that_does_not_accept_is_given_up(void **state)
{
    char target[32];
    int listener = listen_by_hand(target, 0);
    int waiting[4], before;
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    (void)state;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&address, size);
    }
    before = echo_next_fd();
    expect_failed(target, "connecting took too long");
    assert_int_equal(echo_next_fd(), before);
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_vanishes_raises_no_sigpipe_and_leaves_no_fd),
        cmocka_unit_test(out_of_fds_a_server_waits_and_then_serves_again),
        cmocka_unit_test(a_unix_socket_is_served_and_removed),
        cmocka_unit_test(an_address_that_is_taken_is_refused_with_the_systems_reason),
        cmocka_unit_test(what_is_no_address_is_refused_by_name),
        cmocka_unit_test(nobody_at_the_address_is_unavailable),
        cmocka_unit_test(a_host_name_is_looked_up),
        cmocka_unit_test(a_server_and_a_channel_run_inside_a_foreign_loop),
        cmocka_unit_test(a_reset_behind_unread_bytes_is_seen),
        cmocka_unit_test(a_server_that_never_speaks_is_given_up),
        cmocka_unit_test(a_server_that_does_not_accept_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
