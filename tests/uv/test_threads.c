/* SPDX-License-Identifier: MIT */
/*
 * test_threads.c - calls that are made, read, cancelled and dropped on threads of their own.
 *
 * What is claimed is that nothing breaks, hangs or leaks; who looks is ASan and TSan.
 */
#include <weir/weir.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { CLIENTS = 3, ROUNDS = 8, CALLS = 9 };

/* ---- the server ---- */

static weir_code write_three_times(weir_io *io, weir_bytes message)
{
    weir_code code = WEIR_OK;

    for (int i = 0; i < 3 && code == WEIR_OK; i++)
        code = weir_write(io, weir_bytes_ref(&message));
    weir_bytes_unref(&message);
    return code;
}

static weir_code repeat(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_code code = weir_call_add_metadata(call, "x-metadata", "1", 1);
    weir_item item;

    (void)self, (void)why;
    while (weir_read(io, &item) == WEIR_READY) {
        code = write_three_times(io, item.message);
        if (code != WEIR_OK)
            return code;
        (void)!weir_call_add_trailer(call, "x-trailer", "1", 1);
    }
    weir_item_clear(&item);
    return WEIR_OK;
}

static weir_stream echo(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    return requests;
}

static weir_poll next_number(void *state, weir_task *task, weir_item *item)
{
    int *number = state;

    if (++*number % 5 == 0) {
        weir_task_wake_at(task, weir_task_now(task) + WEIR_MICROSECONDS(1));
        return WEIR_PENDING;
    }
    item->message = weir_bytes_format("%0*d", *number % 3000 + 1, *number);
    return WEIR_READY;
}

static weir_stream count_for_ever(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_from(next_number, calloc(1, sizeof(int)), free);
}

static weir_server *start_server(uint16_t *port)
{
    const weir_server_options options = {.threads = 2, .max_threads = 4, .max_queue = 8};
    weir_handler handlers[] = {
        weir_blocking(repeat, NULL, NULL), {echo, NULL, NULL}, {count_for_ever, NULL, NULL}};
    const char *const names[] = {"/t.T/Repeat", "/t.T/Echo", "/t.T/Count"};
    weir_server *server;

    assert_int_equal(weir_server_create(&options, &server, NULL), WEIR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_server_handle(server, names[i], handlers[i], NULL), WEIR_OK);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0", port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
    return server;
}

/* ---- the clients ---- */

struct client {
    pthread_t thread;
    pthread_t helpers[2 * CALLS];
    unsigned helper_count;
    unsigned seed;
    uint16_t port;
};

struct reading {
    weir_stream responses;
    int messages; /* then it is dropped */
};

static unsigned draw(struct client *client, unsigned below)
{
    client->seed = client->seed * 1664525u + 1013904223u;
    return (client->seed >> 8) % below;
}

static void *read_some(void *self)
{
    struct reading *reading = self;
    weir_item item = {0};

    while (reading->messages-- > 0 && weir_stream_next(&reading->responses, &item) == WEIR_READY)
        weir_item_clear(&item);
    weir_item_clear(&item);
    weir_stream_release(&reading->responses);
    free(reading);
    return NULL;
}

static void *cancel(void *call)
{
    weir_call_cancel(call);
    weir_call_unref(call);
    return NULL;
}

static void help(struct client *client, void *(*run)(void *self), void *self)
{
    if (pthread_create(&client->helpers[client->helper_count++], NULL, run, self) != 0)
        abort();
}

static void make_call(struct client *client, weir_channel *channel)
{
    static const char *const names[] = {"/t.T/Repeat", "/t.T/Echo", "/t.T/Count"};
    weir_call *call = weir_call_create(names[draw(client, 3)]);
    weir_bytes requests[] = {weir_bytes_format("%0*d", (int)draw(client, 40000), 1),
                             weir_bytes_format("x")};
    struct reading *reading = malloc(sizeof *reading);

    if (draw(client, 3) == 0)
        weir_call_set_timeout(call, WEIR_MICROSECONDS(draw(client, 3000)));
    if (draw(client, 3) == 0)
        help(client, cancel, weir_call_ref(call));
    reading->messages = (int)draw(client, 20);
    reading->responses = weir_channel_call(channel, call, weir_stream_of(requests, 2));
    weir_call_unref(call);
    help(client, read_some, reading);
}

static void *make_calls(void *self)
{
    struct client *client = self;
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", client->port);
    for (int round = 0; round < ROUNDS; round++) {
        weir_channel *channel;

        if (weir_channel_create(target, NULL, &channel, NULL) != WEIR_OK)
            abort();
        for (int i = 0; i < CALLS; i++)
            make_call(client, channel);
        if (round % 2 == 0)
            weir_channel_unref(channel);
        while (client->helper_count != 0)
            pthread_join(client->helpers[--client->helper_count], NULL);
        if (round % 2 != 0)
            weir_channel_unref(channel);
    }
    return NULL;
}

static void run_clients(bool free_server_amid_calls)
{
    struct client clients[CLIENTS] = {{0}};
    uint16_t port;
    weir_server *server = start_server(&port);

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i].seed = i + 1;
        clients[i].port = port;
        assert_int_equal(pthread_create(&clients[i].thread, NULL, make_calls, &clients[i]), 0);
    }
    if (free_server_amid_calls) {
        usleep(20000);
        weir_server_free(server);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    if (!free_server_amid_calls)
        weir_server_free(server);
}

static void calls_may_be_used_on_any_thread(void **state)
{
    (void)state;
    run_clients(false);
}

static void a_server_may_be_freed_amid_calls(void **state)
{
    (void)state;
    run_clients(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_may_be_used_on_any_thread),
        cmocka_unit_test(a_server_may_be_freed_amid_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
