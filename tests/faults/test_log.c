/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - a server that is out of descriptors says so, and accepts when it has some again.
 */
#include "faults/syscalls.h"

#include <weir/weir.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static atomic_int accepts_failed;

static void note(void *self, const weir_log_event *event)
{
    (void)self;
    if (event->kind != WEIR_LOG_ACCEPT_FAILED)
        return;
    atomic_fetch_add(&accepts_failed, 1);
    assert_int_equal(event->level, WEIR_LOG_WARNING);
    assert_int_equal(event->connection, 0);
    assert_string_equal(event->reason, "Too many open files");
}

static weir_code echo(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                      weir_status *why)
{
    (void)self, (void)call, (void)why;
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static void an_accept_that_fails_for_want_of_descriptors_is_told(void **state)
{
    const weir_server_options options = {.log = {.tell = note, .level = WEIR_LOG_WARNING}};
    const struct fault fault = {CALL_ACCEPT, EMFILE, 0, INT_MAX};
    weir_server *server;
    weir_channel *channel;
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_bytes reply;
    weir_total_usage usage;
    char target[32];
    uint16_t port;

    (void)state;
    syscalls_fail(&fault);
    assert_int_equal(weir_server_create(&options, &server, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/t.T/Echo", weir_unary(echo, NULL, NULL), NULL),
                     WEIR_OK);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0", &port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    assert_int_equal(weir_channel_create(target, NULL, &channel, NULL), WEIR_OK);
    assert_int_equal(weir_channel_unary(channel, call, weir_bytes_copy("x", 1), &reply, NULL),
                     WEIR_OK);
    assert_int_equal(atomic_load(&accepts_failed), 1);
    weir_server_usage(server, &usage);
    assert_int_equal(usage.accepts_failed, 1);
    assert_int_equal(usage.connections_refused, 0);
    syscalls_work();
    weir_bytes_unref(&reply);
    weir_call_unref(call);
    weir_channel_unref(channel);
    weir_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accept_that_fails_for_want_of_descriptors_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
