/* SPDX-License-Identifier: MIT */
/*
 * test_threads.c - TLS over sockets: handshakes that stall, and a reload while many connect.
 *
 * Everything is on the loopback interface, on ports the system chose.
 */
#include "support/threads.h"
#include "tls/secure_pair.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STALLED = 200, THREADS = 4, CALLS = 25, RELOADS = 100 };

static weir_code echo(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                      weir_status *why)
{
    (void)self, (void)call, (void)why;
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static weir_server *start_server(weir_tls *tls, uint16_t *port)
{
    const weir_server_options options = {.threads = 2};
    weir_server *made;

    assert_int_equal(weir_server_create(&options, &made, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(made, "/t.T/Echo", weir_unary(echo, NULL, NULL), NULL),
                     WEIR_OK);
    assert_int_equal(weir_server_listen_tls(made, "127.0.0.1:0", tls, port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(made, NULL), WEIR_OK);
    return made;
}

static weir_channel *open_channel(uint16_t port, weir_tls *tls)
{
    const weir_channel_options options = {.tls = tls};
    weir_channel *channel;
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    assert_int_equal(weir_channel_create(target, &options, &channel, NULL), WEIR_OK);
    return channel;
}

static weir_code call_echo(weir_channel *channel)
{
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_bytes reply = {0};
    weir_code code;

    weir_call_set_timeout(call, WEIR_SECONDS(60));
    code = weir_channel_unary(channel, call, weir_bytes_copy_string("hello"), &reply, NULL);
    weir_bytes_unref(&reply);
    weir_call_unref(call);
    return code;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* An honest call has its own time; those that stall, none of it. */
static void handshakes_that_stall_do_not_hold_up_a_call(void **state)
{
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    weir_tls *of_server = credentials_make(&server, NULL);
    weir_tls *of_client = credentials_make(NULL, &ca);
    uint16_t port;
    weir_server *serving = start_server(of_server, &port);
    weir_channel *channel;
    int stalled[STALLED];

    (void)state;
    for (int i = 0; i < STALLED; i++) {
        size_t size = (size_t)i % sizeof hello;

        stalled[i] = connect_to(port);
        assert_int_equal(send(stalled[i], hello, size, MSG_NOSIGNAL), size);
    }
    channel = open_channel(port, of_client);
    assert_int_equal(call_echo(channel), WEIR_OK);
    weir_channel_unref(channel);
    weir_server_free(serving);
    for (int i = 0; i < STALLED; i++)
        close(stalled[i]);
    weir_tls_unref(of_server);
    weir_tls_unref(of_client);
}

struct caller {
    uint16_t port;
    weir_tls *tls;
    unsigned failed;
};

/* A connection for each call. */
static void *call_again_and_again(void *arg)
{
    struct caller *caller = arg;

    for (int i = 0; i < CALLS; i++) {
        weir_channel *channel = open_channel(caller->port, caller->tls);

        caller->failed += call_echo(channel) != WEIR_OK;
        weir_channel_unref(channel);
    }
    return NULL;
}

static void credentials_may_be_reloaded_while_others_use_them(void **state)
{
    weir_tls_options of_server[] = {certificate_options(&server, NULL),
                                    certificate_options(&other_server, NULL)};
    weir_tls_options of_client = certificate_options(NULL, &ca);
    weir_tls *serving_tls = credentials_make(&server, NULL);
    weir_tls *client_tls = credentials_make(NULL, &ca);
    struct caller callers[THREADS];
    pthread_t threads[THREADS];
    uint16_t port;
    weir_server *serving = start_server(serving_tls, &port);

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){port, client_tls, 0};
        thread_create(&threads[i], call_again_and_again, &callers[i]);
    }
    for (int i = 0; i < RELOADS; i++) {
        assert_int_equal(weir_tls_reload(serving_tls, &of_server[i % 2], NULL), WEIR_OK);
        assert_int_equal(weir_tls_reload(client_tls, &of_client, NULL), WEIR_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        assert_int_equal(callers[i].failed, 0);
    }
    weir_server_free(serving);
    weir_tls_unref(serving_tls);
    weir_tls_unref(client_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_that_stall_do_not_hold_up_a_call),
        cmocka_unit_test(credentials_may_be_reloaded_while_others_use_them),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}
