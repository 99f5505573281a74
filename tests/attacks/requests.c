/* SPDX-License-Identifier: MIT */
/*
 * requests.c - header blocks: bombs, and what HTTP/2 or gRPC do not allow in them.
 */
#include "attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 5000 };

/* Refused as a stream, as HTTP, or as a call: only OK is wrong, and no answer at all. */
#define NOT_OK "status:1|status:2|status:7|status:8|reset|goaway|http:4|aborted"

/* A block of any size, cut into HEADERS and CONTINUATIONs. */
static uint32_t send_block(struct peer *peer, const struct bytes *block, unsigned flags)
{
    uint32_t stream = peer->next_stream;
    size_t at = 0;
    bool goes_on = true;

    peer->next_stream += 2;
    peer->streams++;
    do {
        size_t size = block->size - at < 16384 ? block->size - at : 16384;
        unsigned last = at + size == block->size ? END_HEADERS : 0;

        if (at == 0)
            goes_on = peer_frame(peer, NGHTTP2_HEADERS, flags | last, stream, block->data, size);
        else
            goes_on = peer_frame(peer, NGHTTP2_CONTINUATION, last, stream, block->data + at, size);
        at += size;
    } while (goes_on && at < block->size);
    peer_flush(peer);
    return stream;
}

static void send_unary(struct peer *peer, uint32_t stream)
{
    struct bytes body = {0};

    message_add_req(&body, &(struct req){.data_size = 10});
    peer_body(peer, stream, &body, END_STREAM);
    peer_flush(peer);
    bytes_free(&body);
}

/* Each on a connection of its own, for some end that. Takes the block. */
static void expect(const struct target *target, const char *name, struct bytes *block,
                   const char *want)
{
    struct peer peer = {.window = WINDOW};
    uint64_t began = now_ns();
    uint32_t stream;

    peer_open(&peer, target->address, MS);
    stream = send_block(&peer, block, 0);
    send_unary(&peer, stream);
    check_answer(name, &peer, stream, began, want);
    bytes_free(block);
}

/* ---- bombs ---- */

/* A large field enters the table once, and each byte behind it is that field again. */
static void hpack_bomb(const struct target *target)
{
    struct peer *peer = keep_peer();
    struct bytes block = {0};
    uint64_t began = now_ns();
    uint8_t large[4000];
    uint32_t stream = 0;

    memset(large, 'x', sizeof large);
    *peer = (struct peer){.window = WINDOW};
    peer_open(peer, target->address, MS);
    for (int i = 0; i < 20 && !peer->gone; i++) {
        block.size = 0;
        block_request(&block, "/bench.Echo/Unary");
        block_index(&block, "x-large", large, sizeof large);
        bytes_fill(&block, 0x80 | 62, 7 * 16384);
        stream = send_block(peer, &block, END_STREAM);
        peer_answer(peer, stream);
    }
    (void)began;
    check_text("500-MB-of-headers-in-110-KiB",
               peer->answers != NULL && peer->answers[stream / 2].status == 0 ? "status:0"
                                                                              : "refused",
               "refused");
    bytes_free(&block);
}

static void one_huge_field(const struct target *target, const char *name, size_t size,
                           const char *want)
{
    struct bytes block = {0};
    uint8_t *value = malloc(size);

    memset(value, 'v', size);
    block_request(&block, "/bench.Echo/Unary");
    block_add(&block, "x-huge", 6, value, size);
    free(value);
    expect(target, name, &block, want);
}

static void many_fields(const struct target *target, const char *name, size_t count,
                        const char *want)
{
    struct bytes block = {0};

    block_request(&block, "/bench.Echo/Unary");
    for (size_t i = 0; i < count; i++)
        block_field(&block, "x", "");
    expect(target, name, &block, want);
}

static void header_sizes(const struct target *target)
{
    one_huge_field(target, "7-KiB", 7 * 1024 - 6 - 32, "status:0");
    one_huge_field(target, "17-KiB", 17 * 1024, "status:8|http:431|reset|goaway");
    one_huge_field(target, "100-KiB", 100 * 1024, "status:8|http:431|reset|goaway");
    many_fields(target, "200-fields", 200, "status:0");
    many_fields(target, "20000-fields", 20000, "status:8|http:431|reset|goaway");
}

/* ---- what HTTP/2 forbids ---- */

static const struct field {
    const char *name;
    const char *field;
    const char *value;
    size_t value_size; /* 0: it is text */
} forbidden[] = {
    {"CR", "x-a", "a\rb", 3},
    {"LF", "x-a", "a\nb", 3},
    {"NUL", "x-a", "a\0b", 3},
    {"CRLF-header", "x-a", "a\r\nx-b: c", 10},
    {"upper-case-name", "X-A", "a", 0},
    {"empty-name", "", "a", 0},
    {"space-in-name", "x a", "a", 0},
    {"colon-in-name", "x:a", "a", 0},
    {"LF-in-name", "x\na", "a", 0},
    {"connection", "connection", "close", 0},
    {"transfer-encoding", "transfer-encoding", "chunked", 0},
    {"keep-alive", "keep-alive", "1", 0},
    {"upgrade", "upgrade", "h2c", 0},
    {"proxy-connection", "proxy-connection", "close", 0},
    {"te-gzip", "te", "gzip", 0},
    {"content-length-text", "content-length", "ten", 0},
    {"content-length-negative", "content-length", "-1", 0},
    {"content-length-too-small", "content-length", "3", 0},
    {"content-length-too-large", "content-length", "1000", 0},
    {"unknown-pseudo-header", ":strange", "a", 0},
    {"second-path", ":path", "/b", 0},
    {"status-in-request", ":status", "200", 0},
};

static void forbidden_field(const struct target *target, const struct field *f)
{
    struct bytes block = {0};

    block_request(&block, "/bench.Echo/Unary");
    block_add(&block, f->field, strlen(f->field), f->value,
              f->value_size != 0 ? f->value_size : strlen(f->value));
    expect(target, f->name, &block, NOT_OK);
}

/* The request without one of its pseudo-headers. */
static void without(const struct target *target, const char *name, const char *left_out)
{
    static const char *const fields[][2] = {
        {":method", "POST"},        {":scheme", "http"}, {":path", "/bench.Echo/Unary"},
        {":authority", "attacked"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
    struct bytes block = {0};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i][0], left_out) != 0)
            block_field(&block, fields[i][0], fields[i][1]);
    /* A missing te may be served: that is between a client and its proxies. */
    expect(target, name, &block, strcmp(left_out, "te") == 0 ? NOT_OK "|status:0" : NOT_OK);
}

static void bad_headers(const struct target *target)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        forbidden_field(target, &forbidden[i]);
    without(target, "no-method", ":method");
    without(target, "no-scheme", ":scheme");
    without(target, "no-path", ":path");
    without(target, "no-content-type", "content-type");
}

/* ---- what gRPC forbids ---- */

static void with_path(const struct target *target, const char *name, const char *path)
{
    struct bytes block = {0};

    block_request(&block, path);
    expect(target, name, &block, "status:12|reset:1|http:4");
}

static void with_type(const struct target *target, const char *name, const char *type)
{
    struct bytes block = {0};

    bytes_add_number(&block, 0x83, 1);
    bytes_add_number(&block, 0x86, 1);
    block_field(&block, ":path", "/bench.Echo/Unary");
    block_field(&block, ":authority", "attacked");
    block_field(&block, "te", "trailers");
    block_field(&block, "content-type", type);
    expect(target, name, &block, "http:415");
}

static void odd_requests(const struct target *target)
{
    char *path = malloc(4097);

    memset(path, '/', 4096);
    path[4096] = '\0';
    with_path(target, "path-//", "//");
    with_path(target, "path-/a", "/a");
    with_path(target, "path-/", "/");
    with_path(target, "path-without-slash", "bench.Echo/Unary");
    with_path(target, "path-in-upper-case", "/BENCH.ECHO/UNARY");
    with_path(target, "path-with-query", "/bench.Echo/Unary?x");
    with_path(target, "path-of-4-KiB", path);
    free(path);
    without(target, "no-te", "te");
    with_type(target, "json", "application/json");
    with_type(target, "grpc-web", "application/grpc-web");
    with_type(target, "empty-type", "");
}

static void with_field(const struct target *target, const char *name, const char *field,
                       const char *value, const char *want)
{
    struct bytes block = {0};

    block_request(&block, "/bench.Echo/Unary");
    block_field(&block, field, value);
    expect(target, name, &block, want);
}

static void bad_timeouts(const struct target *target)
{
    static const char *const broken[] = {"",   "1",   "S",    "x",    "123456789S",           "-1S",
                                         "1s", "1 S", "0x1S", "1.5S", "99999999999999999999S"};
    char name[64];

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        snprintf(name, sizeof name, "timeout-'%s'", broken[i]);
        for (char *space = name; (space = strchr(space, ' ')) != NULL;)
            *space = '_';
        with_field(target, name, "grpc-timeout", broken[i], "status:13");
    }
    with_field(target, "timeout-0n", "grpc-timeout", "0n", "status:4");
    with_field(target, "timeout-99999999H", "grpc-timeout", "99999999H", "status:0");
}

static void bad_base64(const struct target *target)
{
    static const char *const broken[] = {"!", "a", "ab=c", "====", "aGk=,!", "aGk_", "a b c"};

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        with_field(target, "junk", "x-junk-bin", broken[i], "status:13");
    with_field(target, "two-values", "x-two-bin", "aGk,aGk=", "status:0");
}

const struct row request_rows[] = {
    {"hpack-bomb", hpack_bomb},
    {"header-sizes", header_sizes},
    {"bad-headers", bad_headers},
    {"odd-requests", odd_requests},
    {"bad-timeouts", bad_timeouts},
    {"bad-base64", bad_base64},
    {NULL, NULL},
};
