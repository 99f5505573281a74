/* SPDX-License-Identifier: MIT */
/*
 * peer.h - a raw HTTP/2 peer for a server or a client of weir: it can send anything.
 *
 * What it sends are frames made by hand, with header blocks from nghttp2's HPACK; what it gets is
 * kept as a list of decoded frames. It acknowledges SETTINGS, and does nothing else by itself:
 * windows open when the test says so. Nothing moves before peer_settle.
 *
 * A SERVER_TEST's state is a peer of a server. The connection carries a call of Echo on stream 1,
 * and so does another connection of the same server; after the test that other call must work as if
 * nothing had been. A CLIENT_TEST's state is a peer of a channel, which made a call on stream 1.
 */
#ifndef TESTS_CONN_PEER_H
#define TESTS_CONN_PEER_H

#include "conn/support/memory.h"
#include "conn/support/service.h"

#include <nghttp2/nghttp2.h>

struct field {
    char *name; /* NUL-terminated, as the value */
    char *value;
    size_t value_size;
};

struct frame {
    uint8_t type;
    uint8_t flags;
    int32_t stream;
    size_t size;
    uint8_t *payload; /* DATA: without padding; HEADERS: NULL */
    struct field *fields;
    size_t field_count;
};

struct buffer {
    uint8_t *data;
    size_t size;
    size_t taken;
};

struct peer {
    weir_loop *loop;
    weir_transport transport;
    weir_server *server; /* its peer; NULL: the channel's */
    weir_channel *channel;
    struct service *service;
    weir_connection *connection; /* NULL once closed */
    struct peer *other;          /* another connection of the same server */
    struct reader neighbour;     /* client: the call on stream 1 */
    struct source *requests;     /* ... and what it sends */
    bool one_byte;
    bool mute;    /* acknowledges no SETTINGS */
    bool deaf;    /* takes nothing of what is sent to it */
    bool refused; /* its bytes were an error */
    bool pending; /* the connection may have output */
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    struct buffer out;   /* to be sent by peer_settle */
    struct buffer in;    /* not parsed yet */
    struct buffer block; /* of header fields, not complete yet */
    struct frame *frames;
    size_t frame_count;
    size_t preface_left; /* of a client's magic, to be skipped */
    uint64_t received;   /* bytes */
    int32_t last_stream; /* the highest id that a request was made with */
    struct source sources[8];
    unsigned source_count;
};

/* A server of this kind and a connection to it; the preface and SETTINGS are sent. */
struct peer *peer_of_server(const weir_server_options *options);

/* Another connection to the same server, with a window's SETTINGS sent. */
struct peer *peer_beside(struct peer *peer);

/* A channel of this kind, whose connection is this peer. */
struct peer *peer_of_client(const weir_channel_options *options);
void peer_free(struct peer *peer);

/* Client: makes a call; the stream's id is told when it left. */
int32_t peer_call(struct peer *peer, struct reader *reader, const char *method,
                  weir_stream requests);

/* A copy that lives as long as the peer. */
struct source *peer_source(struct peer *peer, struct source source);

/* ---- sending ---- */

void peer_send(struct peer *peer, const void *data, size_t size);
void peer_frame(struct peer *peer, uint8_t type, unsigned flags, int32_t stream,
                const void *payload, size_t size);

/* A HEADERS frame of the pairs, up to NULL. END_HEADERS is set. */
void peer_headers(struct peer *peer, int32_t stream, unsigned flags, ...);

/* A request of gRPC, and further pairs up to NULL. */
void peer_request(struct peer *peer, int32_t stream, unsigned flags, const char *path, ...);

/* The header block of these fields, in the peer's HPACK state; malloc'd. */
uint8_t *peer_block(struct peer *peer, const nghttp2_nv *fields, size_t count, size_t *size);

void peer_data(struct peer *peer, int32_t stream, unsigned flags, const void *data, size_t size);

/* DATA with `padding` bytes of padding, and the byte that says so. */
void peer_padded(struct peer *peer, int32_t stream, unsigned flags, const void *data, size_t size,
                 uint8_t padding);

/* A message of `text` in a DATA frame; the same for `size` bytes, in as many frames as it takes. */
void peer_message(struct peer *peer, int32_t stream, unsigned flags, const char *text);
void peer_large_message(struct peer *peer, int32_t stream, unsigned flags, size_t size);

void peer_reset(struct peer *peer, int32_t stream, uint32_t error);
void peer_window(struct peer *peer, int32_t stream, uint32_t increment);
void peer_settings(struct peer *peer, uint16_t id, uint32_t value);
void peer_goaway(struct peer *peer, int32_t last, uint32_t error);

/* Moves everything both ways until nothing is left to do; peer_advance lets time pass. */
void peer_settle(struct peer *peer);
void peer_advance(struct peer *peer, uint64_t ns);

/* ---- what came ---- */

/* The nth frame of this type on this stream; NULL: there is none. */
const struct frame *peer_find(const struct peer *peer, uint8_t type, int32_t stream, size_t nth);
size_t peer_count(const struct peer *peer, uint8_t type, int32_t stream);

/* NULL where it has none. */
const char *frame_field(const struct frame *frame, const char *name);
uint32_t frame_number(const struct frame *frame, size_t offset);

/* Bytes of DATA on this stream, and whether they are this text behind a prefix, from `skip` on. */
size_t peer_body_size(const struct peer *peer, int32_t stream);
bool peer_body_has(const struct peer *peer, int32_t stream, size_t skip, const char *text);

/* All window updates of a stream (0: the connection) so far. */
uint64_t peer_credit(const struct peer *peer, int32_t stream);

/* ---- expectations ---- */

/* The stream ended with this grpc-status. */
#define expect_status(peer, stream, code) expect_status_at(peer, stream, code, __FILE__, __LINE__)
void expect_status_at(const struct peer *peer, int32_t stream, weir_code code, const char *file,
                      int line);

/* It was reset with this error. */
#define expect_reset(peer, stream, error) expect_reset_at(peer, stream, error, __FILE__, __LINE__)
void expect_reset_at(const struct peer *peer, int32_t stream, uint32_t error, const char *file,
                     int line);

/* The connection ended with a GOAWAY of this error. */
#define expect_goaway(peer, error) expect_goaway_at(peer, error, __FILE__, __LINE__)
void expect_goaway_at(const struct peer *peer, uint32_t error, const char *file, int line);

/* The connection goes on: the call on stream 1 works, and so does a new one. */
#define expect_unharmed(peer) expect_unharmed_at(peer, __FILE__, __LINE__)
void expect_unharmed_at(struct peer *peer, const char *file, int line);

int server_setup_whole(void **state);
int server_setup_bytes(void **state);
int client_setup_whole(void **state);
int client_setup_bytes(void **state);
int peer_teardown(void **state);

#define SERVER_TEST(claim)                                                                         \
    TEST_ROW(#claim, claim, server_setup_whole, peer_teardown),                                    \
        TEST_ROW(#claim " (byte by byte)", claim, server_setup_bytes, peer_teardown)
#define CLIENT_TEST(claim)                                                                         \
    TEST_ROW(#claim, claim, client_setup_whole, peer_teardown),                                    \
        TEST_ROW(#claim " (byte by byte)", claim, client_setup_bytes, peer_teardown)
#define SERVER_TEST_WHOLE(claim) TEST_ROW(#claim, claim, server_setup_whole, peer_teardown)

#define END_STREAM NGHTTP2_FLAG_END_STREAM
#define END_HEADERS NGHTTP2_FLAG_END_HEADERS

/* The headers of a response of gRPC, for peer_headers. */
#define RESPONSE ":status", "200", "content-type", "application/grpc"

#endif
