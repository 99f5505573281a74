/* SPDX-License-Identifier: MIT */
/*
 * service.c - a server and a client that do calls of all four kinds over a real socket.
 */
#include "faults/service.h"

#include <netdb.h>
#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { MESSAGES = 12, MESSAGE_SIZE = 9000 };

/* ---- messages ---- */

static weir_bytes messages[MESSAGES];

static weir_bytes message_make(size_t number)
{
    uint8_t *memory;
    weir_bytes message = weir_bytes_new(MESSAGE_SIZE, &memory);

    assert_non_null(memory);
    for (size_t i = 0; i < MESSAGE_SIZE; i++)
        memory[i] = (uint8_t)(number * 31 + i * 7 + i / 251);
    return message;
}

static weir_poll next_message(void *state, weir_task *task, weir_item *item)
{
    int *number = state;

    (void)task;
    if (*number == MESSAGES)
        return WEIR_END;
    item->message = weir_bytes_ref(&messages[(*number)++]);
    return WEIR_READY;
}

static weir_stream all_messages(void)
{
    return weir_stream_from(next_message, calloc(1, sizeof(int)), free);
}

static weir_stream first_message(void)
{
    return weir_stream_once(weir_bytes_ref(&messages[0]));
}

int service_prepare(void **state)
{
    weir_uv *uv;
    weir_code code = weir_uv_create(&uv, NULL); /* libuv keeps a pipe for signals from now on */

    (void)state;
    if (code == WEIR_OK)
        weir_uv_free(uv);
    for (size_t i = 0; i < MESSAGES; i++)
        messages[i] = message_make(i);
    return code != WEIR_OK;
}

int service_clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGES; i++)
        weir_bytes_unref(&messages[i]);
    return 0;
}

/* ---- the server ---- */

static weir_stream down(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return all_messages();
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
    *out = weir_bytes_ref(&messages[*total == (size_t)MESSAGES * MESSAGE_SIZE ? 0 : 1]);
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

static bool add_methods(weir_server *server)
{
    static const struct {
        const char *name;
        weir_handler handler;
    } methods[] = {
        {"/t.T/Unary", {.call = echo}},
        {"/t.T/Down", {.call = down}},
        {"/t.T/Up", {.call = up}},
        {"/t.T/Echo", {.call = echo}},
    };
    bool added = true;

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        added &= weir_server_handle(server, methods[i].name, methods[i].handler, NULL) == WEIR_OK;
    return added;
}

static bool listen_on_own(struct service *service)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    snprintf(service->target, sizeof service->target, "127.0.0.1:%u", ntohs(name.sin_port));
    if (weir_server_listen_fd(service->server, fd, NULL, NULL) == WEIR_OK)
        return true;
    close(fd);
    return false;
}

static bool listen_at(struct service *service, enum place place)
{
    static const char *const targets[] = {[ON_TCP] = "127.0.0.1", [ON_NAME] = "localhost"};
    uint16_t port;

    service->place = place;
    if (place == ON_PAIR)
        return true;
    if (place == ON_FD)
        return listen_on_own(service);
    if (place == ON_UNIX) {
        snprintf(service->target, sizeof service->target, "unix:/tmp/weir-faults-%d", getpid());
        return weir_server_listen(service->server, service->target, NULL, NULL) == WEIR_OK;
    }
    if (weir_server_listen(service->server, "127.0.0.1:0", &port, NULL) != WEIR_OK || port == 0)
        return false;
    snprintf(service->target, sizeof service->target, "%s:%u", targets[place], port);
    return true;
}

bool service_start(struct service *service, enum place place)
{
    const weir_server_options options = {.threads = 2};

    if (weir_server_create(&options, &service->server, NULL) != WEIR_OK)
        return false;
    if (add_methods(service->server) && listen_at(service, place) &&
        weir_server_start(service->server, NULL) == WEIR_OK)
        return true;
    service_stop(service);
    return false;
}

void service_stop(struct service *service)
{
    weir_server_free(service->server);
}

/* ---- the client ---- */

/* What comes must be the first messages, and with OK as many as are wanted. */
static weir_code read_responses(weir_stream *responses, int wanted)
{
    weir_item item;
    weir_poll poll;
    weir_code code;
    int count = 0;

    while ((poll = weir_stream_next(responses, &item)) == WEIR_READY) {
        assert_true(count < wanted && weir_bytes_equal(&item.message, &messages[count]));
        count++;
        weir_item_clear(&item);
    }
    code = poll == WEIR_ERROR ? item.status.code : WEIR_OK;
    weir_item_clear(&item);
    assert_true(code != WEIR_OK || count == wanted);
    return code;
}

static weir_code make_call(weir_channel *channel, const char *method, weir_stream requests,
                           int wanted)
{
    weir_call *call = weir_call_create(method);
    weir_stream responses;
    weir_code code;

    if (call == NULL) {
        weir_stream_release(&requests);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    weir_call_set_timeout(call, WEIR_SECONDS(30));
    responses = weir_channel_call(channel, call, requests);
    code = read_responses(&responses, wanted);
    weir_call_unref(call);
    return code;
}

static weir_code open_on_pair(const struct service *service, weir_channel **channel)
{
    int ends[2];
    weir_code code;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    code = weir_channel_create_fd(ends[0], NULL, channel, NULL);
    if (code != WEIR_OK)
        close(ends[0]);
    if (code != WEIR_OK || weir_server_adopt(service->server, ends[1], NULL, NULL) != WEIR_OK)
        close(ends[1]);
    return code;
}

static weir_code open_channel(const struct service *service, weir_channel **channel)
{
    if (service->place == ON_PAIR)
        return open_on_pair(service, channel);
    return weir_channel_create(service->target, NULL, channel, NULL);
}

weir_code service_call(const struct service *service)
{
    weir_code codes[4], worst = WEIR_OK;
    weir_channel *channel;
    weir_code created = open_channel(service, &channel);

    if (created != WEIR_OK)
        return created;
    codes[0] = make_call(channel, "/t.T/Unary", first_message(), 1);
    codes[1] = make_call(channel, "/t.T/Down", first_message(), MESSAGES);
    codes[2] = make_call(channel, "/t.T/Up", all_messages(), 1);
    codes[3] = make_call(channel, "/t.T/Echo", all_messages(), MESSAGES);
    weir_channel_unref(channel);
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        worst = codes[i] > worst ? codes[i] : worst;
    return worst;
}

int open_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

bool localhost_is_known(void)
{
    struct addrinfo *found = NULL;
    int failed = getaddrinfo("localhost", NULL, NULL, &found);

    if (failed == 0)
        freeaddrinfo(found);
    return failed == 0;
}
