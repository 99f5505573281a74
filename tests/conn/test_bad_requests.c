/* SPDX-License-Identifier: MIT */
/*
 * test_bad_requests.c - requests that are wrong, and what a server answers (grpc.md).
 *
 * Each gets its status or its HTTP/2 error; the other calls on the connection go on.
 */
#include "conn/support/peer.h"

#include <stdlib.h>
#include <string.h>

/* ---- not gRPC ---- */

static void expect_http(struct peer *p, int32_t id, const char *status)
{
    const struct frame *headers = peer_find(p, NGHTTP2_HEADERS, id, 0);
    size_t bodies = peer_count(p, NGHTTP2_DATA, id);

    assert_non_null(headers);
    assert_string_equal(frame_field(headers, ":status"), status);
    assert_null(frame_field(headers, "grpc-status"));
    assert_in_range(peer_body_size(p, id), 1, 200);
    assert_true((peer_find(p, NGHTTP2_DATA, id, bodies - 1)->flags & END_STREAM) != 0);
}

static void what_is_not_grpcs_content_type_is_415(void **state)
{
    static const char *const types[] = {"text/plain",        "application/grpc-web",
                                        "application/grpcx", "application/grp",
                                        "Application/grpc2", ""};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(types); i++) {
        peer_headers(p, 3 + 2 * i, END_STREAM, ":method", "POST", ":scheme", "http", ":path",
                     "/t.T/Unary", ":authority", "x", "content-type", types[i], NULL);
        peer_settle(p);
        expect_http(p, 3 + 2 * i, "415");
    }
    peer_headers(p, 31, END_STREAM, ":method", "POST", ":scheme", "http", ":path", "/t.T/Unary",
                 ":authority", "x", NULL);
    peer_settle(p);
    expect_http(p, 31, "415");
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void what_is_not_post_is_405(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD", "post"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(methods); i++) {
        peer_headers(p, 3 + 2 * i, END_STREAM, ":method", methods[i], ":scheme", "http", ":path",
                     "/t.T/Unary", ":authority", "x", "content-type", "application/grpc", NULL);
        peer_settle(p);
        assert_string_equal(frame_field(peer_find(p, NGHTTP2_HEADERS, 3 + 2 * i, 0), ":status"),
                            "405");
    }
    expect_http(p, 3, "405");
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void a_body_behind_a_415_is_dropped_and_credited(void **state)
{
    struct peer *p = *state;

    peer_headers(p, 3, 0, ":method", "POST", ":scheme", "http", ":path", "/t.T/Unary", ":authority",
                 "x", "content-type", "text/plain", NULL);
    for (int i = 0; i < 40; i++) {
        peer_large_message(p, 3, 0, 30000);
        peer_settle(p);
    }
    expect_http(p, 3, "415");
    assert_true(peer_credit(p, 0) > 40 * 30000 - (1 << 20));
    expect_unharmed(p);
}

/* ---- paths ---- */

static void an_unknown_path_is_unimplemented(void **state)
{
    static const char *const paths[] = {"//",          "/a",           "/",
                                        "/t.T/unary",  "/T.t/Unary",   "/t.T/Unary/",
                                        "//t.T/Unary", "/t.T/Unary?x", "/t.T/%55nary",
                                        "/*",          "/t.T/*"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(paths); i++) {
        int32_t id = 3 + 2 * i;

        peer_request(p, id, END_STREAM, paths[i], NULL);
        peer_settle(p);
        expect_status(p, id, WEIR_UNIMPLEMENTED);
        assert_int_equal(peer_count(p, NGHTTP2_HEADERS, id), 1);
    }
    expect_unharmed(p);
}

static void a_path_of_4_KiB_is_unimplemented(void **state)
{
    struct peer *p = *state;
    char path[4097];

    memset(path, 'a', sizeof path);
    path[0] = path[100] = '/';
    path[sizeof path - 1] = '\0';
    peer_request(p, 3, END_STREAM, path, NULL);
    peer_settle(p);
    expect_status(p, 3, WEIR_UNIMPLEMENTED);
    assert_true(strlen(frame_field(peer_find(p, NGHTTP2_HEADERS, 3, 0), "grpc-message")) < 400);
    expect_unharmed(p);
}

/* ---- timeouts ---- */

static void a_broken_timeout_is_internal(void **state)
{
    static const char *const broken[] = {"",   "S",   "1",    "123456789S", "1s",  "-1S",
                                         "1D", "+1S", "1.5S", "1 S",        "1SS", "0x1S"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(broken); i++) {
        peer_request(p, 3 + 2 * i, END_STREAM, "/t.T/Hand", "grpc-timeout", broken[i], NULL);
        peer_settle(p);
        expect_status(p, 3 + 2 * i, WEIR_INTERNAL);
    }
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

static void a_timeout_of_zero_is_exceeded(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, END_STREAM, "/t.T/Hand", "grpc-timeout", "0n", NULL);
    peer_request(p, 5, END_STREAM, "/t.T/Hand", "grpc-timeout", "00000000H", NULL);
    peer_settle(p);
    expect_status(p, 3, WEIR_DEADLINE_EXCEEDED);
    expect_status(p, 5, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(p->service->calls, 0);
}

static void every_unit_of_a_timeout_is_exact(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } timeouts[] = {{"7n", 7},
                    {"7u", 7000},
                    {"7m", WEIR_MILLISECONDS(7)},
                    {"7S", WEIR_SECONDS(7)},
                    {"7M", WEIR_SECONDS(420)},
                    {"7H", WEIR_SECONDS(25200)},
                    {"00000007n", 7}};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(timeouts); i++) {
        int32_t id = 3 + 2 * i;

        peer_request(p, id, 0, "/t.T/Hand", "grpc-timeout", timeouts[i].text, NULL);
        peer_advance(p, timeouts[i].ns - 1);
        assert_int_equal(peer_count(p, NGHTTP2_HEADERS, id), 0);
        peer_advance(p, 1);
        expect_status(p, id, WEIR_DEADLINE_EXCEEDED);
        expect_reset(p, id, NGHTTP2_NO_ERROR);
    }
    expect_unharmed(p);
}

static void a_timeout_of_12000_years_is_none(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Hand", "grpc-timeout", "99999999H", NULL);
    peer_advance(p, WEIR_SECONDS(86400));
    assert_int_equal(p->service->calls, 1);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 0);
}

/* ---- metadata ---- */

static void junk_in_binary_metadata_is_internal(void **state)
{
    static const char *const junk[] = {"!", "AA=A", "A", "AAAA,?", "AA A", "AA===", "=", "\xff"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(junk); i++) {
        peer_request(p, 3 + 2 * i, END_STREAM, "/t.T/Hand", "x-a-bin", junk[i], NULL);
        peer_settle(p);
        expect_status(p, 3 + 2 * i, WEIR_INTERNAL);
    }
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

static void expect_protocol_error(struct peer *p, const nghttp2_nv *fields, size_t count)
{
    int32_t id = p->last_stream + 2;
    size_t size;
    uint8_t *block = peer_block(p, fields, count, &size);

    p->last_stream = id;
    peer_frame(p, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, id, block, size);
    free(block);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, id), 0);
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)name, (uint8_t *)value, sizeof(name) - 1, sizeof(value) - 1,                    \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }
#define USUAL                                                                                      \
    FIELD(":method", "POST"), FIELD(":scheme", "http"), FIELD(":path", "/t.T/Hand"),               \
        FIELD(":authority", "x"), FIELD("content-type", "application/grpc")

static void bad_header_fields_reset_the_call(void **state)
{
    static const nghttp2_nv bad[] = {
        FIELD("x-a", "b\rc"),
        FIELD("x-a", "b\nc"),
        FIELD("x-a", "b\r\nc: d"),
        FIELD("x-a", "b\0c"),
        FIELD("x-a-bin", "AA\0"),
        FIELD("x\r\ny", "z"),
        FIELD("x\0y", "z"),
        FIELD("X-Upper", "z"),
        FIELD("x y", "z"),
        FIELD("", "z"),
        FIELD(":unknown", "z"),
        FIELD(":path", "/t.T/Hand"),
        FIELD(":status", "200"),
        FIELD("connection", "close"),
        FIELD("keep-alive", "1"),
        FIELD("proxy-connection", "1"),
        FIELD("transfer-encoding", "chunked"),
        FIELD("upgrade", "h2c"),
        FIELD("te", "gzip"),
        FIELD("content-length", "x"),
        FIELD("content-length", "-1"),
        FIELD("content-length", "5"), /* of an empty body */
    };
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const nghttp2_nv fields[] = {USUAL, bad[i]};

        expect_protocol_error(p, fields, COUNT_OF(fields));
    }
    for (unsigned i = 0; i < p->service->calls; i++)
        assert_true(weir_call_cancelled(p->service->served[i].call));
    expect_unharmed(p);
}

static void missing_pseudo_headers_reset_the_call(void **state)
{
    static const nghttp2_nv all[] = {USUAL};
    struct peer *p = *state;

    for (size_t missing = 0; missing < 3; missing++) {
        nghttp2_nv fields[COUNT_OF(all)];
        size_t count = 0;

        for (size_t i = 0; i < COUNT_OF(all); i++) {
            if (i != missing)
                fields[count++] = all[i];
        }
        expect_protocol_error(p, fields, count);
    }
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

static void a_pseudo_header_behind_others_resets_the_call(void **state)
{
    static const nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD("x-a", "b"),
                                        FIELD(":scheme", "http"), FIELD(":path", "/t.T/Hand")};
    struct peer *p = *state;

    expect_protocol_error(p, fields, COUNT_OF(fields));
    expect_unharmed(p);
}

static void a_body_that_contradicts_its_content_length_is_reset(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Unary", "content-length", "6", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_request(p, 5, 0, "/t.T/Unary", "content-length", "8", NULL);
    peer_message(p, 5, END_STREAM, "hi");
    peer_request(p, 7, 0, "/t.T/Unary", "content-length", "7", NULL);
    peer_message(p, 7, END_STREAM, "hi");
    peer_settle(p);
    expect_reset(p, 3, NGHTTP2_PROTOCOL_ERROR);
    expect_reset(p, 5, NGHTTP2_PROTOCOL_ERROR);
    expect_status(p, 7, WEIR_OK);
    assert_int_equal(p->service->unary_calls, 1);
    expect_unharmed(p);
}

/* ---- header sizes ---- */

static void metadata_of_7_KiB_is_fine(void **state)
{
    struct peer *p = *state;
    char value[7 * 1024 + 1];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    peer_request(p, 3, 0, "/t.T/Unary", "a-large", value, NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    expect_unharmed(p);
}

static void request_of(struct peer *p, int32_t id, unsigned fields, size_t value_size)
{
    nghttp2_nv nv[400] = {USUAL};
    char *value = malloc(value_size + 1);
    size_t size, count = 5, at = 0;
    uint8_t *block;

    memset(value, 'v', value_size);
    while (fields-- != 0)
        nv[count++] = (nghttp2_nv){(uint8_t *)"x-v", (uint8_t *)value, 3, value_size,
                                   NGHTTP2_NV_FLAG_NO_INDEX};
    block = peer_block(p, nv, count, &size);
    p->last_stream = id;
    do {
        size_t part = size - at < 16384 ? size - at : 16384;

        peer_frame(p, at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                   (at == 0 ? END_STREAM : 0) | (at + part == size ? END_HEADERS : 0), id,
                   block + at, part);
        at += part;
    } while (at < size);
    free(block);
    free(value);
}

static void metadata_past_16_KiB_is_refused(void **state)
{
    struct peer *p = *state;

    request_of(p, 3, 1, 17 * 1024);
    request_of(p, 5, 300, 30); /* 32 bytes count for each field */
    request_of(p, 7, 20, 1000);
    peer_settle(p);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    expect_status(p, 5, WEIR_RESOURCE_EXHAUSTED);
    expect_status(p, 7, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

/* Of 40 header blocks of 100 KB at most 16 KiB each is kept. */
static void metadata_past_its_limit_is_not_stored(void **state)
{
    struct peer *p = *state;
    size_t before = memory_held();

    memory_reset_peak();
    for (int32_t i = 0; i < 40; i++)
        request_of(p, 3 + 2 * i, 25, 4000);
    peer_settle(p);
    assert_true(memory_peak() - before < 40 * 24 * 1024 + 200000);
    for (int32_t i = 0; i < 40; i++)
        expect_status(p, 3 + 2 * i, WEIR_RESOURCE_EXHAUSTED);
    expect_unharmed(p);
}

/* One field of 3 KB in HPACK's table, and then `times` references to it, of one byte each. */
static void send_bomb(struct peer *p, int32_t id, size_t times)
{
    nghttp2_nv nv[6] = {USUAL};
    char value[3000];
    uint8_t bomb[16384];
    size_t size;
    uint8_t *block;

    memset(value, 'v', sizeof value);
    nv[5] = (nghttp2_nv){(uint8_t *)"x", (uint8_t *)value, 1, sizeof value, NGHTTP2_NV_FLAG_NONE};
    block = peer_block(p, nv, 6, &size);
    memcpy(bomb, block, size);
    if (times > sizeof bomb - size)
        times = sizeof bomb - size;
    memset(bomb + size, 0x80 | 62, times); /* the newest entry of the table */
    free(block);
    p->last_stream = id;
    peer_frame(p, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, id, bomb, size + times);
    peer_settle(p);
}

static void a_header_bomb_is_refused_and_not_stored(void **state)
{
    struct peer *p = *state;
    size_t before = memory_held();

    memory_reset_peak();
    send_bomb(p, 3, 80);
    assert_true(memory_peak() - before < 100000);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

/* Past 16 times what is allowed its headers are not even counted any more: they cost too much. */
static void a_large_header_bomb_is_reset(void **state)
{
    struct peer *p = *state;
    size_t before = memory_held();

    memory_reset_peak();
    send_bomb(p, 3, SIZE_MAX);
    assert_true(memory_peak() - before < 100000);
    expect_reset(p, 3, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(p->service->calls, 0);
    expect_unharmed(p);
}

static void request_trailers_count_and_are_dropped(void **state)
{
    struct peer *p = *state;
    char value[9 * 1024];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    peer_request(p, 3, 0, "/t.T/Unary", NULL);
    peer_message(p, 3, 0, "hi");
    peer_headers(p, 3, END_STREAM, "a", value, "b", value, "c-bin", "!", NULL);
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    expect_unharmed(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(what_is_not_grpcs_content_type_is_415),
        SERVER_TEST(what_is_not_post_is_405),
        SERVER_TEST(a_body_behind_a_415_is_dropped_and_credited),
        SERVER_TEST(an_unknown_path_is_unimplemented),
        SERVER_TEST(a_path_of_4_KiB_is_unimplemented),
        SERVER_TEST(a_broken_timeout_is_internal),
        SERVER_TEST(a_timeout_of_zero_is_exceeded),
        SERVER_TEST(every_unit_of_a_timeout_is_exact),
        SERVER_TEST(a_timeout_of_12000_years_is_none),
        SERVER_TEST(junk_in_binary_metadata_is_internal),
        SERVER_TEST(bad_header_fields_reset_the_call),
        SERVER_TEST(missing_pseudo_headers_reset_the_call),
        SERVER_TEST(a_pseudo_header_behind_others_resets_the_call),
        SERVER_TEST(a_body_that_contradicts_its_content_length_is_reset),
        SERVER_TEST(metadata_of_7_KiB_is_fine),
        /* nghttp2 counts a CONTINUATION for each piece that its frame header comes in. */
        SERVER_TEST_WHOLE(metadata_past_16_KiB_is_refused),
        SERVER_TEST_WHOLE(metadata_past_its_limit_is_not_stored),
        SERVER_TEST(a_header_bomb_is_refused_and_not_stored),
        SERVER_TEST(a_large_header_bomb_is_reset),
        SERVER_TEST(request_trailers_count_and_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
