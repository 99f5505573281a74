/* SPDX-License-Identifier: MIT */
/*
 * h2.h - the client end of one gRPC connection, made to cost less than any server it loads.
 *
 * It writes frames by hand and decodes only what it must check: header blocks go through nghttp2's
 * HPACK decoder, every status and every message is looked at. It understands what gRPC servers send
 * and calls the rest (padding, CONTINUATION, a smaller header table) an error instead of guessing.
 */
#ifndef BENCH_H2_H
#define BENCH_H2_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    H2_FRAME_HEAD = 9,
    H2_FRAME_MAX = 16384,
    H2_BLOCK_MAX = 512,
    H2_KEEP = 256 /* so many bytes of a message that came in pieces are kept for on_message */
};

/* The header block of a request: the one that fills the peer's table, and all later ones. */
struct h2_request {
    uint8_t first[H2_BLOCK_MAX];
    size_t first_size;
    uint8_t next[H2_BLOCK_MAX];
    size_t next_size;
};

/* What a call sends: `size` bytes that repeat each `period` bytes. `pattern` holds period +
 * H2_FRAME_MAX bytes, so that any frame is one piece of it. */
struct h2_body {
    const uint8_t *pattern;
    size_t period;
    uint64_t size;
    bool open; /* no END_STREAM after it */
};

struct h2_stream {
    uint32_t id; /* 0: no call */
    unsigned slot;
    bool got_headers;
    bool queued; /* in the connection's list of those that have something to send */
    bool closed; /* END_STREAM was sent */
    struct h2_stream *next;
    const struct h2_body *body;
    uint64_t sent;
    int64_t send_window;
    uint64_t uncredited;
    uint32_t message_size; /* of the message that is coming in pieces */
    uint32_t message_seen;
    unsigned prefix_seen;
    uint8_t prefix[5];
    uint8_t kept[H2_KEEP];
};

struct h2;

struct h2_events {
    /* A message of `size` bytes; the first `given` of them are at data. */
    bool (*message)(struct h2 *c, struct h2_stream *s, const uint8_t *data, size_t given,
                    size_t size);
    /* The call is over and s is free again; status is gRPC's, or -1, and then `why` says more. */
    void (*end)(struct h2 *c, struct h2_stream *s, int status, const char *why);
};

struct h2_config {
    const struct h2_events *events;
    const struct h2_request *request;
    uint32_t stream_window;
    uint32_t connection_window;
    bool credit; /* send WINDOW_UPDATEs as messages come */
};

struct h2 {
    int fd;
    struct ssl_st *tls; /* NULL: none */
    const struct h2_config *config;
    nghttp2_hd_inflater *inflater;
    struct h2_stream *
        *streams; /* by slot; ids[i] is streams[i]->id, close together to be searched */
    uint32_t *ids;
    unsigned stream_count;
    unsigned hint;
    uint32_t next_id;
    bool ready; /* the peer's SETTINGS came */
    uint32_t max_streams;
    unsigned pongs;
    uint32_t peer_window; /* what a new stream may send */
    int64_t send_window;
    uint64_t uncredited;
    uint64_t received;       /* bytes of DATA */
    struct h2_stream *first; /* those with something to send */
    struct h2_stream **last;

    uint8_t *out;
    size_t out_size;
    size_t out_sent;
    size_t out_capacity;

    uint8_t carry[H2_FRAME_HEAD + H2_FRAME_MAX]; /* the beginning of a frame that is not DATA */
    size_t carry_size;
    uint32_t data_left; /* of the DATA frame that is coming in */
    struct h2_stream *data_stream;
    bool data_end;
    char error[160]; /* why h2_input or h2_flush said false */
};

/* Header blocks of a POST to `path`; false when HPACK failed. */
bool h2_request_make(struct h2_request *request, const char *path, const char *authority);

/* Takes a connected socket, with TLS or NULL, and queues the preface. `streams` are the slots for
 * calls. */
bool h2_init(struct h2 *c, const struct h2_config *config, int fd, struct ssl_st *tls,
             struct h2_stream **streams, unsigned count);
void h2_clear(struct h2 *c);

/* Starts a call in a free slot. */
void h2_call(struct h2 *c, struct h2_stream *s, const struct h2_body *body);

/* Gives a call that was left open its last bytes. */
void h2_finish(struct h2 *c, struct h2_stream *s, const struct h2_body *body);

/* Queues a PING; h2.pongs counts the answers. */
void h2_ping(struct h2 *c);

bool h2_input(struct h2 *c, const uint8_t *data, size_t size);

/* Writes what it can; false when the connection broke. h2_wants_write: the socket is full. */
bool h2_flush(struct h2 *c);
bool h2_wants_write(const struct h2 *c);

#endif
