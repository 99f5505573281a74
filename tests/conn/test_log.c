/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - what is told of connections: each event once, with its fields, and nothing of a
 * peer's as it came.
 *
 * An event is noted as one line: its name, its level and the fields that are not empty.
 */
#include "conn/support/pair.h"
#include "conn/support/peer.h"

#include <stdio.h>
#include <string.h>

#include "log/log.h"

enum { LINE_SIZE = 1200, LINES_MAX = 64 };

static struct notes {
    char lines[LINES_MAX][LINE_SIZE];
    unsigned count;
} notes;

static void add(char *line, const char *name, const char *value)
{
    size_t size = strlen(line);

    if (value[0] != '\0')
        snprintf(line + size, LINE_SIZE - size, " %s=%s", name, value);
}

static void add_number(char *line, const char *name, uint64_t value)
{
    char text[24] = "";

    if (value != 0)
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    add(line, name, text);
}

static void note(void *self, const weir_log_event *event)
{
    char *line = notes.lines[notes.count];

    assert_ptr_equal(self, &notes);
    assert_true(notes.count < LINES_MAX);
    notes.count++;
    snprintf(line, LINE_SIZE, "%s%s", event->level == WEIR_LOG_WARNING ? "! " : "",
             weir_log_name(event->kind));
    add_number(line, "connection", event->connection);
    add(line, "client", event->client ? "yes" : "");
    add(line, "peer", event->peer);
    add(line, "reason", event->reason);
    add(line, "method", event->method);
    add_number(line, "error", event->error);
    add(line, "debug", event->debug);
    add(line, "code", event->code != WEIR_OK ? weir_code_name(event->code) : "");
    add_number(line, "missed", event->missed);
    for (const char *c = line; *c != '\0'; c++)
        assert_true(*c >= ' ' && *c <= '~');
}

static const weir_log noted = {.tell = note, .self = &notes};

static void expect_lines_at(const char *const *lines, unsigned count, const char *file, int line)
{
    for (unsigned i = 0; i < count && i < notes.count; i++)
        _assert_string_equal(notes.lines[i], lines[i], file, line);
    if (notes.count > count)
        print_error("[ and %s ]\n", notes.lines[count]);
    _assert_int_equal(notes.count, count, file, line);
    notes.count = 0;
}

/* All that was told since the last time. */
#define expect_lines(...)                                                                          \
    expect_lines_at((const char *const[]){__VA_ARGS__},                                            \
                    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), __FILE__,         \
                    __LINE__)

static int setup(void **state)
{
    (void)state;
    now = WEIR_SECONDS(1000);
    notes.count = 0;
    return 0;
}

static struct peer *peer_of_noted_server(void)
{
    const weir_server_options options = {.log = noted};
    struct peer *p = peer_of_server(&options);

    peer_settle(p);
    return p;
}

/* ---- claims ---- */

static void a_connection_is_told_when_it_opens_and_why_it_closed(void **state)
{
    const weir_server_options server = {.log = noted};
    const weir_channel_options channel = {.log = noted};
    struct pair *pair = pair_create(&server, &channel);
    struct reader reader;

    (void)state;
    pair_call(pair, &reader, "/t.T/Unary", text("x"));
    pair_settle(pair);
    reader_clear(&reader);
    expect_lines("connection_opened connection=1 peer=client:1",
                 "connection_opened connection=1 client=yes peer=server:1");
    pair_cut(pair);
    pair_settle(pair);
    expect_lines("connection_closed connection=1 client=yes peer=server:1 reason=cut",
                 "connection_closed connection=1 peer=client:1 reason=cut");
    pair_free(pair);
    assert_int_equal(notes.count, 0);
}

static void a_connection_that_cannot_be_made_is_told_with_its_reason(void **state)
{
    const weir_channel_options channel = {.log = noted};
    struct pair *pair = pair_create(NULL, &channel);
    struct reader reader;

    (void)state;
    pair->refuses = true;
    pair_call(pair, &reader, "/t.T/Unary", text("x"));
    pair_settle(pair);
    reader_clear(&reader);
    pair_free(pair);
    expect_lines(
        "! connection_failed connection=1 client=yes peer=server:1 reason=connection refused");
}

static void what_a_goaway_holds_is_told_as_printable_text(void **state)
{
    static const uint8_t goaway[] = "\0\0\0\0\0\0\0\x0b"
                                    "bad\n\x1b[31m\\\xff\"end";
    struct peer *p = peer_of_noted_server();

    (void)state;
    notes.count = 0;
    peer_frame(p, NGHTTP2_GOAWAY, 0, 0, goaway, sizeof goaway - 1);
    peer_settle(p);
    assert_true(notes.count >= 1);
    notes.count = 1;
    expect_lines("! goaway_received connection=1 peer=peer:1 error=11 "
                 "debug=bad\\x0a\\x1b[31m\\\\\\xff\"end");
    peer_free(p);
}

static void a_shutdown_says_goaway_once_and_is_the_reason(void **state)
{
    struct peer *p = peer_of_noted_server();

    (void)state;
    notes.count = 0;
    weir_server_shutdown(p->server, 0);
    peer_settle(p);
    assert_null(p->connection);
    expect_lines("goaway_sent connection=1 peer=peer:1",
                 "connection_closed connection=1 peer=peer:1 reason=shut down");
    peer_free(p);
    assert_int_equal(notes.count, 0);
}

static void a_peer_that_pings_too_much_is_cut_and_told_why(void **state)
{
    struct peer *p = peer_of_noted_server();

    (void)state;
    notes.count = 0;
    for (int i = 0; i < 4; i++) {
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
        peer_settle(p);
    }
    assert_null(p->connection);
    expect_lines("! connection_cut connection=1 peer=peer:1 reason=too_many_pings error=11",
                 "! goaway_sent connection=1 peer=peer:1 error=11 debug=too_many_pings",
                 "connection_closed connection=1 peer=peer:1 reason=too_many_pings");
    peer_free(p);
}

static void a_peer_that_speaks_no_http2_is_told(void **state)
{
    const weir_server_options options = {.log = noted};
    struct peer *p = peer_of_server(&options);
    struct peer *other;

    (void)state;
    peer_settle(p);
    other = peer_beside(p);
    peer_settle(other);
    notes.count = 0;
    peer_frame(other, NGHTTP2_SETTINGS, 0, 0, "123", 3); /* no multiple of six */
    peer_settle(other);
    assert_true(notes.count != 0);
    notes.count = 1;
    expect_lines("! goaway_sent connection=2 peer=peer:1 error=6");
    peer_free(p);
}

static void a_call_that_a_limit_ends_is_told_with_its_method(void **state)
{
    const weir_server_options options = {.log = noted, .max_receive_size = 10};
    struct peer *p = peer_of_server(&options);

    (void)state;
    peer_settle(p);
    notes.count = 0;
    peer_request(p, 1, 0, "/t.T/Unary", NULL);
    peer_message(p, 1, END_STREAM, "more than ten bytes");
    peer_request(p, 3, 0, "/t.T/\x01\x02 quiet", NULL);
    peer_settle(p);
    expect_lines("! call_limited connection=1 peer=peer:1 reason=received message larger than max "
                 "(19 vs. 10) "
                 "method=/t.T/Unary code=RESOURCE_EXHAUSTED");
    peer_free(p);
}

static weir_code accept_one_too_many(struct peer *p)
{
    weir_connection *connection;
    weir_code code = weir_server_accept(p->server, p->loop, "many:1\n", &connection, NULL);

    assert_null(connection);
    return code;
}

static void each_refused_connection_is_counted_and_a_flood_of_them_is_few_lines(void **state)
{
    const weir_server_options options = {.log = noted, .max_connections = 1};
    struct peer *p = peer_of_server(&options);
    weir_total_usage usage;

    (void)state;
    peer_settle(p);
    notes.count = 0;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(accept_one_too_many(p), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(notes.count, LOG_BURST);
    notes.count = 1;
    expect_lines("! connection_refused peer=many:1\\x0a reason=as many connections as may be");
    peer_advance(p, WEIR_MILLISECONDS(100));
    assert_int_equal(accept_one_too_many(p), WEIR_RESOURCE_EXHAUSTED);
    expect_lines("! connection_refused peer=many:1\\x0a reason=as many connections as may be "
                 "missed=980");
    weir_server_usage(p->server, &usage);
    assert_int_equal(usage.connections_refused, 1001);
    peer_free(p);
}

static void a_connection_that_memory_is_out_for_is_told(void **state)
{
    struct peer *p = peer_of_noted_server();

    (void)state;
    notes.count = 0;
    memory_install();
    memory_fail_at(0);
    assert_int_equal(accept_one_too_many(p), WEIR_RESOURCE_EXHAUSTED);
    memory_fail_at(SIZE_MAX);
    expect_lines("! connection_refused peer=many:1\\x0a reason=out of memory");
    peer_free(p);
}

static void a_connection_that_comes_amid_a_shutdown_is_not_refused_for_want_of_room(void **state)
{
    struct peer *p = peer_of_noted_server();
    weir_total_usage usage;

    (void)state;
    weir_server_shutdown(p->server, 0);
    peer_settle(p);
    notes.count = 0;
    assert_int_equal(accept_one_too_many(p), WEIR_UNAVAILABLE);
    weir_server_usage(p->server, &usage);
    assert_int_equal(usage.connections_refused, 0);
    assert_int_equal(notes.count, 0);
    peer_free(p);
}

static void only_warnings_are_told_to_who_wants_no_more(void **state)
{
    const weir_log warnings = {.tell = note, .self = &notes, .level = WEIR_LOG_WARNING};
    const weir_server_options server = {.log = warnings};
    const weir_channel_options channel = {.log = warnings};
    struct pair *pair = pair_create(&server, &channel);
    struct reader reader;

    (void)state;
    pair_call(pair, &reader, "/t.T/Unary", text("x"));
    pair_settle(pair);
    reader_clear(&reader);
    pair_cut(pair);
    pair_free(pair);
    assert_int_equal(notes.count, 0);
}

static void lines_are_as_many_as_a_bucket_holds_and_say_what_they_miss(void **state)
{
    struct logger logger = {.log = noted};
    const struct log_fact opened = {.kind = WEIR_LOG_CONNECTION_OPENED};
    const struct log_fact closed = {.kind = WEIR_LOG_CONNECTION_CLOSED};
    uint64_t at = WEIR_SECONDS(5);

    (void)state;
    for (int i = 0; i < 1000; i++)
        logger_tell(&logger, at, &opened);
    assert_int_equal(notes.count, LOG_BURST);
    logger_tell(&logger, at, &closed); /* kinds do not hide each other */
    assert_int_equal(notes.count, LOG_BURST + 1);
    notes.count = 0;
    logger_tell(&logger, at + WEIR_MILLISECONDS(99), &opened);
    assert_int_equal(notes.count, 0);
    logger_tell(&logger, at + WEIR_MILLISECONDS(100), &opened);
    expect_lines("connection_opened missed=981");
    for (int i = 0; i < 50; i++)
        logger_tell(&logger, at + WEIR_SECONDS(1), &opened);
    assert_int_equal(notes.count, 9);
    notes.count = 0;
    for (int i = 0; i < 50; i++)
        logger_tell(&logger, at + WEIR_SECONDS(3600), &opened);
    assert_int_equal(notes.count, LOG_BURST);
    logger_tell(&logger, 0, &closed); /* a clock may stand still, and a test's may even go back */
}

static void long_texts_are_cut_between_escapes(void **state)
{
    char out[LOG_TEXT_SIZE];
    uint8_t bytes[300];

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    log_escape(out, (weir_slice){bytes, LOG_TEXT_MAX});
    assert_int_equal(strlen(out), LOG_TEXT_MAX);
    log_escape(out, (weir_slice){bytes, LOG_TEXT_MAX + 1});
    assert_int_equal(strlen(out), LOG_TEXT_MAX + 3);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 'a'; /* so that the last escape does not fit */
    log_escape(out, (weir_slice){bytes, sizeof bytes});
    assert_int_equal(strlen(out), 1 + 49 * 4 + 3);
    assert_string_equal(out + strlen(out) - 7, "\\x00...");
    log_escape(out, (weir_slice){NULL, 0});
    assert_string_equal(out, "");
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = 0; kind < WEIR_LOG_KINDS; kind++)
        assert_true(strcmp(weir_log_name((weir_log_kind)kind), "unknown") != 0);
    assert_string_equal(weir_log_name(WEIR_LOG_KINDS), "unknown");
}

#define ROW(claim) TEST_ROW(#claim, claim, setup, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_connection_is_told_when_it_opens_and_why_it_closed),
        ROW(a_connection_that_cannot_be_made_is_told_with_its_reason),
        ROW(what_a_goaway_holds_is_told_as_printable_text),
        ROW(a_shutdown_says_goaway_once_and_is_the_reason),
        ROW(a_peer_that_pings_too_much_is_cut_and_told_why),
        ROW(a_peer_that_speaks_no_http2_is_told),
        ROW(a_call_that_a_limit_ends_is_told_with_its_method),
        ROW(each_refused_connection_is_counted_and_a_flood_of_them_is_few_lines),
        ROW(a_connection_that_memory_is_out_for_is_told),
        ROW(a_connection_that_comes_amid_a_shutdown_is_not_refused_for_want_of_room),
        ROW(only_warnings_are_told_to_who_wants_no_more),
        ROW(lines_are_as_many_as_a_bucket_holds_and_say_what_they_miss),
        ROW(long_texts_are_cut_between_escapes),
        ROW(every_kind_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
