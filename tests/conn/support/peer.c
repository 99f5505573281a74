/* SPDX-License-Identifier: MIT */
/*
 * peer.c - a raw HTTP/2 peer: what it sends, and its life.
 */
#include "conn/support/peer.h"

#include "conn/support/frames.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 64
/* A driver reads a socket in pieces, too. */
#define READ_SIZE ((size_t)64 * 1024)

/* ---- sending ---- */

void peer_send(struct peer *peer, const void *data, size_t size)
{
    buffer_add(&peer->out, data, size);
}

static void write_number(uint8_t *out, uint32_t number, unsigned bytes)
{
    while (bytes-- != 0) {
        out[bytes] = (uint8_t)number;
        number >>= 8;
    }
}

void peer_frame(struct peer *peer, uint8_t type, unsigned flags, int32_t stream,
                const void *payload, size_t size)
{
    uint8_t header[9];

    write_number(header, (uint32_t)size, 3);
    header[3] = type;
    header[4] = (uint8_t)flags;
    write_number(header + 5, (uint32_t)stream, 4);
    peer_send(peer, header, sizeof header);
    peer_send(peer, payload, size);
}

uint8_t *peer_block(struct peer *peer, const nghttp2_nv *fields, size_t count, size_t *size)
{
    size_t bound = nghttp2_hd_deflate_bound(peer->deflater, fields, count);
    uint8_t *block = malloc(bound);
    ssize_t used = nghttp2_hd_deflate_hd(peer->deflater, block, bound, fields, count);

    assert_true(used >= 0);
    *size = (size_t)used;
    return block;
}

static size_t add_fields(nghttp2_nv *fields, size_t count, va_list pairs)
{
    const char *name;

    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        assert_true(count < MAX_FIELDS);
        fields[count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                                       strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
    }
    return count;
}

static void send_fields(struct peer *peer, int32_t stream, unsigned flags, const nghttp2_nv *fields,
                        size_t count)
{
    size_t size;
    uint8_t *block = peer_block(peer, fields, count, &size);

    peer_frame(peer, NGHTTP2_HEADERS, flags | END_HEADERS, stream, block, size);
    free(block);
}

void peer_headers(struct peer *peer, int32_t stream, unsigned flags, ...)
{
    nghttp2_nv fields[MAX_FIELDS];
    va_list pairs;
    size_t count;

    va_start(pairs, flags);
    count = add_fields(fields, 0, pairs);
    va_end(pairs);
    if (stream > peer->last_stream)
        peer->last_stream = stream;
    send_fields(peer, stream, flags, fields, count);
}

static size_t add_these(nghttp2_nv *fields, ...)
{
    va_list pairs;
    size_t count;

    va_start(pairs, fields);
    count = add_fields(fields, 0, pairs);
    va_end(pairs);
    return count;
}

void peer_request(struct peer *peer, int32_t stream, unsigned flags, const char *path, ...)
{
    nghttp2_nv fields[MAX_FIELDS];
    va_list pairs;
    size_t count =
        add_these(fields, ":method", "POST", ":scheme", "http", ":path", path, ":authority", "host",
                  "te", "trailers", "content-type", "application/grpc", NULL);

    va_start(pairs, path);
    count = add_fields(fields, count, pairs);
    va_end(pairs);
    if (stream > peer->last_stream)
        peer->last_stream = stream;
    send_fields(peer, stream, flags, fields, count);
}

void peer_data(struct peer *peer, int32_t stream, unsigned flags, const void *data, size_t size)
{
    peer_frame(peer, NGHTTP2_DATA, flags, stream, data, size);
}

void peer_padded(struct peer *peer, int32_t stream, unsigned flags, const void *data, size_t size,
                 uint8_t padding)
{
    uint8_t *payload = calloc(1, 1 + size + padding);

    payload[0] = padding;
    if (size != 0)
        memcpy(payload + 1, data, size);
    peer_frame(peer, NGHTTP2_DATA, flags | NGHTTP2_FLAG_PADDED, stream, payload,
               1 + size + padding);
    free(payload);
}

void peer_message(struct peer *peer, int32_t stream, unsigned flags, const char *text)
{
    size_t size = strlen(text);
    uint8_t *payload = calloc(1, 5 + size);

    write_number(payload + 1, (uint32_t)size, 4);
    memcpy(payload + 5, text, size);
    peer_data(peer, stream, flags, payload, 5 + size);
    free(payload);
}

void peer_large_message(struct peer *peer, int32_t stream, unsigned flags, size_t size)
{
    size_t all = 5 + size;
    uint8_t *payload = calloc(1, all);

    write_number(payload + 1, (uint32_t)size, 4);
    for (size_t at = 0; at < all; at += 16384) {
        size_t part = all - at < 16384 ? all - at : 16384;

        peer_data(peer, stream, at + part == all ? flags : 0, payload + at, part);
    }
    free(payload);
}

void peer_reset(struct peer *peer, int32_t stream, uint32_t error)
{
    uint8_t payload[4];

    write_number(payload, error, 4);
    peer_frame(peer, NGHTTP2_RST_STREAM, 0, stream, payload, sizeof payload);
}

void peer_window(struct peer *peer, int32_t stream, uint32_t increment)
{
    uint8_t payload[4];

    write_number(payload, increment, 4);
    peer_frame(peer, NGHTTP2_WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

void peer_settings(struct peer *peer, uint16_t id, uint32_t value)
{
    uint8_t payload[6];

    write_number(payload, id, 2);
    write_number(payload + 2, value, 4);
    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, payload, sizeof payload);
}

void peer_goaway(struct peer *peer, int32_t last, uint32_t error)
{
    uint8_t payload[8];

    write_number(payload, (uint32_t)last, 4);
    write_number(payload + 4, error, 4);
    peer_frame(peer, NGHTTP2_GOAWAY, 0, 0, payload, sizeof payload);
}

/* ---- moving ---- */

static bool deliver(struct peer *peer)
{
    struct buffer *out = &peer->out;
    size_t left = out->size - out->taken;
    size_t size = peer->one_byte ? 1 : left < READ_SIZE ? left : READ_SIZE;

    if (left == 0 || peer->refused || peer->connection == NULL ||
        !weir_connection_wants_input(peer->connection))
        return false;
    if (weir_connection_input(peer->connection, out->data + out->taken, size) != WEIR_OK)
        peer->refused = true;
    out->taken += size;
    if (out->taken == out->size)
        out->taken = out->size = 0;
    return true;
}

static bool collect(struct peer *peer)
{
    weir_slice slice;

    if (!peer->pending || peer->deaf || peer->connection == NULL)
        return false;
    peer->pending = weir_connection_output(peer->connection, &slice, 1) != 0;
    if (!peer->pending)
        return false;
    buffer_add(&peer->in, slice.data, slice.size);
    peer->received += slice.size;
    weir_connection_output_done(peer->connection, slice.size);
    frames_parse(peer);
    return true;
}

static bool move(struct peer *peer)
{
    bool moved = deliver(peer);

    moved |= collect(peer);
    if (peer->connection != NULL && weir_connection_done(peer->connection)) {
        weir_connection_eof(peer->connection, "closed by the peer");
        weir_connection_free(peer->connection);
        peer->connection = NULL;
        moved = true;
    }
    return moved;
}

static void take_names(weir_loop *loop)
{
    weir_connection *connection;

    while ((connection = weir_loop_next(loop)) != NULL) {
        struct peer *peer = weir_connection_driver(connection);

        if (peer != NULL)
            peer->pending = true;
        else if (weir_connection_done(connection))
            weir_connection_free(connection);
    }
}

void peer_settle(struct peer *peer)
{
    bool moved = true;

    while (moved) {
        weir_loop_turn(peer->loop, now);
        take_names(peer->loop);
        moved = move(peer);
        if (peer->other != NULL)
            moved |= move(peer->other);
        moved |= weir_loop_wakeup(peer->loop) <= now;
    }
}

void peer_advance(struct peer *peer, uint64_t ns)
{
    uint64_t until = now + ns;

    peer_settle(peer);
    while (weir_loop_wakeup(peer->loop) <= until) {
        now = weir_loop_wakeup(peer->loop);
        peer_settle(peer);
    }
    now = until;
    peer_settle(peer);
}

/* ---- life ---- */

static struct peer *create(void)
{
    struct peer *peer = calloc(1, sizeof *peer);

    assert_int_equal(nghttp2_hd_deflate_new(&peer->deflater, 4096), 0);
    assert_int_equal(nghttp2_hd_inflate_new(&peer->inflater), 0);
    return peer;
}

static void accept_peer(struct peer *peer)
{
    assert_int_equal(
        weir_server_accept(peer->server, peer->loop, "peer:1", &peer->connection, NULL), WEIR_OK);
    weir_connection_set_driver(peer->connection, peer);
    peer_send(peer, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

struct peer *peer_of_server(const weir_server_options *options)
{
    struct peer *peer = create();
    weir_server_options with_loop = {0};

    if (options != NULL)
        with_loop = *options;
    else
        with_loop.keepalive_ns =
            WEIR_NEVER; /* hours pass, and this peer answers no pings by itself */
    peer->service = calloc(1, sizeof *peer->service);
    assert_int_equal(weir_loop_create(NULL, &peer->loop, NULL), WEIR_OK);
    with_loop.loop = peer->loop;
    assert_int_equal(weir_server_create(&with_loop, &peer->server, NULL), WEIR_OK);
    service_add(peer->service, peer->server);
    accept_peer(peer);
    return peer;
}

struct peer *peer_beside(struct peer *peer)
{
    struct peer *other = create();

    other->loop = peer->loop;
    other->server = peer->server;
    other->service = peer->service;
    accept_peer(other);
    peer->other = other;
    return other;
}

/* Only the first connection is this peer: none other can be made. */
static void on_connect(void *self, weir_connection *connection, const char *address)
{
    struct peer *peer = self;

    if (peer->connection != NULL || peer->received != 0) {
        weir_connection_eof(connection, "connection refused");
        return;
    }
    peer->connection = connection;
    weir_connection_set_driver(connection, peer);
    peer->pending = true;
    weir_connection_open(connection, address);
    peer->preface_left = NGHTTP2_CLIENT_MAGIC_LEN;
    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

struct peer *peer_of_client(const weir_channel_options *options)
{
    struct peer *peer = create();
    weir_loop_options loop = {.transport = &peer->transport};
    weir_channel_options with_loop = {0};

    if (options != NULL)
        with_loop = *options;
    peer->transport = (weir_transport){on_connect, peer};
    assert_int_equal(weir_loop_create(&loop, &peer->loop, NULL), WEIR_OK);
    with_loop.loop = peer->loop;
    assert_int_equal(weir_channel_create("server:1", &with_loop, &peer->channel, NULL), WEIR_OK);
    return peer;
}

int32_t peer_call(struct peer *peer, struct reader *reader, const char *method,
                  weir_stream requests)
{
    weir_call *call = weir_call_create(method);
    size_t before = peer->frame_count;

    reader_init(reader, weir_channel_call(peer->channel, call, requests), call);
    weir_call_unref(call);
    peer_settle(peer);
    for (size_t i = before; i < peer->frame_count; i++) {
        if (peer->frames[i].type == NGHTTP2_HEADERS)
            return peer->frames[i].stream;
    }
    return 0;
}

struct source *peer_source(struct peer *peer, struct source source)
{
    assert_true(peer->source_count < COUNT_OF(peer->sources));
    peer->sources[peer->source_count] = source;
    return &peer->sources[peer->source_count++];
}

static void drop_connection(struct peer *peer)
{
    if (peer->connection == NULL)
        return;
    weir_connection_eof(peer->connection, "cut");
    weir_connection_free(peer->connection);
    peer->connection = NULL;
}

static void free_peer(struct peer *peer)
{
    frames_clear(peer);
    nghttp2_hd_deflate_del(peer->deflater);
    nghttp2_hd_inflate_del(peer->inflater);
    free(peer->out.data);
    free(peer->in.data);
    free(peer->block.data);
    free(peer);
}

void peer_free(struct peer *peer)
{
    weir_total_usage usage = {0};

    if (peer->service != NULL)
        service_clear(peer->service);
    reader_clear(&peer->neighbour);
    weir_channel_unref(peer->channel);
    peer->deaf = true;
    weir_loop_turn(peer->loop, now);
    drop_connection(peer);
    if (peer->other != NULL)
        drop_connection(peer->other);
    weir_loop_turn(peer->loop, now);
    take_names(peer->loop);
    if (peer->server != NULL)
        weir_server_usage(peer->server, &usage);
    assert_int_equal(usage.held, 0);
    weir_server_free(peer->server);
    weir_loop_free(peer->loop);
    free(peer->service);
    if (peer->other != NULL)
        free_peer(peer->other);
    free_peer(peer);
}

/* ---- tests ---- */

static int server_setup(void **state, bool one_byte)
{
    struct peer *peer;

    now = WEIR_SECONDS(1000);
    memory_install();
    peer = peer_of_server(NULL);
    peer->one_byte = one_byte;
    peer_beside(peer);
    peer_request(peer, 1, 0, "/t.T/Echo", NULL);
    peer_request(peer->other, 1, 0, "/t.T/Echo", NULL);
    peer_settle(peer);
    *state = peer;
    return 0;
}

static int client_setup(void **state, bool one_byte)
{
    struct peer *peer;

    now = WEIR_SECONDS(1000);
    memory_install();
    peer = peer_of_client(NULL);
    peer->one_byte = one_byte;
    peer->requests = peer_source(peer, (struct source){.size = 5});
    peer->last_stream = 1;
    *state = peer;
    return peer_call(peer, &peer->neighbour, "/n.N/Neighbour", source_stream(peer->requests)) != 1;
}

int server_setup_whole(void **state)
{
    return server_setup(state, false);
}

int server_setup_bytes(void **state)
{
    return server_setup(state, true);
}

int client_setup_whole(void **state)
{
    return client_setup(state, false);
}

int client_setup_bytes(void **state)
{
    return client_setup(state, true);
}

static bool other_works(struct peer *peer)
{
    size_t before;

    if (peer->other == NULL)
        return true;
    before = peer_body_size(peer->other, 1);
    peer_message(peer->other, 1, 0, "other");
    peer_settle(peer);
    return peer_body_has(peer->other, 1, before, "other");
}

int peer_teardown(void **state)
{
    bool works = other_works(*state);

    if (!works)
        print_error("the other connection's call does not work any more\n");
    peer_free(*state);
    return !works || memory_held() != 0;
}
