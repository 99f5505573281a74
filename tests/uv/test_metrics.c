/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - snapshots, and looks at connections, while two loops and two channels count on
 * threads of their own.
 *
 * What each snapshot must hold at any time is claimed here; that reading is no race, TSan says.
 */
#include <weir/weir.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/threads.h"

enum { CLIENTS = 2, CALLS = 300 };

struct client {
    weir_metrics *metrics;
    uint16_t port;
};

static weir_code echo(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                      weir_status *why)
{
    (void)self, (void)call, (void)why;
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static void *make_calls(void *self)
{
    const struct client *client = self;
    const weir_channel_options options = {.metrics = client->metrics};
    weir_channel *channel;
    char target[32];

    snprintf(target, sizeof target, "127.0.0.1:%u", client->port);
    assert_int_equal(weir_channel_create(target, &options, &channel, NULL), WEIR_OK);
    for (int i = 0; i < CALLS; i++) {
        weir_call *call = weir_call_create("/t.T/Echo");
        weir_bytes reply;

        assert_int_equal(weir_channel_unary(channel, call, weir_bytes_copy("x", 1), &reply, NULL),
                         WEIR_OK);
        weir_bytes_unref(&reply);
        weir_call_unref(call);
    }
    weir_channel_unref(channel);
    return NULL;
}

static double total_of(const weir_metrics_snapshot *snapshot, const char *name)
{
    double total = 0;

    for (size_t i = 0; i < snapshot->count; i++) {
        const weir_metric *metric = &snapshot->metrics[i];

        for (size_t k = 0; k < metric->point_count && strcmp(metric->name, name) == 0; k++)
            total += metric->kind == WEIR_METRIC_HISTOGRAM ? (double)metric->points[k].count
                                                           : metric->points[k].value;
    }
    return total;
}

struct watcher {
    weir_metrics *metrics;
    weir_server *server;
    atomic_bool done;
};

/* Each connection by itself, and all calls; what the second says was true before the first. */
static void look_at_connections(weir_server *server)
{
    weir_connection_info found[CLIENTS + 1];
    weir_calls_info calls;
    uint64_t started = 0;
    size_t count = weir_server_connections(server, 0, found, CLIENTS + 1);

    for (size_t i = 0; i < count; i++) {
        assert_true(found[i].streams_succeeded <= found[i].streams_started);
        assert_true(strncmp(found[i].peer, "127.0.0.1:", 10) == 0);
        started += found[i].streams_started;
    }
    weir_server_calls(server, &calls);
    assert_true(calls.started >= started && calls.succeeded <= calls.started);
    assert_int_equal(calls.failed, 0);
}

/* Counts never fall, and nothing ends that did not start. */
static void *watch(void *self)
{
    struct watcher *watcher = self;
    double before = 0;

    while (!atomic_load(&watcher->done)) {
        weir_metrics_snapshot *snapshot;
        double ended, active;

        assert_int_equal(weir_metrics_read(watcher->metrics, &snapshot, NULL), WEIR_OK);
        ended = total_of(snapshot, "grpc.server.call.duration");
        active = total_of(snapshot, "weir.server.call.active");
        assert_true(ended >= before && ended <= CLIENTS * CALLS);
        assert_true(active >= 0 && active <= CLIENTS * CALLS);
        before = ended;
        weir_metrics_free_snapshot(snapshot);
        look_at_connections(watcher->server);
    }
    return NULL;
}

static weir_server *start_server(weir_metrics *metrics, uint16_t *port)
{
    const weir_server_options options = {.threads = 2, .metrics = metrics};
    weir_server *server;

    assert_int_equal(weir_server_create(&options, &server, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/t.T/Echo", weir_unary(echo, NULL, NULL), NULL),
                     WEIR_OK);
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0", port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
    return server;
}

static void snapshots_are_right_while_others_count(void **state)
{
    pthread_t threads[CLIENTS], watching;
    struct watcher watcher = {0};
    struct client client;
    weir_metrics_snapshot *snapshot;
    weir_server *server;

    (void)state;
    assert_int_equal(weir_metrics_create(&watcher.metrics, NULL), WEIR_OK);
    client.metrics = watcher.metrics;
    server = start_server(watcher.metrics, &client.port);
    watcher.server = server;
    thread_create(&watching, watch, &watcher);
    for (int i = 0; i < CLIENTS; i++)
        thread_create(&threads[i], make_calls, &client);
    for (int i = 0; i < CLIENTS; i++)
        thread_join(threads[i]);
    atomic_store(&watcher.done, true);
    thread_join(watching);
    weir_server_free(server);
    assert_int_equal(weir_metrics_read(watcher.metrics, &snapshot, NULL), WEIR_OK);
    assert_true(total_of(snapshot, "grpc.server.call.started") == CLIENTS * CALLS);
    assert_true(total_of(snapshot, "grpc.server.call.duration") == CLIENTS * CALLS);
    assert_true(total_of(snapshot, "grpc.client.call.duration") == CLIENTS * CALLS);
    assert_true(total_of(snapshot, "weir.server.connection.opened") == CLIENTS);
    assert_true(total_of(snapshot, "weir.server.connection.active") == 0);
    weir_metrics_unref(watcher.metrics); /* a snapshot holds what it points to */
    assert_true(total_of(snapshot, "weir.client.connection.active") == 0);
    weir_metrics_free_snapshot(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_are_right_while_others_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
