/* SPDX-License-Identifier: MIT */
/*
 * echo.c - a server with one method, and calls of it.
 */
#include "uv/echo.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static weir_code echo(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                      weir_status *why)
{
    struct echo_peer *seen = self;

    (void)why;
    if (seen != NULL) {
        snprintf(seen->address, sizeof seen->address, "%s", weir_call_peer(call)->address);
        seen->credentials = weir_call_peer(call)->credentials;
    }
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

weir_server *echo_server(const weir_server_options *options, struct echo_peer *seen)
{
    weir_server *server;

    assert_int_equal(weir_server_create(options, &server, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/t.T/Echo", weir_unary(echo, seen, NULL), NULL),
                     WEIR_OK);
    return server;
}

void echo_listen(weir_server *server, const char *address, uint16_t *port)
{
    assert_int_equal(weir_server_listen(server, address, port, NULL), WEIR_OK);
}

void echo_start(weir_server *server)
{
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
}

weir_channel *echo_channel(const char *target)
{
    weir_channel *channel;

    assert_int_equal(weir_channel_create(target, NULL, &channel, NULL), WEIR_OK);
    return channel;
}

weir_channel *echo_channel_to_port(uint16_t port)
{
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    return echo_channel(target);
}

weir_code echo_call(weir_channel *channel)
{
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_bytes reply;
    weir_code code;

    weir_call_set_timeout(call, WEIR_SECONDS(20));
    code = weir_channel_unary(channel, call, weir_bytes_copy_string("hello"), &reply, NULL);
    if (code == WEIR_OK) {
        assert_int_equal(reply.size, 5);
        weir_bytes_unref(&reply);
    }
    weir_call_unref(call);
    return code;
}

void echo_expect(const char *target)
{
    weir_channel *channel = echo_channel(target);

    assert_int_equal(echo_call(channel), WEIR_OK);
    weir_channel_unref(channel);
}

void echo_expect_port(uint16_t port)
{
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    echo_expect(target);
}

int echo_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int echo_next_fd(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}
