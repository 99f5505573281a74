/* SPDX-License-Identifier: MIT */
/*
 * streams.c - streams opened and thrown away, more of them than allowed, and windows misused.
 */
#include "attack.h"

#include <stdio.h>
#include <string.h>

enum { MS = 3000, STREAMS = 20000, STALLED_STREAMS = 100 };

#define CALM "goaway:11"

/* ---- rapid reset (CVE-2023-44487) ---- */

static void rapid_reset(const struct target *target, const char *name, const char *path,
                        const struct bytes *body)
{
    struct peer peer = {.window = WINDOW};
    uint64_t began = now_ns();
    bool goes_on = true;

    peer_open(&peer, target->address, MS);
    for (size_t i = 0; i < STREAMS && goes_on; i++) {
        uint32_t stream = peer_call(&peer, path, body, body != NULL ? END_STREAM : 0);

        goes_on = peer_number(&peer, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
    }
    peer_flush(&peer);
    check_end(name, &peer, began, CALM);
}

static void rapid_resets(const struct target *target)
{
    struct bytes body = {0};

    message_add_req(&body, &(struct req){.data_size = 10});
    for (size_t i = 0; i < 5; i++) {
        rapid_reset(target, "begun", "/bench.Echo/Unary", NULL);
        rapid_reset(target, "complete", "/bench.Echo/Unary", &body);
        rapid_reset(target, "bidi", "/bench.Echo/Chat", NULL);
        if (target->is_weir)
            rapid_reset(target, "blocking", "/bench.Echo/Block", NULL);
    }
    bytes_free(&body);
}

/* Clients cancel, too: a burst of them, and then calls as ever. */
static void honest_cancels(const struct target *target)
{
    struct peer peer = {.window = WINDOW};
    struct bytes body = {0};
    uint64_t began = now_ns();
    uint32_t stream = 0;

    message_add_req(&body, &(struct req){.data_size = 10});
    peer_open(&peer, target->address, MS);
    for (size_t i = 0; i < 800; i++) {
        stream = peer_call(&peer, "/bench.Echo/Chat", NULL, 0);
        if (i % 50 == 49)
            peer_settle(&peer);
        peer_number(&peer, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
    }
    stream = peer_call(&peer, "/bench.Echo/Unary", &body, END_STREAM);
    check_answer("a-call-after-800-cancels", &peer, stream, began, "status:0");
    bytes_free(&body);
}

/* ---- MadeYouReset (CVE-2025-8671) ---- */

/* Makes the other end reset a stream that it serves. */
typedef bool provoke_fn(struct peer *peer, uint32_t stream);

static bool update_by_nothing(struct peer *peer, uint32_t stream)
{
    return peer_number(peer, NGHTTP2_WINDOW_UPDATE, stream, 0);
}

static bool overflow_window(struct peer *peer, uint32_t stream)
{
    return peer_number(peer, NGHTTP2_WINDOW_UPDATE, stream, HUGE_WINDOW);
}

static bool depend_on_itself(struct peer *peer, uint32_t stream)
{
    uint8_t payload[5] = {(uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
                          (uint8_t)stream, 16};

    return peer_frame(peer, NGHTTP2_PRIORITY, 0, stream, payload, sizeof payload);
}

static bool send_short_priority(struct peer *peer, uint32_t stream)
{
    return peer_frame(peer, NGHTTP2_PRIORITY, 0, stream, "\0", 1);
}

static bool send_behind_end(struct peer *peer, uint32_t stream)
{
    return peer_frame(peer, NGHTTP2_DATA, END_STREAM, stream, NULL, 0) &&
           peer_frame(peer, NGHTTP2_DATA, 0, stream, "behind", 6);
}

static bool send_bad_trailers(struct peer *peer, uint32_t stream)
{
    struct bytes block = {0};
    bool goes_on;

    block_field(&block, ":path", "/again");
    goes_on =
        peer_frame(peer, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, stream, block.data, block.size);
    bytes_free(&block);
    return goes_on;
}

static bool send_past_content_length(struct peer *peer, uint32_t stream)
{
    return peer_frame(peer, NGHTTP2_DATA, 0, stream, "more than one", 13);
}

static const struct provocation {
    const char *name;
    provoke_fn *provoke;
    const char *content_length;
} provocations[] = {
    {"window-update-of-0", update_by_nothing, NULL},
    {"stream-window-overflow", overflow_window, NULL},
    {"depends-on-itself", depend_on_itself, NULL},
    {"short-priority", send_short_priority, NULL},
    {"data-behind-the-end", send_behind_end, NULL},
    {"pseudo-header-in-trailers", send_bad_trailers, NULL},
    {"more-than-content-length", send_past_content_length, "1"},
};

static void make_reset(const struct target *target, const struct provocation *p)
{
    struct peer peer = {.window = WINDOW};
    struct bytes block = {0};
    uint64_t began = now_ns();
    bool goes_on = true;

    block_request(&block, "/bench.Echo/Chat");
    if (p->content_length != NULL)
        block_field(&block, "content-length", p->content_length);
    peer_open(&peer, target->address, MS);
    for (size_t i = 0; i < STREAMS && goes_on; i++) {
        goes_on = p->provoke(&peer, peer_request(&peer, &block, 0));
        /* Else the writer is far ahead of what it provokes. */
        if (i % 100 == 99)
            goes_on = peer_settle(&peer);
    }
    peer_flush(&peer);
    check_end(p->name, &peer, began, "goaway");
    bytes_free(&block);
}

static void made_you_reset(const struct target *target)
{
    for (size_t i = 0; i < sizeof provocations / sizeof provocations[0]; i++)
        make_reset(target, &provocations[i]);
}

/* ---- more streams than allowed ---- */

static void count_refused(struct peer *peer, unsigned streams)
{
    unsigned refused = 0, open = 0;
    char got[64];

    for (unsigned i = 0; i < streams && i < peer->answer_count; i++) {
        refused += peer->answers[i].reset == NGHTTP2_REFUSED_STREAM;
        open += !peer->answers[i].ended;
    }
    snprintf(got, sizeof got, "refused:%u,open:%u", refused, open);
    check_text("300-at-once", got, "refused:200,open:100");
}

/* All in one write, so that its maximum is not known yet; and when it is. */
static void too_many_streams(const struct target *target)
{
    struct peer *peer = keep_peer();
    struct peer second = {.window = WINDOW};
    uint64_t began = now_ns();
    uint32_t stream = 0;

    *peer = (struct peer){.window = WINDOW};
    peer_open(peer, target->address, MS);
    for (unsigned i = 0; i < 300; i++)
        peer_call(peer, "/bench.Echo/Chat", NULL, 0);
    peer_settle(peer);
    count_refused(peer, 300);
    peer_open(&second, target->address, MS);
    peer_settle(&second);
    peer_frame(&second, NGHTTP2_SETTINGS, ACK, 0, NULL, 0);
    for (unsigned i = 0; i < 101; i++)
        stream = peer_call(&second, "/bench.Echo/Chat", NULL, 0);
    peer_flush(&second);
    check_answer("one-more-than-it-said", &second, stream, began, "reset:7|goaway");
}

/* ---- windows ---- */

/* Sends 1 MiB on each stream, whatever its window: nobody reads the echoes. */
static void violate_windows(const struct target *target, const char *name, unsigned streams)
{
    struct peer peer = {.window = 0};
    struct bytes body = {0};
    uint64_t began = now_ns();
    bool goes_on = true;

    while (body.size < 1 << 20)
        message_add_req(&body, &(struct req){.data_size = 1000});
    peer_open(&peer, target->address, MS);
    for (unsigned i = 0; i < streams && goes_on; i++) {
        uint32_t stream = peer_call(&peer, "/bench.Echo/Chat", NULL, 0);

        goes_on = peer_body(&peer, stream, &body, 0);
    }
    peer_flush(&peer);
    if (streams == 1)
        check_answer(name, &peer, 1, began, "reset:3|goaway:3");
    else
        check_end(name, &peer, began, "goaway:3|goaway:11|open");
    bytes_free(&body);
}

static void window_violation(const struct target *target)
{
    violate_windows(target, "1-MiB-on-a-stream", 1);
    violate_windows(target, "1-MiB-on-90-streams", 90);
}

static struct peer *stall(const struct target *target, uint32_t window, uint32_t size)
{
    struct peer *peer = keep_peer();
    struct bytes body = {0};

    *peer = (struct peer){.window = window, .connection_window = HUGE_WINDOW};
    message_add_req(&body, &(struct req){.count = 1000000, .size = size});
    peer_open(peer, target->address, MS);
    for (unsigned i = 0; i < STALLED_STREAMS; i++)
        peer_call(peer, "/bench.Echo/Down", &body, END_STREAM);
    peer_settle(peer);
    bytes_free(&body);
    return peer;
}

/* Each byte of a message is let out alone, on all streams in turn. */
static void one_byte_windows(const struct target *target)
{
    struct peer *peer = stall(target, 1, 65536);
    bool goes_on = true;
    char got[64];

    for (size_t i = 0; i < times(target, 500) && goes_on; i++) {
        for (uint32_t k = 0; k < STALLED_STREAMS && goes_on; k++)
            goes_on = peer_number(peer, NGHTTP2_WINDOW_UPDATE, k * 2 + 1, 1);
        goes_on = goes_on && peer_settle(peer);
    }
    snprintf(got, sizeof got, "%s,bytes:%llu", peer->goaway ? "goaway" : "open",
             (unsigned long long)peer->data);
    check_text("a-byte-at-a-time", got, "open|goaway");
}

static void closed_windows(const struct target *target)
{
    for (int i = 0; i < 3; i++) {
        struct peer *peer = stall(target, 0, 32768);

        check_text("100-streams-at-window-0", peer->data == 0 ? "no-data" : "data", "no-data");
    }
}

const struct row stream_rows[] = {
    {"rapid-reset", rapid_resets},          {"honest-cancels", honest_cancels},
    {"made-you-reset", made_you_reset},     {"too-many-streams", too_many_streams},
    {"window-violation", window_violation}, {"one-byte-windows", one_byte_windows},
    {"closed-windows", closed_windows},     {NULL, NULL},
};
