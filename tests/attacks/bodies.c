/* SPDX-License-Identifier: MIT */
/*
 * bodies.c - messages that are not what they say they are.
 */
#include "attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MS = 10000 };

/* A call with the encoding (or none) and body given. Takes the body. */
static void expect(const struct target *target, const char *name, const char *encoding,
                   struct bytes *body, const char *want)
{
    struct peer peer = {.window = WINDOW};
    struct bytes block = {0};
    uint64_t began = now_ns();
    uint32_t stream;

    block_request(&block, "/bench.Echo/Unary");
    if (encoding != NULL)
        block_field(&block, "grpc-encoding", encoding);
    peer_open(&peer, target->address, MS);
    peer.polite = true;
    stream = peer_request(&peer, &block, 0);
    peer_body(&peer, stream, body, END_STREAM);
    peer_flush(&peer);
    check_answer(name, &peer, stream, began, want);
    bytes_free(&block);
    bytes_free(body);
}

/* ---- sizes ---- */

/* Behind the prefix nothing comes, and the stream stays open. */
static void declare_4_gib(const struct target *target)
{
    struct peer peer = {.window = WINDOW};
    struct bytes body = {0};
    uint64_t began = now_ns();
    uint32_t stream;

    bytes_add(&body, "\0\xff\xff\xff\xff", 5);
    peer_open(&peer, target->address, MS);
    stream = peer_call(&peer, "/bench.Echo/Unary", &body, 0);
    peer_flush(&peer);
    check_answer("4-GiB-declared", &peer, stream, began, "status:8");
    bytes_free(&body);
}

/* Legal: 4,000,000 bytes declared, 100 sent, on 500 calls. */
static void declare_4_mb(const struct target *target)
{
    struct bytes body = {0};

    bytes_add_number(&body, 0, 1);
    bytes_add_number(&body, 4000000, 4);
    bytes_fill(&body, 'x', 100);
    for (int i = 0; i < 5; i++) {
        struct peer *peer = keep_peer();
        uint32_t stream = 0;

        *peer = (struct peer){.window = WINDOW};
        peer_open(peer, target->address, MS);
        for (int k = 0; k < 100; k++)
            stream = peer_call(peer, "/bench.Echo/Unary", &body, 0);
        peer_settle(peer);
        check_text("100-calls-wait",
                   stream == 0 || peer->answers == NULL || !peer->answers[stream / 2].ended
                       ? "open"
                       : "ended",
                   "open");
    }
    bytes_free(&body);
}

/* ---- compression ---- */

static void deflate_zeros(struct bytes *out, size_t size, int flush)
{
    uint8_t *zeros = calloc(1, size), *packed = malloc(size / 500 + 100);
    z_stream z = {.next_in = zeros, .avail_in = (unsigned)size};

    z.next_out = packed;
    z.avail_out = (unsigned)(size / 500 + 100);
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, flush) == Z_STREAM_ERROR)
        abort();
    bytes_add(out, packed, z.total_out);
    deflateEnd(&z);
    free(zeros);
    free(packed);
}

/* 1 GiB of zeros in 1 MiB: 16 MiB of them over and over, behind one header. How it would end does
 * not matter. */
static void gzip_bomb(const struct target *target)
{
    enum { GZIP_HEADER = 10, STEP = 1 << 24 };
    struct bytes step = {0}, packed = {0}, body = {0};

    deflate_zeros(&step, STEP, Z_FULL_FLUSH);
    bytes_add(&packed, step.data, GZIP_HEADER);
    for (int i = 0; i < (1 << 30) / STEP; i++)
        bytes_add(&packed, step.data + GZIP_HEADER, step.size - GZIP_HEADER);
    for (int i = 0; i < 4; i++) {
        message_add(&body, 1, packed.data, packed.size);
        expect(target, "bomb", "gzip", &body, "status:8");
    }
    bytes_free(&step);
    bytes_free(&packed);
}

/* A sound gzip message of 1,000 zeros, with one byte of it made wrong. */
static void corrupt(const struct target *target, const char *name, size_t from_end, size_t cut)
{
    struct bytes packed = {0}, body = {0};

    deflate_zeros(&packed, 1000, Z_FINISH);
    if (from_end != 0)
        packed.data[packed.size - from_end] ^= 1;
    message_add(&body, 1, packed.data, packed.size - cut);
    expect(target, name, "gzip", &body, "status:13");
    bytes_free(&packed);
}

static void corrupt_gzip(const struct target *target)
{
    struct bytes body = {0};

    corrupt(target, "wrong-length", 1, 0);
    corrupt(target, "wrong-CRC", 5, 0);
    corrupt(target, "cut-in-the-trailer", 0, 3);
    corrupt(target, "cut-in-the-data", 0, 12);
    message_add(&body, 1, "no gzip at all", 14);
    expect(target, "not-gzip", "gzip", &body, "status:13");
    message_add(&body, 1, NULL, 0);
    expect(target, "empty", "gzip", &body, "status:13");
}

static void bad_flags(const struct target *target)
{
    struct bytes body = {0};
    char name[32];

    for (unsigned flag = 2; flag < 256; flag = flag < 8 ? flag + 1 : flag * 2 - 1) {
        snprintf(name, sizeof name, "flag-%u", flag);
        message_add(&body, flag, "x", 1);
        expect(target, name, NULL, &body, "status:13");
    }
    message_add(&body, 255, "x", 1);
    expect(target, "flag-255", NULL, &body, "status:13");
    message_add(&body, 1, "x", 1);
    expect(target, "flag-1-without-encoding", NULL, &body, "status:13");
    message_add(&body, 1, "x", 1);
    expect(target, "flag-1-with-identity", "identity", &body, "status:13");
    message_add(&body, 0, NULL, 0);
    expect(target, "unknown-encoding", "zebra", &body, "status:12");
}

/* ---- ends ---- */

static void cut_message(const struct target *target)
{
    struct bytes body = {0};

    bytes_add(&body, "\0\0\0", 3);
    expect(target, "in-the-prefix", NULL, &body, "status:13");
    bytes_add(&body,
              "\0\0\0\0\x05"
              "abc",
              8);
    expect(target, "in-the-message", NULL, &body, "status:13");
    message_add_req(&body, &(struct req){.data_size = 10});
    bytes_add(&body, "\0", 1);
    expect(target, "behind-a-message", NULL, &body, "status:13");
    expect(target, "no-message", NULL, &body, "status:12|status:13");
    message_add_req(&body, &(struct req){.data_size = 10});
    message_add_req(&body, &(struct req){.data_size = 10});
    expect(target, "two-messages", NULL, &body, "status:12|status:13");
}

/* ---- protobuf ---- */

static void put_length(struct bytes *out, size_t length)
{
    for (; length >= 128; length >>= 7)
        bytes_add_number(out, (length & 127) | 128, 1);
    bytes_add_number(out, length, 1);
}

/* A Req in a Req in a Req: built from the inside, so backwards. */
static void nest(struct bytes *out, size_t depth)
{
    size_t *lengths = calloc(depth + 1, sizeof *lengths);
    size_t length = 0;

    for (size_t i = 0; i < depth; i++) {
        size_t head = 1;

        for (size_t rest = lengths[i] = length; rest != 0 || head == 1; rest >>= 7)
            head++;
        length += head;
    }
    for (size_t i = depth; i-- != 0;) {
        bytes_add_number(out, 5 << 3 | 2, 1);
        put_length(out, lengths[i]);
    }
    free(lengths);
}

static void nested_to(const struct target *target, const char *name, size_t depth, const char *want)
{
    struct bytes message = {0}, body = {0};

    nest(&message, depth);
    message_add(&body, 0, message.data, message.size);
    expect(target, name, NULL, &body, want);
    bytes_free(&message);
}

static void nested(const struct target *target)
{
    struct bytes body = {0};

    nested_to(target, "90-deep", 90, "status:0");
    nested_to(target, "102-deep", 102, "status:13|status:8");
    nested_to(target, "100000-deep", 100000, "status:13|status:8");
    message_add(&body, 0, "\x2a\xff\xff\xff\xff\x0f", 6);
    expect(target, "longer-than-it-is", NULL, &body, "status:13");
    message_add(&body, 0, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    expect(target, "endless-number", NULL, &body, "status:13");
    message_add(&body, 0, "\x2b\x2b\x2b\x2b", 4);
    expect(target, "groups", NULL, &body, "status:13");
}

const struct row body_rows[] = {
    {"declared-4-GiB", declare_4_gib},
    {"declared-4-MB", declare_4_mb},
    {"gzip-bomb", gzip_bomb},
    {"corrupt-gzip", corrupt_gzip},
    {"bad-flags", bad_flags},
    {"cut-message", cut_message},
    {"nested", nested},
    {NULL, NULL},
};
