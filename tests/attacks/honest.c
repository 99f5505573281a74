/* SPDX-License-Identifier: MIT */
/*
 * honest.c - clients that do no harm, and are not to be harmed.
 */
#include "attack.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 600 * 1000,
    DATA_SIZE = 100,
    HEAVY_STREAMS = 50,
    HEAVY_AHEAD = 100,
    UPLOAD_MS = 20
};

static bool input_ended(int wait_ms)
{
    struct pollfd set = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&set, 1, wait_ms) > 0;
}

/* ---- unary ---- */

struct times {
    uint64_t *ns;
    size_t count;
    size_t capacity;
    size_t errors;
    int error; /* the status of the last one that failed */
};

static void note(struct times *t, uint64_t ns)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity * 2 + 1024;
        t->ns = realloc(t->ns, t->capacity * sizeof *t->ns);
        if (t->ns == NULL)
            abort();
    }
    t->ns[t->count++] = ns;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double ms_at(const struct times *t, double share)
{
    if (t->count == 0)
        return 0;
    return (double)t->ns[(size_t)((double)(t->count - 1) * share)] / 1e6;
}

static void call_once(struct peer *peer, const struct bytes *body, struct times *t)
{
    uint64_t began = now_ns(), credited = peer->data;
    uint32_t stream = peer_call(peer, "/bench.Echo/Unary", body, END_STREAM);
    const struct answer *answer = peer_answer(peer, stream);

    note(t, now_ns() - began);
    if (answer->status != 0) {
        t->errors++;
        t->error = answer->status;
    }
    if (peer->data != credited)
        peer_number(peer, NGHTTP2_WINDOW_UPDATE, 0, (uint32_t)(peer->data - credited));
}

int honest_unary(const char *address)
{
    struct peer peer = {.window = WINDOW};
    struct bytes body = {0};
    struct times t = {0};

    message_add_req(&body, &(struct req){.data_size = DATA_SIZE});
    peer_open(&peer, address, PATIENCE_MS);
    do {
        call_once(&peer, &body, &t);
        if (t.count == 1)
            printf("ready\n"), fflush(stdout);
    } while (!peer.gone && !input_ended(1));
    qsort(t.ns, t.count, sizeof *t.ns, compare);
    printf("calls=%zu errors=%zu status=%d p50_ms=%.2f p99_ms=%.2f slowest_ms=%.2f\n", t.count,
           t.errors + peer.gone, t.error, ms_at(&t, 0.5), ms_at(&t, 0.99), ms_at(&t, 1));
    peer_free(&peer);
    bytes_free(&body);
    free(t.ns);
    return 0;
}

/* ---- bidi, at full speed ---- */

static void send_messages(struct peer *peer, uint32_t stream, const struct bytes *message,
                          uint64_t count)
{
    while (count-- != 0)
        peer_frame(peer, NGHTTP2_DATA, 0, stream, message->data, message->size);
}

/* For each message that came back one leaves; and each reading is credited at once. */
static void go_on(struct peer *peer, const struct bytes *message, uint64_t credited[])
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < HEAVY_STREAMS; i++) {
        uint64_t came = peer->answers[i].data - credited[i];

        came -= came % message->size;
        if (came == 0)
            continue;
        credited[i] += came;
        all += came;
        peer_number(peer, NGHTTP2_WINDOW_UPDATE, i * 2 + 1, (uint32_t)came);
        send_messages(peer, i * 2 + 1, message, came / message->size);
    }
    if (all != 0)
        peer_number(peer, NGHTTP2_WINDOW_UPDATE, 0, (uint32_t)all);
}

int honest_heavy(const char *address, double seconds)
{
    struct peer peer = {.window = WINDOW};
    struct bytes message = {0};
    uint64_t credited[HEAVY_STREAMS] = {0}, began = now_ns();
    char got[32];

    message_add_req(&message, &(struct req){.data_size = 1});
    peer_open(&peer, address, PATIENCE_MS);
    for (int i = 0; i < HEAVY_STREAMS; i++)
        send_messages(&peer, peer_call(&peer, "/bench.Echo/Chat", NULL, 0), &message, HEAVY_AHEAD);
    peer_settle(&peer);
    while (!peer.gone && !peer.goaway && (double)(now_ns() - began) < seconds * 1e9) {
        go_on(&peer, &message, credited);
        peer_flush(&peer);
        peer_read(&peer, 1);
    }
    printf("messages=%llu\n", (unsigned long long)(peer.data / message.size));
    snprintf(got, sizeof got, "resets:%llu,%s", (unsigned long long)peer.resets,
             peer.goaway ? "goaway"
             : peer.gone ? "gone"
                         : "open");
    check_text("50-streams-of-tiny-messages", got, "resets:0,open");
    peer_free(&peer);
    bytes_free(&message);
    return 0;
}

/* ---- many streams that stall ---- */

/* The sizes of the streams' messages: 16 KiB to 1 MiB, as many of each. */
static uint32_t size_of(unsigned stream)
{
    return UINT32_C(16384) << stream % 7;
}

/* As much as the windows let through: some servers open a connection's only when it is read. */
static void upload_some(struct peer *peer, const struct bytes *upload)
{
    uint32_t stream = peer_call(peer, "/bench.Echo/Chat", NULL, 0);
    uint64_t deadline = peer->deadline;

    peer->polite = true;
    peer->stream_credit = WINDOW;
    peer->deadline = now_ns() + UPLOAD_MS * UINT64_C(1000000);
    peer_body(peer, stream, upload, 0);
    peer->deadline = deadline;
}

/* Nine in ten ask for messages that they do not take; the tenth sends what comes back, and does not
 * take that, so that the other end stops to read it. */
static void open_stalled(struct peer *peer, unsigned streams, const struct bytes *upload)
{
    for (unsigned i = 0; i < streams; i++) {
        struct bytes body = {0};

        message_add_req(&body, &(struct req){.count = 1000000, .size = size_of(i)});
        if (i % 10 != 9)
            peer_call(peer, "/bench.Echo/Down", &body, END_STREAM);
        else
            upload_some(peer, upload);
        bytes_free(&body);
    }
    peer_flush(peer);
}

int hold_streams(const char *address, unsigned connections, unsigned streams)
{
    struct peer *peers = calloc(connections, sizeof *peers);
    struct bytes upload = {0};
    unsigned refused = 0, gone = 0;
    char reason[100] = "";

    while (upload.size < 60000)
        message_add_req(&upload, &(struct req){.data_size = 10000});
    for (unsigned i = 0; i < connections; i++) {
        peers[i] = (struct peer){.window = WINDOW, .connection_window = HUGE_WINDOW};
        /* Until the other end's window is known, what is uploaded would be too much for it. */
        if (peer_open(&peers[i], address, PATIENCE_MS) && peer_settle(&peers[i]))
            open_stalled(&peers[i], streams, &upload);
    }
    printf("holding\n");
    fflush(stdout);
    while (!input_ended(1))
        for (unsigned i = 0; i < connections; i++)
            peer_read(&peers[i], 0);
    for (unsigned i = 0; i < connections; i++) {
        if (peers[i].gone || peers[i].goaway) {
            gone++;
            snprintf(reason, sizeof reason, "%u:%s", peers[i].goaway_code, peers[i].goaway_debug);
        }
        for (size_t k = 0; k < peers[i].answer_count; k++)
            refused += peers[i].answers[k].ended;
        peer_free(&peers[i]);
    }
    printf("%u streams, %u ended, %u connections, %u ended %s\n", connections * streams, refused,
           connections, gone, reason);
    free(peers);
    bytes_free(&upload);
    return 0;
}
