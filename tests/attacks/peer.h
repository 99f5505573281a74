/* SPDX-License-Identifier: MIT */
/*
 * peer.h - one end of an HTTP/2 connection that keeps no rule but those it is told to.
 *
 * Frames and header blocks are written by hand and need not be sound; what comes is cut into frames
 * and noted. Nothing here waits past the peer's time.
 */
#ifndef ATTACKS_PEER_H
#define ATTACKS_PEER_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };
enum { NOT_SET = -1 };
enum { WINDOW = 65535, HUGE_WINDOW = 0x7fffffff }; /* HTTP/2's own, and the largest */

struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_add_number(struct bytes *bytes, uint64_t value, unsigned size); /* big endian */
void bytes_fill(struct bytes *bytes, uint8_t byte, size_t size);
void bytes_free(struct bytes *bytes);

/* ---- header blocks, without HPACK's table ---- */

void block_field(struct bytes *block, const char *name, const char *value);
void block_add(struct bytes *block, const void *name, size_t name_size, const void *value,
               size_t value_size);
/* A field that enters the table, where its index is 62 then. */
void block_index(struct bytes *block, const char *name, const void *value, size_t value_size);

/* :method, :scheme, :path, :authority, te, content-type */
void block_request(struct bytes *block, const char *path);

/* ---- messages ---- */

/* :status 200, content-type */
void block_response(struct bytes *block);

/* gRPC's prefix and a message behind it. */
void message_add(struct bytes *body, unsigned flag, const void *data, size_t size);

/* bench.Req: what is 0 or NULL is left out. */
struct req {
    uint32_t count;
    uint32_t size;
    uint32_t interval_ms;
    size_t data_size; /* so many bytes 'x' */
};
void message_add_req(struct bytes *body, const struct req *req);

/* ---- connections ---- */

/* What came for one stream. NOT_SET: nothing of the kind. */
struct answer {
    int http;
    int status;
    int reset;
    bool ended;
    uint64_t data;
};

struct peer {
    int fd;
    bool server; /* the other end is a client */
    bool deaf;   /* reads nothing while it writes */
    bool polite; /* keeps to the window of the one stream that it sends on */
    bool gone;   /* the other end closed, or the connection broke */
    bool aborted;
    uint64_t deadline; /* ns */
    int64_t credit;    /* of the connection, and of that stream */
    int64_t stream_credit;
    uint32_t window; /* of our streams: SETTINGS_INITIAL_WINDOW_SIZE */
    uint32_t connection_window;
    uint32_t next_stream;

    uint64_t frames; /* that were written, and so on */
    uint64_t streams;
    uint64_t bytes;

    bool goaway;
    uint32_t goaway_code;
    uint32_t goaway_last;
    char goaway_debug[80];
    uint64_t pongs;
    uint64_t settings; /* sent to settle, and acknowledged */
    uint64_t settings_acks;
    uint64_t resets;
    uint64_t data;
    uint64_t requests; /* server: how many came, and the last one's stream */
    uint32_t request_stream;
    struct answer *answers; /* of stream 1, 3, 5, ... */
    size_t answer_count;

    struct bytes out;
    struct bytes in;
    size_t preface_left;
    struct bytes block;
    uint32_t block_stream;
    bool block_ends;
    nghttp2_hd_inflater *inflater;
};

uint64_t now_ns(void);

/* A socket that is connected to HOST:PORT and does not block, or -1. */
int connect_to(const char *address);

/* Connects, and says preface and SETTINGS; `ms` is the time that all of it may take. Sets windows
 * first where they are to be other than HTTP/2's own. False: no connection. */
bool peer_open(struct peer *peer, const char *address, unsigned ms);

/* The server's end, of a socket that was accepted. */
void peer_accept(struct peer *peer, int fd, unsigned ms);
void peer_free(struct peer *peer);

/* Queues; flushes when much is queued. False: there is no use in going on. */
bool peer_frame(struct peer *peer, unsigned type, unsigned flags, uint32_t stream, const void *data,
                size_t size);
bool peer_number(struct peer *peer, unsigned type, uint32_t stream, uint32_t number);
bool peer_settings(struct peer *peer, unsigned id, uint32_t value);
bool peer_raw(struct peer *peer, const void *data, size_t size);
bool peer_flush(struct peer *peer);

/* Opens a stream with a block of END_HEADERS and these flags; its id. */
uint32_t peer_request(struct peer *peer, const struct bytes *block, unsigned flags);

/* The same with gRPC's headers, and a body in frames of at most 16 KiB. */
uint32_t peer_call(struct peer *peer, const char *path, const struct bytes *body, unsigned flags);
bool peer_body(struct peer *peer, uint32_t stream, const struct bytes *body, unsigned flags);

/* Reads what came, and what comes for `ms`, or until the connection ended. */
void peer_read(struct peer *peer, unsigned ms);

/* Reads until the stream ended, the connection ended, or its time is over. */
const struct answer *peer_answer(struct peer *peer, uint32_t stream);

/* Server: reads until a request came; the last one's stream, or 0. */
uint32_t peer_await_request(struct peer *peer);

/* Reads until all that was sent was looked at; false when it is not. */
bool peer_settle(struct peer *peer);

/* Gives a connection that was cut time to show it. */
void peer_wait_end(struct peer *peer, unsigned ms);

#endif
