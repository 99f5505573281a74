/* SPDX-License-Identifier: MIT */
/*
 * floods.c - frames that cost their reader something and move nothing, and peers that do not read.
 */
#include "attack.h"

#include <stdio.h>
#include <string.h>

enum { FLOOD_MS = 3000, DEAF_MS = 1000, FLOOD = 400000 };

/* One frame, the number `i` of a flood. False: no more. */
typedef bool emit_fn(struct peer *peer, uint32_t stream, size_t i);

struct flood {
    const char *name;
    emit_fn *emit;
    size_t count;
    bool deaf;
    const char *path; /* a call that is open meanwhile */
    const char *want;
};

static void run_flood(const struct target *target, const struct flood *f)
{
    struct peer peer = {.window = WINDOW};
    uint64_t began = now_ns();
    uint32_t stream = 0;
    size_t count = times(target, f->count);

    peer_open(&peer, target->address, f->deaf ? DEAF_MS : FLOOD_MS);
    if (f->path != NULL)
        stream = peer_call(&peer, f->path, NULL, 0);
    if (stream != 0)
        peer_settle(&peer);
    peer.deaf = f->deaf;
    for (size_t i = 0; i < count && f->emit(&peer, stream, i); i++)
        ;
    peer_flush(&peer);
    check_end(f->name, &peer, began, f->want);
}

static void run_floods(const struct target *target, const struct flood *floods, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_flood(target, &floods[i]);
}

#define RUN(target, floods) run_floods(target, floods, sizeof(floods) / sizeof(floods)[0])
#define CALM "goaway:11"
/* One that does not read may still be read when it has had its second. */
#define CALM_OR_DEAF CALM "|open"

/* ---- the frames ---- */

static bool ping(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    return peer_frame(peer, NGHTTP2_PING, 0, 0, "pingping", 8);
}

static bool settings(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    return peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static bool settings_full(struct peer *peer, uint32_t stream, size_t i)
{
    uint8_t entries[32 * 6];

    (void)stream, (void)i;
    for (size_t k = 0; k < sizeof entries; k += 6)
        memcpy(entries + k, "\0\3\0\0\0\x64", 6);
    return peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, entries, sizeof entries);
}

static bool settings_ack(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    return peer_frame(peer, NGHTTP2_SETTINGS, ACK, 0, NULL, 0);
}

static bool empty_data(struct peer *peer, uint32_t stream, size_t i)
{
    (void)i;
    return peer_frame(peer, NGHTTP2_DATA, 0, stream, NULL, 0);
}

static bool padding(struct peer *peer, uint32_t stream, size_t i)
{
    static const uint8_t payload[256] = {255};

    (void)i;
    return peer_frame(peer, NGHTTP2_DATA, PADDED, stream, payload, sizeof payload);
}

static bool window_update(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    return peer_number(peer, NGHTTP2_WINDOW_UPDATE, 0, 1);
}

static bool stream_window_update(struct peer *peer, uint32_t stream, size_t i)
{
    (void)i;
    return peer_number(peer, NGHTTP2_WINDOW_UPDATE, stream, 1);
}

static bool priority(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream;
    return peer_frame(peer, NGHTTP2_PRIORITY, 0, (uint32_t)(i % 100000) * 2 + 3, "\0\0\0\0\x10", 5);
}

static bool unknown(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream;
    return peer_frame(peer, 0x20 + (unsigned)(i % 100), 0, 0, NULL, 0);
}

static bool unknown_large(struct peer *peer, uint32_t stream, size_t i)
{
    static const uint8_t payload[16384];

    (void)stream, (void)i;
    return peer_frame(peer, 0xee, 0, 0, payload, sizeof payload);
}

static bool goaway(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    return peer_frame(peer, NGHTTP2_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
}

/* ---- floods ---- */

static void ping_flood(const struct target *target)
{
    static const struct flood floods[] = {
        {"pings", ping, FLOOD, false, NULL, CALM},
        {"pings-amid-a-call", ping, FLOOD, false, "/bench.Echo/Chat", CALM},
        {"pings-unread", ping, FLOOD, true, NULL, CALM_OR_DEAF},
    };

    RUN(target, floods);
}

static void settings_flood(const struct target *target)
{
    static const struct flood floods[] = {
        {"settings", settings, FLOOD, false, NULL, CALM},
        {"settings-unread", settings, FLOOD, true, NULL, CALM_OR_DEAF},
        {"settings-of-32-entries", settings_full, FLOOD / 10, true, NULL, CALM_OR_DEAF},
        {"acks-of-nothing", settings_ack, FLOOD, false, NULL, "goaway"},
    };

    RUN(target, floods);
}

static void empty_frames(const struct target *target)
{
    static const struct flood floods[] = {
        {"empty-data", empty_data, FLOOD, false, "/bench.Echo/Chat", CALM},
        {"padding", padding, FLOOD / 4, false, "/bench.Echo/Chat", CALM},
        {"window-updates", window_update, FLOOD, false, NULL, CALM},
        {"window-updates-of-a-stream", stream_window_update, FLOOD, false, "/bench.Echo/Chat",
         CALM},
        {"priority", priority, FLOOD, false, NULL, CALM},
        {"unknown", unknown, FLOOD, false, NULL, CALM},
        {"unknown-16-KiB", unknown_large, FLOOD / 8, false, NULL, CALM},
        {"goaways", goaway, FLOOD, false, "/bench.Echo/Chat", CALM "|goaway:0|closed"},
    };

    RUN(target, floods);
}

/* ---- header blocks without an end ---- */

static void continuations(const struct target *target, const char *name, size_t size, size_t count)
{
    struct peer peer = {.window = WINDOW};
    struct bytes block = {0}, piece = {0};
    uint64_t began = now_ns();
    bool goes_on;

    block_request(&block, "/bench.Echo/Unary");
    while (piece.size + 46 <= size)
        block_field(&piece, "x-name", "a value of thirty-odd bytes, padding");
    peer_open(&peer, target->address, FLOOD_MS);
    goes_on = peer_frame(&peer, NGHTTP2_HEADERS, 0, 1, block.data, block.size);
    for (size_t i = 0; i < count && goes_on; i++)
        goes_on = peer_frame(&peer, NGHTTP2_CONTINUATION, 0, 1, piece.data, piece.size) &&
                  (i % 8 != 7 || peer_flush(&peer));
    peer_flush(&peer);
    check_end(name, &peer, began, CALM);
    bytes_free(&block);
    bytes_free(&piece);
}

static void continuation_flood(const struct target *target)
{
    continuations(target, "continuations-of-16-KiB", 16384, 2000);
    continuations(target, "continuations-of-nothing", 0, 200000);
    continuations(target, "continuations-of-a-field", 46, 50000);
}

/* ---- floods of our answers ---- */

/* Each one is an RST_STREAM for a call that is long over. */
static bool reset_closed(struct peer *peer, uint32_t stream, size_t i)
{
    (void)i;
    return peer_number(peer, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
}

static bool call_unknown(struct peer *peer, uint32_t stream, size_t i)
{
    (void)stream, (void)i;
    peer_call(peer, "/no.Such/Method", NULL, END_STREAM);
    return !peer->gone && !peer->goaway && (peer->out.size < 16384 || peer_flush(peer));
}

static bool call_http(struct peer *peer, uint32_t stream, size_t i)
{
    struct bytes block = {0};

    (void)stream, (void)i;
    bytes_add_number(&block, 0x82, 1); /* GET */
    bytes_add_number(&block, 0x86, 1);
    bytes_add_number(&block, 0x84, 1); /* path / */
    block_field(&block, ":authority", "attacked");
    peer_request(peer, &block, END_STREAM);
    bytes_free(&block);
    return !peer->gone && !peer->goaway && (peer->out.size < 16384 || peer_flush(peer));
}

static void reset_flood(const struct target *target)
{
    static const struct flood floods[] = {
        {"resets-of-an-ended-call", reset_closed, FLOOD, false, "/no.Such/Method", CALM},
        {"calls-of-no-method", call_unknown, 20000, false, NULL, "open|" CALM},
        {"calls-of-no-method-unread", call_unknown, 100000, true, NULL, "open|" CALM},
        {"not-gRPC-unread", call_http, 100000, true, NULL, "open|" CALM},
    };

    RUN(target, floods);
}

/* ---- nobody reads ---- */

static void ask_for_much(struct peer *peer, uint32_t size, unsigned streams)
{
    struct bytes body = {0};

    message_add_req(&body, &(struct req){.count = 1000000, .size = size});
    for (unsigned i = 0; i < streams; i++)
        peer_call(peer, "/bench.Echo/Down", &body, END_STREAM);
    peer_flush(peer);
    bytes_free(&body);
}

static void never_read(const struct target *target, const char *name, uint32_t size)
{
    struct peer *peer = keep_peer();
    uint64_t began = now_ns();

    *peer = (struct peer){.window = HUGE_WINDOW, .connection_window = HUGE_WINDOW, .deaf = true};
    peer_open(peer, target->address, DEAF_MS);
    ask_for_much(peer, size, 100);
    check_text(name, peer->gone ? "gone" : "open", "open");
    (void)began;
}

/* Echoes of what is sent are never read; windows of theirs are no limit. */
static void never_read_echoes(const struct target *target)
{
    struct peer peer = {.window = HUGE_WINDOW, .connection_window = HUGE_WINDOW, .deaf = true};
    struct bytes body = {0};
    uint64_t began = now_ns();
    bool goes_on = true;

    message_add_req(&body, &(struct req){.data_size = 1000});
    peer_open(&peer, target->address, DEAF_MS);
    for (size_t i = 0; i < 100000 && goes_on; i++) {
        peer_call(&peer, "/bench.Echo/Unary", &body, END_STREAM);
        goes_on = peer_flush(&peer);
    }
    check_end("echoes", &peer, began, "open|goaway");
    bytes_free(&body);
}

static void never_reads(const struct target *target)
{
    for (int i = 0; i < 4; i++) {
        never_read(target, "messages-of-16-KiB", 16384);
        never_read(target, "messages-of-10-bytes", 10);
    }
    never_read_echoes(target);
}

const struct row flood_rows[] = {
    {"continuation", continuation_flood},
    {"ping-flood", ping_flood},
    {"settings-flood", settings_flood},
    {"reset-flood", reset_flood},
    {"never-reads", never_reads},
    {"empty-frames", empty_frames},
    {NULL, NULL},
};
