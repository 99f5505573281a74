/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the two messages of bench.proto, parsed and written by hand.
 *
 * Nothing here allocates: what is parsed points into what was given.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_PREFIX_SIZE = 5,     /* gRPC's: one byte of flags, four of length */
    BENCH_FIELD_HEAD_MAX = 11, /* tag and length of a bytes field */
    BENCH_REQ_NUMBERS_MAX = 33 /* the three int32 fields of a Req */
};

/* A field that is not there is 0 or empty, as in proto3. */
struct bench_req {
    int32_t count;
    int32_t size;
    int32_t interval_ms;
    const uint8_t *data;
    size_t data_size;
};

/* False when it is no protobuf. Unknown fields are skipped. */
bool bench_req_parse(const uint8_t *message, size_t size, struct bench_req *out);
bool bench_rep_parse(const uint8_t *message, size_t size, const uint8_t **data, size_t *data_size);

/* The tag and length that stand before `data` in a Rep or a Req; 0 bytes when data_size is 0, for
 * then the field is left out. Returns how many bytes it wrote. */
size_t bench_rep_head(uint8_t out[BENCH_FIELD_HEAD_MAX], size_t data_size);
size_t bench_req_head(uint8_t out[BENCH_FIELD_HEAD_MAX], size_t data_size);

/* A Req without data. */
size_t bench_req_numbers(uint8_t out[BENCH_REQ_NUMBERS_MAX], const struct bench_req *req);

/* gRPC's prefix of an uncompressed message. */
void bench_prefix(uint8_t out[BENCH_PREFIX_SIZE], size_t size);
uint32_t bench_read_u32(const uint8_t *in);
void bench_write_u32(uint8_t *out, uint32_t value);

#endif
