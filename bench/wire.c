/* SPDX-License-Identifier: MIT */
/*
 * wire.c - the two messages of bench.proto, parsed and written by hand.
 *
 * A cursor that has met an error stays at its end, so that the steps need few checks.
 */
#include "wire.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, GROUP = 3, GROUP_END = 4, FIXED32 = 5 };
enum { MAX_DEPTH = 100 };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static void fail(struct cursor *c)
{
    c->at = c->end;
    c->failed = true;
}

static uint64_t read_varint(struct cursor *c)
{
    if (c->at < c->end && *c->at < 0x80)
        return *c->at++;

    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    fail(c);
    return 0;
}

static const uint8_t *read_raw(struct cursor *c, uint64_t size)
{
    if (size > (uint64_t)(c->end - c->at)) {
        fail(c);
        return NULL;
    }
    const uint8_t *raw = c->at;
    c->at += size;
    return raw;
}

/* Reads a tag; false at the end and for a field number that cannot be. */
static bool read_tag(struct cursor *c, uint32_t *field, unsigned *type)
{
    if (c->at == c->end)
        return false;
    uint64_t tag = read_varint(c);
    if (tag >> 3 == 0 || tag > UINT32_MAX) {
        fail(c);
        return false;
    }
    *field = (uint32_t)(tag >> 3);
    *type = tag & 7;
    return true;
}

static void skip(struct cursor *c, unsigned type);

/* Skips what is inside a group of `field`, with its end. Groups may nest: hence the stack of open
 * field numbers, bounded as in other parsers. */
static void skip_group(struct cursor *c, uint32_t field)
{
    uint32_t open[MAX_DEPTH] = {field};
    unsigned depth = 1;

    while (depth > 0) {
        uint32_t inner;
        unsigned type;
        if (!read_tag(c, &inner, &type)) {
            fail(c); /* the message ended before the group */
            return;
        }
        if (type == GROUP_END && open[depth - 1] == inner)
            depth--;
        else if (type == GROUP && depth < MAX_DEPTH)
            open[depth++] = inner;
        else
            skip(c, type);
    }
}

static void skip(struct cursor *c, unsigned type)
{
    switch (type) {
    case VARINT:
        read_varint(c);
        break;
    case FIXED64:
        read_raw(c, 8);
        break;
    case BYTES:
        read_raw(c, read_varint(c));
        break;
    case FIXED32:
        read_raw(c, 4);
        break;
    default:
        fail(c);
    }
}

static void skip_field(struct cursor *c, uint32_t field, unsigned type)
{
    if (type == GROUP)
        skip_group(c, field);
    else
        skip(c, type);
}

static int32_t *number_field(struct bench_req *req, uint32_t field)
{
    switch (field) {
    case 1:
        return &req->count;
    case 2:
        return &req->size;
    case 4:
        return &req->interval_ms;
    default:
        return NULL;
    }
}

bool bench_req_parse(const uint8_t *message, size_t size, struct bench_req *out)
{
    struct cursor c = {message, message + size, false};
    uint32_t field;
    unsigned type;

    *out = (struct bench_req){0};
    while (read_tag(&c, &field, &type)) {
        int32_t *number = number_field(out, field);
        if (field == 3 && type == BYTES) {
            uint64_t data_size = read_varint(&c);
            out->data = read_raw(&c, data_size);
            out->data_size = data_size;
        } else if (number != NULL && type == VARINT) {
            *number = (int32_t)(uint32_t)read_varint(&c);
        } else {
            skip_field(&c, field, type);
        }
    }
    return !c.failed;
}

bool bench_rep_parse(const uint8_t *message, size_t size, const uint8_t **data, size_t *data_size)
{
    struct cursor c = {message, message + size, false};
    uint32_t field;
    unsigned type;

    *data = NULL;
    *data_size = 0;
    while (read_tag(&c, &field, &type)) {
        if (field != 1 || type != BYTES) {
            skip_field(&c, field, type);
            continue;
        }
        uint64_t length = read_varint(&c);
        *data = read_raw(&c, length);
        *data_size = length;
    }
    return !c.failed;
}

static size_t write_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;

    while (value >= 0x80) {
        out[n++] = (uint8_t)value | 0x80;
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

static size_t bytes_head(uint8_t *out, unsigned field, size_t size)
{
    if (size == 0)
        return 0;
    out[0] = (uint8_t)(field << 3 | BYTES);
    return 1 + write_varint(out + 1, size);
}

size_t bench_rep_head(uint8_t out[BENCH_FIELD_HEAD_MAX], size_t data_size)
{
    return bytes_head(out, 1, data_size);
}

size_t bench_req_head(uint8_t out[BENCH_FIELD_HEAD_MAX], size_t data_size)
{
    return bytes_head(out, 3, data_size);
}

static size_t write_number(uint8_t *out, unsigned field, int32_t value)
{
    if (value == 0)
        return 0;
    out[0] = (uint8_t)(field << 3 | VARINT);
    return 1 + write_varint(out + 1, (uint64_t)(int64_t)value);
}

size_t bench_req_numbers(uint8_t out[BENCH_REQ_NUMBERS_MAX], const struct bench_req *req)
{
    size_t n = write_number(out, 1, req->count);

    n += write_number(out + n, 2, req->size);
    n += write_number(out + n, 4, req->interval_ms);
    return n;
}

void bench_write_u32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

uint32_t bench_read_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void bench_prefix(uint8_t out[BENCH_PREFIX_SIZE], size_t size)
{
    out[0] = 0;
    bench_write_u32(out + 1, (uint32_t)size);
}
