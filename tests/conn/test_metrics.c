/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - what servers and channels count, in memory and under a fake clock.
 */
#include "conn/support/pair.h"

#include <stdio.h>
#include <string.h>

#include "channel/target.h"
#include "metrics/buckets.h"
#include "metrics/metrics.h"

static weir_metrics *metrics;

static struct pair *counted_pair(void)
{
    const weir_server_options server = {.metrics = metrics};
    const weir_channel_options channel = {.metrics = metrics};

    return pair_create(&server, &channel);
}

static int setup(void **state)
{
    (void)state;
    memory_install();
    assert_int_equal(weir_metrics_create(&metrics, NULL), WEIR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_metrics_unref(metrics);
    assert_int_equal(memory_held(), 0);
    return 0;
}

/* ---- what a snapshot says ---- */

static const weir_metric *metric_named(const weir_metrics_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->metrics[i].name, name) == 0)
            return &snapshot->metrics[i];
    fail_msg("no metric %s", name);
    return NULL;
}

/* "grpc.method=t.T/Unary grpc.status=OK" */
static bool labels_are(const weir_metric_point *point, const char *labels)
{
    char text[400] = "";

    for (size_t i = 0; i < point->label_count; i++) {
        size_t size = strlen(text);

        snprintf(text + size, sizeof text - size, "%s%s=%s", i != 0 ? " " : "",
                 point->labels[i].name, point->labels[i].value);
    }
    return strcmp(text, labels) == 0;
}

static const weir_metric_point *find_point(const weir_metric *metric, const char *labels)
{
    for (size_t i = 0; i < metric->point_count; i++)
        if (labels_are(&metric->points[i], labels))
            return &metric->points[i];
    return NULL;
}

/* The value of a counter or gauge, the count of a histogram; -1: there is no such point. */
static double value(const char *name, const char *labels)
{
    weir_metrics_snapshot *snapshot;
    const weir_metric *metric;
    const weir_metric_point *point;
    double result = -1;

    assert_int_equal(weir_metrics_read(metrics, &snapshot, NULL), WEIR_OK);
    metric = metric_named(snapshot, name);
    point = find_point(metric, labels);
    if (point != NULL)
        result = metric->kind == WEIR_METRIC_HISTOGRAM ? (double)point->count : point->value;
    weir_metrics_free_snapshot(snapshot);
    return result;
}

/* The only filled bucket of a histogram with one value: its upper bound, and the value itself. */
static void only_value(const char *name, const char *labels, double *bound, double *sum)
{
    weir_metrics_snapshot *snapshot;
    const weir_metric *metric;
    const weir_metric_point *point;

    assert_int_equal(weir_metrics_read(metrics, &snapshot, NULL), WEIR_OK);
    metric = metric_named(snapshot, name);
    point = find_point(metric, labels);
    assert_non_null(point);
    assert_int_equal(point->count, 1);
    *sum = point->value;
    *bound = -1;
    for (size_t i = 0; i < metric->bound_count; i++)
        if (point->buckets[i] == 1)
            *bound = metric->bounds[i];
    weir_metrics_free_snapshot(snapshot);
}

#define assert_value(name, labels, expected) assert_true(value(name, labels) == (expected))

#define TARGET "grpc.target=dns:///server:1"

static void make_call(struct pair *pair, const char *method, weir_stream requests)
{
    struct reader reader;

    pair_call(pair, &reader, method, requests);
    pair_settle(pair);
    reader_skim(&reader);
    pair_settle(pair);
    assert_true(reader.over);
    reader_clear(&reader);
    pair_settle(pair);
}

/* ---- claims ---- */

static void what_has_no_labels_is_there_before_anything_is_counted(void **state)
{
    (void)state;
    assert_value("weir.server.connection.opened", "", 0);
    assert_value("weir.server.connection.active", "", 0);
    assert_value("weir.metrics.dropped", "", 0);
    assert_value("grpc.server.call.started", "grpc.method=other", -1);
}

static void a_call_is_counted_by_method_and_status_at_both_ends(void **state)
{
    struct pair *pair = counted_pair();

    (void)state;
    assert_int_equal(weir_metrics_add_method(metrics, "/t.T/Unary", NULL), WEIR_OK);
    make_call(pair, "/t.T/Unary", text("twelve bytes"));
    make_call(pair, "/t.T/Unary", text("twelve bytes"));
    make_call(pair, "/t.T/Fail", text(""));
    assert_value("grpc.server.call.started", "grpc.method=t.T/Unary", 2);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Unary grpc.status=OK", 2);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Fail grpc.status=ABORTED", 1);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Fail grpc.status=OK", -1);
    assert_value("grpc.client.attempt.started", "grpc.method=t.T/Unary " TARGET, 2);
    assert_value("grpc.client.attempt.duration", "grpc.method=t.T/Unary " TARGET " grpc.status=OK",
                 2);
    assert_value("grpc.client.call.duration", "grpc.method=t.T/Unary " TARGET " grpc.status=OK", 2);
    assert_value("grpc.client.call.duration", "grpc.method=t.T/Fail " TARGET " grpc.status=ABORTED",
                 1);
    assert_value("weir.metrics.dropped", "", 0);
    pair_free(pair);
}

static void sizes_are_of_messages_without_framing(void **state)
{
    static const char method[] = "grpc.method=t.T/Unary grpc.status=OK";
    struct pair *pair = counted_pair();
    struct source *source =
        pair_source(pair, (struct source){.count = 1, .size = 5000, .over = true});
    double bound, sum;

    (void)state;
    make_call(pair, "/t.T/Unary", source_stream(source));
    only_value("grpc.server.call.rcvd_total_compressed_message_size", method, &bound, &sum);
    assert_true(sum == 5000 && bound == 16384);
    only_value("grpc.server.call.sent_total_compressed_message_size", method, &bound, &sum);
    assert_true(sum == 5000 && bound == 16384);
    only_value("grpc.client.attempt.sent_total_compressed_message_size",
               "grpc.method=t.T/Unary " TARGET " grpc.status=OK", &bound, &sum);
    assert_true(sum == 5000 && bound == 16384);
    pair_free(pair);
}

static void durations_are_those_of_the_clock(void **state)
{
    struct pair *pair = counted_pair();
    struct reader reader;
    double bound, sum;

    (void)state;
    pair_call(pair, &reader, "/t.T/Hand", text("one"));
    pair_settle(pair);
    pair_advance(pair, WEIR_MILLISECONDS(42));
    source_end(&pair->service.served[0].responses, WEIR_OK);
    pair_settle(pair);
    reader_skim(&reader);
    reader_clear(&reader);
    pair_settle(pair);
    only_value("grpc.server.call.duration", "grpc.method=t.T/Hand grpc.status=OK", &bound, &sum);
    assert_true(sum == 0.042 && bound == 0.05);
    only_value("grpc.client.call.duration", "grpc.method=t.T/Hand " TARGET " grpc.status=OK",
               &bound, &sum);
    assert_true(sum == 0.042 && bound == 0.05);
    pair_free(pair);
}

static void a_stream_is_counted_while_it_runs(void **state)
{
    struct pair *pair = counted_pair();
    struct source *requests = pair_source(pair, (struct source){.count = 3, .size = 10});
    struct reader reader;

    (void)state;
    pair_call(pair, &reader, "/t.T/Hand", source_stream(requests));
    pair_settle(pair);
    source_give(&pair->service.served[0].responses, 5);
    pair_settle(pair);
    assert_value("weir.server.call.active", "grpc.method=t.T/Hand", 1);
    assert_value("weir.server.call.rcvd_messages", "grpc.method=t.T/Hand", 3);
    assert_value("weir.server.call.sent_messages", "grpc.method=t.T/Hand", 5);
    assert_value("weir.client.attempt.active", "grpc.method=t.T/Hand " TARGET, 1);
    assert_value("weir.client.attempt.sent_messages", "grpc.method=t.T/Hand " TARGET, 3);
    assert_value("weir.client.attempt.rcvd_messages", "grpc.method=t.T/Hand " TARGET, 5);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Hand grpc.status=OK", -1);
    reader_clear(&reader);
    pair_settle(pair);
    assert_value("weir.server.call.active", "grpc.method=t.T/Hand", 0);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Hand grpc.status=CANCELLED", 1);
    assert_value("grpc.client.call.duration",
                 "grpc.method=t.T/Hand " TARGET " grpc.status=CANCELLED", 1);
    pair_free(pair);
}

static weir_stream unimplemented(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_fail(WEIR_UNIMPLEMENTED, "not here");
}

static void names_that_peers_choose_are_others(void **state)
{
    struct pair *pair = counted_pair();
    weir_handler handler = {unimplemented, NULL, NULL};
    weir_metrics_snapshot *snapshot;
    char method[32];

    (void)state;
    assert_int_equal(weir_server_handle(pair->server, "/any.A/*", handler, NULL), WEIR_OK);
    for (int i = 0; i < 50; i++) {
        snprintf(method, sizeof method, "/unknown.U/M%d", i);
        make_call(pair, method, text(""));
        snprintf(method, sizeof method, "/any.A/M%d", i);
        make_call(pair, method, text(""));
    }
    assert_value("grpc.server.call.started", "grpc.method=other", 100);
    assert_value("grpc.server.call.duration", "grpc.method=other grpc.status=UNIMPLEMENTED", 100);
    assert_value("grpc.client.call.duration",
                 "grpc.method=other " TARGET " grpc.status=UNIMPLEMENTED", 100);
    assert_int_equal(weir_metrics_read(metrics, &snapshot, NULL), WEIR_OK);
    assert_int_equal(metric_named(snapshot, "grpc.server.call.started")->point_count, 1);
    assert_int_equal(metric_named(snapshot, "grpc.client.attempt.started")->point_count, 1);
    weir_metrics_free_snapshot(snapshot);
    pair_free(pair);
}

static void memory_and_waiting_are_those_of_the_servers(void **state)
{
    const weir_server_options server = {.metrics = metrics, .memory_limit = 1 << 20};
    struct pair *pair = pair_create(&server, NULL);
    struct reader reader;

    (void)state;
    pair_call(pair, &reader, "/t.T/Hand", text("x"));
    pair_settle(pair);
    assert_value("weir.server.memory.limit", "", 1 << 20);
    assert_true(value("weir.server.memory.held", "") > 0);
    assert_value("weir.server.call.waited", "weir.wait=memory", 0);
    pair->service.served[0].responses.size = 100000; /* more than a window, and nobody reads */
    source_give(&pair->service.served[0].responses, 20);
    pair_settle(pair);
    pair_advance(pair, WEIR_SECONDS(3));
    reader_skim(&reader);
    pair_settle(pair);
    assert_true(value("weir.server.call.waited", "weir.wait=peer") >= 3);
    reader_clear(&reader);
    pair_free(pair);
    assert_true(value("weir.server.call.waited", "weir.wait=peer") >= 3);
    assert_value("weir.server.memory.held", "", 0);
    assert_value("weir.server.memory.limit", "", -1);
    assert_value("weir.server.call.refused", "", 0);
}

static void what_was_counted_outlives_servers_and_channels(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct pair *pair = counted_pair();

        make_call(pair, "/t.T/Unary", text("x"));
        if (i != 1) /* so that one has what another has not */
            make_call(pair, "/t.T/Fail", text("x"));
        pair_free(pair);
    }
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Unary grpc.status=OK", 3);
    assert_value("grpc.server.call.duration", "grpc.method=t.T/Fail grpc.status=ABORTED", 2);
    assert_value("grpc.client.call.duration", "grpc.method=t.T/Unary " TARGET " grpc.status=OK", 3);
    assert_value("weir.server.connection.opened", "", 3);
    assert_value("weir.server.connection.active", "", 0);
    assert_value("weir.client.connection.opened", TARGET, 3);
    assert_value("weir.client.connection.active", TARGET, 0);
}

static void a_connection_that_was_not_made_is_no_open_one(void **state)
{
    struct pair *pair = counted_pair();

    (void)state;
    pair->refuses = true;
    make_call(pair, "/t.T/Unary", text("x"));
    assert_value("grpc.client.attempt.duration",
                 "grpc.method=t.T/Unary " TARGET " grpc.status=UNAVAILABLE", 1);
    assert_value("grpc.client.call.duration",
                 "grpc.method=t.T/Unary " TARGET " grpc.status=UNAVAILABLE", 1);
    assert_value("weir.client.connection.opened", TARGET, 0);
    assert_value("weir.client.connection.active", TARGET, 0);
    pair->refuses = false;
    make_call(pair, "/t.T/Unary", text("x"));
    assert_value("weir.client.connection.opened", TARGET, 1);
    assert_value("weir.client.connection.active", TARGET, 1);
    pair_free(pair);
}

static void connections_that_are_refused_are_counted_also_when_their_server_is_gone(void **state)
{
    const weir_server_options options = {.metrics = metrics, .max_connections = 1};
    struct pair *pair = pair_create(&options, NULL);
    weir_connection *connection;

    (void)state;
    make_call(pair, "/t.T/Unary", text("x"));
    assert_value("weir.server.connection.refused", "", 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_server_accept(pair->server, pair->loop, "many:1", &connection, NULL),
                         WEIR_RESOURCE_EXHAUSTED);
    assert_value("weir.server.connection.refused", "", 3);
    assert_value("weir.server.connection.opened", "", 1);
    assert_value("weir.server.accept.failed", "", 0);
    pair_free(pair);
    assert_value("weir.server.connection.refused", "", 3);
}

static void counting_takes_no_memory_once_a_method_was_called(void **state)
{
    struct metrics_shard *shard = metrics_open(metrics, NULL);
    const struct metrics_end end = {.code = WEIR_OK};

    (void)state;
    for (int i = 0; i < 3; i++) {
        metrics_started(metrics_method(shard, 0));
        metrics_ended(metrics_method(shard, 0), &end);
        memory_fail_at(0); /* from the second time on */
    }
    assert_false(memory_failed());
    memory_fail_at(SIZE_MAX);
    metrics_close(shard);
    assert_value("grpc.server.call.duration", "grpc.method=other grpc.status=OK", 3);
}

static void methods_beyond_the_bound_are_others(void **state)
{
    char method[32];

    (void)state;
    for (int i = 0; i < METRICS_METHODS - 1; i++) {
        snprintf(method, sizeof method, "/p.S/M%d", i);
        assert_int_equal(weir_metrics_add_method(metrics, method, NULL), WEIR_OK);
        assert_int_equal(weir_metrics_add_method(metrics, method, NULL), WEIR_OK);
    }
    assert_int_equal(weir_metrics_add_method(metrics, "/p.S/More", NULL), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(metrics_find(metrics, "/p.S/M0"), 1);
    assert_int_equal(metrics_find(metrics, "/p.S/M999"), 1000);
    assert_int_equal(metrics_find(metrics, "/p.S/More"), 0);
}

static void targets_beyond_the_bound_are_others(void **state)
{
    struct metrics_shard *shards[METRICS_TARGETS + 2];
    char target[32];

    (void)state;
    for (int i = 0; i < METRICS_TARGETS + 2; i++) {
        snprintf(target, sizeof target, "dns:///host:%d", i + 1);
        shards[i] = metrics_open(metrics, target);
        metrics_started(metrics_method(shards[i], 0));
    }
    assert_value("grpc.client.attempt.started", "grpc.method=other grpc.target=dns:///host:1", 1);
    assert_value("grpc.client.attempt.started", "grpc.method=other grpc.target=dns:///host:100", 1);
    assert_value("grpc.client.attempt.started", "grpc.method=other grpc.target=other", 2);
    for (int i = 0; i < METRICS_TARGETS + 2; i++)
        metrics_close(shards[i]);
    assert_value("grpc.client.attempt.started", "grpc.method=other grpc.target=other", 2);
}

static void expect_uri(const char *text, const char *uri)
{
    struct target target;

    assert_int_equal(target_parse(text, &target, NULL), WEIR_OK);
    assert_string_equal(target.uri, uri);
    target_clear(&target);
}

static void a_target_is_named_with_its_scheme(void **state)
{
    (void)state;
    expect_uri("host:1", "dns:///host:1");
    expect_uri("unix-host:1", "dns:///unix-host:1");
    expect_uri("[::1]:1", "dns:///[::1]:1");
    expect_uri("dns:///host:1", "dns:///host:1");
    expect_uri("ipv4:127.0.0.1:1", "ipv4:127.0.0.1:1");
    expect_uri("unix:/path", "unix:/path");
}

static void a_value_on_a_bound_lies_within_it(void **state)
{
    (void)state;
    assert_int_equal(bucket_of_latency(0), 0);
    assert_int_equal(bucket_of_latency(1), 1);
    assert_int_equal(bucket_of_latency(WEIR_MICROSECONDS(10)), 1);
    assert_int_equal(bucket_of_latency(WEIR_MICROSECONDS(10) + 1), 2);
    assert_int_equal(bucket_of_latency(WEIR_SECONDS(100)), METRICS_LATENCIES - 1);
    assert_int_equal(bucket_of_latency(WEIR_SECONDS(100) + 1), METRICS_LATENCIES);
    assert_int_equal(bucket_of_latency(UINT64_MAX), METRICS_LATENCIES);
    assert_int_equal(bucket_of_size(0), 0);
    assert_int_equal(bucket_of_size(1), 1);
    assert_int_equal(bucket_of_size(1024), 1);
    assert_int_equal(bucket_of_size(1025), 2);
    assert_int_equal(bucket_of_size(UINT64_C(1) << 32), METRICS_SIZES - 1);
    assert_int_equal(bucket_of_size((UINT64_C(1) << 32) + 1), METRICS_SIZES);
    for (int i = 0; i < METRICS_LATENCIES; i++)
        assert_int_equal(bucket_of_latency((uint64_t)(latency_bounds[i] * 1e9 + 0.5)), i);
}

static void a_snapshot_without_memory_is_an_error(void **state)
{
    struct pair *pair = counted_pair();
    weir_metrics_snapshot *snapshot;
    weir_status why = {0};
    size_t failures = 0;

    (void)state;
    make_call(pair, "/t.T/Unary", text("x"));
    for (;; failures++) {
        memory_fail_at(failures);
        if (weir_metrics_read(metrics, &snapshot, &why) == WEIR_OK)
            break;
        assert_int_equal(why.code, WEIR_RESOURCE_EXHAUSTED);
        assert_null(snapshot);
        weir_status_clear(&why);
    }
    memory_fail_at(SIZE_MAX);
    weir_metrics_free_snapshot(snapshot);
    assert_true(failures > 1);
    pair_free(pair);
}

/* Each allocation fails once: calls are counted, or said to be missing. */
static void what_memory_is_out_for_is_said(void **state)
{
    double counted, dropped;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct metrics_shard *shard = metrics_open(metrics, NULL);
        const struct metrics_end end = {.code = WEIR_OK};
        struct metrics_method *method;

        memory_fail_at(i);
        method = metrics_method(shard, 0);
        metrics_started(method);
        metrics_ended(method, &end);
        memory_fail_at(SIZE_MAX);
        metrics_close(shard);
    }
    counted = value("grpc.server.call.duration", "grpc.method=other grpc.status=OK");
    dropped = value("weir.metrics.dropped", "");
    assert_true(counted == 1 && dropped == 2);
    assert_value("weir.server.call.active", "grpc.method=other", 0);
}

#define ROW(claim) TEST_ROW(#claim, claim, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(what_has_no_labels_is_there_before_anything_is_counted),
        ROW(a_call_is_counted_by_method_and_status_at_both_ends),
        ROW(sizes_are_of_messages_without_framing),
        ROW(durations_are_those_of_the_clock),
        ROW(a_stream_is_counted_while_it_runs),
        ROW(names_that_peers_choose_are_others),
        ROW(memory_and_waiting_are_those_of_the_servers),
        ROW(what_was_counted_outlives_servers_and_channels),
        ROW(a_connection_that_was_not_made_is_no_open_one),
        ROW(connections_that_are_refused_are_counted_also_when_their_server_is_gone),
        ROW(counting_takes_no_memory_once_a_method_was_called),
        ROW(methods_beyond_the_bound_are_others),
        ROW(targets_beyond_the_bound_are_others),
        ROW(a_target_is_named_with_its_scheme),
        ROW(a_value_on_a_bound_lies_within_it),
        ROW(a_snapshot_without_memory_is_an_error),
        ROW(what_memory_is_out_for_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
