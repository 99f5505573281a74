/* SPDX-License-Identifier: MIT */
/*
 * frames.c - what a peer got, cut into frames and decoded, and what is expected of it.
 */
#include "conn/support/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    size_t left = buffer->size - buffer->taken;

    if (size == 0)
        return;
    if (buffer->taken > left) {
        memmove(buffer->data, buffer->data + buffer->taken, left);
        buffer->size = left;
        buffer->taken = 0;
    }
    buffer->data = realloc(buffer->data, buffer->size + size);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

static uint32_t read_number(const uint8_t *data, unsigned bytes)
{
    uint32_t number = 0;

    while (bytes-- != 0)
        number = number << 8 | *data++;
    return number;
}

/* ---- parsing ---- */

static char *copy_text(const uint8_t *data, size_t size)
{
    char *copy = calloc(1, size + 1);

    memcpy(copy, data, size);
    return copy;
}

static void add_field(struct frame *frame, const nghttp2_nv *nv)
{
    frame->fields = realloc(frame->fields, (frame->field_count + 1) * sizeof *frame->fields);
    frame->fields[frame->field_count++] = (struct field){
        copy_text(nv->name, nv->namelen), copy_text(nv->value, nv->valuelen), nv->valuelen};
}

static void inflate(struct peer *peer, struct frame *frame)
{
    const uint8_t *in = peer->block.data;
    size_t size = peer->block.size;
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        ssize_t used = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, in, size, 1);

        assert_true(used >= 0);
        in += used;
        size -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            add_field(frame, &nv);
    }
    nghttp2_hd_inflate_end_headers(peer->inflater);
    peer->block.size = 0;
}

static struct frame *new_frame(struct peer *peer, struct frame frame)
{
    peer->frames = realloc(peer->frames, (peer->frame_count + 1) * sizeof *peer->frames);
    peer->frames[peer->frame_count] = frame;
    return &peer->frames[peer->frame_count++];
}

/* A CONTINUATION belongs to the HEADERS frame before it, which gets its fields and END_HEADERS. */
static void keep_headers(struct peer *peer, struct frame frame, const uint8_t *payload)
{
    struct frame *kept;

    assert_int_equal(frame.flags & (NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY), 0);
    buffer_add(&peer->block, payload, frame.size);
    if (frame.type == NGHTTP2_HEADERS)
        kept = new_frame(peer, frame);
    else
        kept = &peer->frames[peer->frame_count - 1];
    kept->flags |= frame.flags;
    if (frame.flags & END_HEADERS)
        inflate(peer, kept);
}

static void keep(struct peer *peer, struct frame frame, const uint8_t *payload)
{
    if (frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION) {
        keep_headers(peer, frame, payload);
        return;
    }
    frame.payload = (uint8_t *)copy_text(payload, frame.size);
    new_frame(peer, frame);
    if (frame.type == NGHTTP2_SETTINGS && (frame.flags & NGHTTP2_FLAG_ACK) == 0 && !peer->mute)
        peer_frame(peer, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

static void skip_preface(struct peer *peer)
{
    size_t size = peer->in.size - peer->in.taken;

    if (size > peer->preface_left)
        size = peer->preface_left;
    peer->in.taken += size;
    peer->preface_left -= size;
}

void frames_parse(struct peer *peer)
{
    struct buffer *in = &peer->in;

    skip_preface(peer);
    while (in->size - in->taken >= 9) {
        const uint8_t *header = in->data + in->taken;
        struct frame frame = {
            .size = read_number(header, 3),
            .type = header[3],
            .flags = header[4],
            .stream = (int32_t)read_number(header + 5, 4),
        };

        if (in->size - in->taken < 9 + frame.size)
            return;
        keep(peer, frame, header + 9);
        in->taken += 9 + frame.size;
    }
}

void frames_clear(struct peer *peer)
{
    for (size_t i = 0; i < peer->frame_count; i++) {
        struct frame *frame = &peer->frames[i];

        for (size_t k = 0; k < frame->field_count; k++) {
            free(frame->fields[k].name);
            free(frame->fields[k].value);
        }
        free(frame->fields);
        free(frame->payload);
    }
    free(peer->frames);
}

void frames_print(const struct peer *peer)
{
    for (size_t i = 0; i < peer->frame_count; i++) {
        const struct frame *frame = &peer->frames[i];

        print_message("type %u flags %u stream %d size %zu", frame->type, frame->flags,
                      (int)frame->stream, frame->size);
        for (size_t k = 0; k < frame->field_count; k++)
            print_message(" %s=%.60s", frame->fields[k].name, frame->fields[k].value);
        for (size_t k = 0; k + 4 <= frame->size && k < 8 && frame->payload != NULL; k += 4)
            print_message(" %u", frame_number(frame, k));
        print_message("\n");
    }
}

/* ---- what came ---- */

const struct frame *peer_find(const struct peer *peer, uint8_t type, int32_t stream, size_t nth)
{
    for (size_t i = 0; i < peer->frame_count; i++) {
        const struct frame *frame = &peer->frames[i];

        if (frame->type == type && frame->stream == stream && nth-- == 0)
            return frame;
    }
    return NULL;
}

size_t peer_count(const struct peer *peer, uint8_t type, int32_t stream)
{
    size_t count = 0;

    while (peer_find(peer, type, stream, count) != NULL)
        count++;
    return count;
}

const char *frame_field(const struct frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->field_count; i++) {
        if (strcmp(frame->fields[i].name, name) == 0)
            return frame->fields[i].value;
    }
    return NULL;
}

uint32_t frame_number(const struct frame *frame, size_t offset)
{
    return read_number(frame->payload + offset, 4);
}

size_t peer_body_size(const struct peer *peer, int32_t stream)
{
    size_t size = 0;

    for (size_t i = 0; i < peer->frame_count; i++) {
        if (peer->frames[i].type == NGHTTP2_DATA && peer->frames[i].stream == stream)
            size += peer->frames[i].size;
    }
    return size;
}

static uint8_t *whole_body(const struct peer *peer, int32_t stream)
{
    uint8_t *body = malloc(peer_body_size(peer, stream) + 1);
    size_t size = 0;

    for (size_t i = 0; i < peer->frame_count; i++) {
        const struct frame *frame = &peer->frames[i];

        if (frame->type != NGHTTP2_DATA || frame->stream != stream)
            continue;
        memcpy(body + size, frame->payload, frame->size);
        size += frame->size;
    }
    return body;
}

bool peer_body_has(const struct peer *peer, int32_t stream, size_t skip, const char *text)
{
    uint8_t *body = whole_body(peer, stream);
    size_t size = strlen(text);
    bool has = peer_body_size(peer, stream) >= skip + 5 + size && body[skip] == 0 &&
               read_number(body + skip + 1, 4) == size && memcmp(body + skip + 5, text, size) == 0;

    free(body);
    return has;
}

uint64_t peer_credit(const struct peer *peer, int32_t stream)
{
    const struct frame *frame;
    uint64_t credit = 0;

    for (size_t i = 0; (frame = peer_find(peer, NGHTTP2_WINDOW_UPDATE, stream, i)) != NULL; i++)
        credit += frame_number(frame, 0);
    return credit;
}

/* ---- expectations ---- */

static const struct frame *last_headers(const struct peer *peer, int32_t stream)
{
    size_t count = peer_count(peer, NGHTTP2_HEADERS, stream);

    return count != 0 ? peer_find(peer, NGHTTP2_HEADERS, stream, count - 1) : NULL;
}

void expect_status_at(const struct peer *peer, int32_t stream, weir_code code, const char *file,
                      int line)
{
    const struct frame *frame = last_headers(peer, stream);
    const char *status = frame != NULL ? frame_field(frame, "grpc-status") : NULL;
    char wanted[16];

    snprintf(wanted, sizeof wanted, "%d", (int)code);
    _assert_true(status != NULL, "trailers with a grpc-status", file, line);
    if (strcmp(status, wanted) != 0 && frame_field(frame, "grpc-message") != NULL)
        print_error("[ %s ]\n", frame_field(frame, "grpc-message"));
    _assert_string_equal(status, wanted, file, line);
    _assert_true((frame->flags & END_STREAM) != 0, "END_STREAM on the trailers", file, line);
}

void expect_reset_at(const struct peer *peer, int32_t stream, uint32_t error, const char *file,
                     int line)
{
    const struct frame *frame = peer_find(peer, NGHTTP2_RST_STREAM, stream, 0);

    _assert_true(frame != NULL, "an RST_STREAM", file, line);
    _assert_int_equal(frame_number(frame, 0), error, file, line);
    _assert_int_equal(peer_count(peer, NGHTTP2_RST_STREAM, stream), 1, file, line);
}

void expect_goaway_at(const struct peer *peer, uint32_t error, const char *file, int line)
{
    const struct frame *frame = peer_find(peer, NGHTTP2_GOAWAY, 0, 0);

    _assert_true(frame != NULL, "a GOAWAY", file, line);
    _assert_int_equal(frame_number(frame, 4), error, file, line);
    _assert_true(peer->connection == NULL, "a closed connection", file, line);
}

static void expect_unharmed_server(struct peer *peer, const char *file, int line)
{
    size_t before = peer_body_size(peer, 1);
    int32_t stream = peer->last_stream + 2;

    peer_message(peer, 1, 0, "neighbour");
    peer_request(peer, stream, 0, "/t.T/Unary", NULL);
    peer_message(peer, stream, END_STREAM, "new");
    peer_settle(peer);
    _assert_true(peer_body_has(peer, 1, before, "neighbour"), "the neighbour's echo", file, line);
    _assert_true(peer_body_has(peer, stream, 0, "new"), "a new call's reply", file, line);
    expect_status_at(peer, stream, WEIR_OK, file, line);
}

static void expect_unharmed_client(struct peer *peer, const char *file, int line)
{
    struct reader reader;
    int32_t stream = peer_call(peer, &reader, "/n.N/New", weir_stream_empty());

    _assert_true(stream != 0, "a new call on this connection", file, line);
    peer_headers(peer, stream, 0, RESPONSE, NULL);
    peer_message(peer, stream, 0, "new");
    peer_headers(peer, stream, END_STREAM, "grpc-status", "0", NULL);
    if (peer->neighbour.messages == 0)
        peer_headers(peer, 1, 0, RESPONSE, NULL);
    peer_message(peer, 1, 0, "neighbour");
    peer_settle(peer);
    expect_text_at(&reader, "new", file, line);
    expect_poll_at(&reader, WEIR_END, WEIR_OK, file, line);
    expect_text_at(&peer->neighbour, "neighbour", file, line);
    reader_clear(&reader);
}

void expect_unharmed_at(struct peer *peer, const char *file, int line)
{
    _assert_true(peer->connection != NULL && !peer->refused, "an open connection", file, line);
    if (peer->channel != NULL)
        expect_unharmed_client(peer, file, line);
    else
        expect_unharmed_server(peer, file, line);
}
