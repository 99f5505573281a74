/* SPDX-License-Identifier: MIT */
/*
 * test_syscalls.c - each system call of the uv room fails, the first, the second, and so on, while
 * a server and a client do calls of all four kinds.
 *
 * What a socket may do at any time changes nothing. What breaks a connection makes its calls
 * UNAVAILABLE; the server serves the next one. Nothing hangs, and no fd and no memory stays.
 */
#include "conn/support/memory.h"
#include "faults/syscalls.h"

#include <weir/weir.h>

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { MESSAGES = 12, MESSAGE_SIZE = 9000, FAULTS_MAX = 400 };

/* ---- messages ---- */

static weir_bytes message_make(int number)
{
    uint8_t *memory;
    weir_bytes message = weir_bytes_new(MESSAGE_SIZE, &memory);

    assert_non_null(memory);
    for (size_t i = 0; i < MESSAGE_SIZE; i++)
        memory[i] = (uint8_t)((size_t)number * 31 + i * 7 + i / 251);
    return message;
}

static bool message_is(const weir_bytes *message, int number)
{
    weir_bytes wanted = message_make(number);
    bool is = weir_bytes_equal(message, &wanted);

    weir_bytes_unref(&wanted);
    return is;
}

static weir_poll next_message(void *state, weir_task *task, weir_item *item)
{
    int *number = state;

    (void)task;
    if (*number == MESSAGES)
        return WEIR_END;
    item->message = message_make((*number)++);
    return WEIR_READY;
}

static weir_stream messages(void)
{
    return weir_stream_from(next_message, calloc(1, sizeof(int)), free);
}

/* ---- the server ---- */

static weir_code unary(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                       weir_status *why)
{
    (void)self, (void)call, (void)why;
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static weir_stream down(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return messages();
}

static weir_code add(void *state, const weir_bytes *message, weir_status *why)
{
    size_t *total = state;

    (void)why;
    *total += message->size;
    return WEIR_OK;
}

/* A message like the others when all came. */
static weir_code say_whole(void *state, weir_bytes *out, weir_status *why)
{
    size_t *total = state;

    (void)why;
    *out = message_make(*total == (size_t)MESSAGES * MESSAGE_SIZE ? 0 : 1);
    return WEIR_OK;
}

static weir_stream up(void *self, weir_call *call, weir_stream requests)
{
    const weir_fold fold = {add, say_whole, free, calloc(1, sizeof(size_t))};

    (void)self, (void)call;
    return weir_stream_fold(requests, &fold);
}

static weir_stream echo(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    return requests;
}

/* NULL: it could not listen. */
static weir_server *start_server(uint16_t *port)
{
    weir_server *server;

    assert_int_equal(weir_server_create(NULL, &server, NULL), WEIR_OK);
    (void)!weir_server_handle(server, "/t.T/Unary", weir_unary(unary, NULL, NULL), NULL);
    (void)!weir_server_handle(server, "/t.T/Down", (weir_handler){.call = down}, NULL);
    (void)!weir_server_handle(server, "/t.T/Up", (weir_handler){.call = up}, NULL);
    (void)!weir_server_handle(server, "/t.T/Echo", (weir_handler){.call = echo}, NULL);
    if (weir_server_listen(server, "127.0.0.1:0", port, NULL) == WEIR_OK && *port != 0) {
        assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
        return server;
    }
    weir_server_free(server);
    return NULL;
}

/* ---- the client ---- */

/* Its status; what came must be the first messages, and with OK all that should. */
static weir_code make_call(weir_channel *channel, const char *method, weir_stream requests,
                           int wanted)
{
    weir_call *call = weir_call_create(method);
    weir_stream responses;
    weir_item item;
    weir_poll poll;
    weir_code code;
    int count = 0;

    weir_call_set_timeout(call, WEIR_SECONDS(30));
    responses = weir_channel_call(channel, call, requests);
    while ((poll = weir_stream_next(&responses, &item)) == WEIR_READY) {
        assert_true(message_is(&item.message, count++));
        weir_item_clear(&item);
    }
    code = poll == WEIR_ERROR ? item.status.code : WEIR_OK;
    weir_item_clear(&item);
    weir_call_unref(call);
    assert_true(code != WEIR_OK || count == wanted);
    return code;
}

static weir_stream once(void)
{
    return weir_stream_once(message_make(0));
}

/* The worst of their statuses. */
static weir_code make_calls(uint16_t port)
{
    weir_code codes[4], worst = WEIR_OK;
    weir_channel *channel;
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    assert_int_equal(weir_channel_create(target, NULL, &channel, NULL), WEIR_OK);
    codes[0] = make_call(channel, "/t.T/Unary", once(), 1);
    codes[1] = make_call(channel, "/t.T/Down", once(), MESSAGES);
    codes[2] = make_call(channel, "/t.T/Up", messages(), 1);
    codes[3] = make_call(channel, "/t.T/Echo", messages(), MESSAGES);
    weir_channel_unref(channel);
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        worst = codes[i] > worst ? codes[i] : worst;
    return worst;
}

static int open_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Server and client with this fault; false when it was not met. */
static bool run(const struct fault *fault, bool harmless)
{
    int fds = open_fds();
    weir_server *server;
    uint16_t port = 0;
    weir_code code;

    memory_install();
    syscalls_fail(fault);
    server = start_server(&port);
    code = server != NULL ? make_calls(port) : WEIR_UNAVAILABLE;
    syscalls_work();
    if (harmless || !syscalls_failed())
        assert_int_equal(code, WEIR_OK);
    else
        assert_true(code == WEIR_OK || code == WEIR_UNAVAILABLE);
    if (server != NULL)
        assert_int_equal(make_calls(port), WEIR_OK);
    weir_server_free(server);
    assert_int_equal(memory_held(), 0);
    assert_int_equal(open_fds(), fds);
    return syscalls_failed();
}

/* Each one of the calls fails once. */
static void each_fails(enum syscall call, int fault, bool harmless)
{
    int at = 0;

    while (run(&(struct fault){call, fault, at, INT_MAX}, harmless))
        assert_in_range(++at, 1, FAULTS_MAX);
    assert_true(at != 0);
}

static void each_fails_with(enum syscall call, const int *faults, size_t count, bool harmless)
{
    for (size_t i = 0; i < count; i++)
        each_fails(call, faults[i], harmless);
}

#define EACH_FAILS(call, harmless, ...)                                                            \
    each_fails_with(call, (const int[]){__VA_ARGS__}, COUNT_OF(((const int[]){__VA_ARGS__})),      \
                    harmless)

/* ---- claims ---- */

static void a_socket_that_would_block_or_is_interrupted_changes_nothing(void **state)
{
    (void)state;
    EACH_FAILS(CALL_RECV, true, EAGAIN, EINTR, FAULT_SHORT);
    EACH_FAILS(CALL_SENDMSG, true, EAGAIN, EINTR, ENOBUFS, FAULT_SHORT);
}

static void sockets_that_often_take_and_give_little_change_nothing(void **state)
{
    static const int faults[] = {FAULT_SHORT, EAGAIN, EINTR};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        assert_true(run(&(struct fault){CALL_RECV, faults[i], 0, 2}, true));
        assert_true(run(&(struct fault){CALL_SENDMSG, faults[i], 0, 2}, true));
    }
}

static void a_connection_that_breaks_makes_its_calls_unavailable(void **state)
{
    (void)state;
    EACH_FAILS(CALL_RECV, false, ECONNRESET, FAULT_END);
    EACH_FAILS(CALL_SENDMSG, false, EPIPE, ECONNRESET);
}

static void a_connection_that_cannot_be_accepted_is_tried_again(void **state)
{
    (void)state;
    EACH_FAILS(CALL_ACCEPT, true, EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EAGAIN,
               EPERM, EPROTO);
}

static void a_connection_that_cannot_be_made_makes_its_calls_unavailable(void **state)
{
    (void)state;
    EACH_FAILS(CALL_CONNECT, false, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL);
    EACH_FAILS(CALL_GETSOCKOPT, false, EBADF);
}

static void a_server_that_cannot_listen_says_so(void **state)
{
    (void)state;
    EACH_FAILS(CALL_SOCKET, false, EMFILE, ENOBUFS);
    EACH_FAILS(CALL_BIND, false, EADDRINUSE, EACCES);
    EACH_FAILS(CALL_LISTEN, false, EADDRINUSE);
    EACH_FAILS(CALL_GETSOCKNAME, false, ENOBUFS);
}

static void what_is_only_nice_to_have_changes_nothing(void **state)
{
    (void)state;
    EACH_FAILS(CALL_SETSOCKOPT, true, ENOBUFS);
    EACH_FAILS(CALL_GETPEERNAME, true, ENOTCONN);
    EACH_FAILS(CALL_SHUTDOWN, true, ENOTCONN);
}

/* libuv keeps a pipe for signals from the first loop on. */
static int warm_up(void **state)
{
    weir_uv *uv;
    weir_code code = weir_uv_create(&uv, NULL);

    (void)state;
    if (code == WEIR_OK)
        weir_uv_free(uv);
    return code != WEIR_OK;
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
    };

    return cmocka_run_group_tests(tests, warm_up, NULL);
}
