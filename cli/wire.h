/* SPDX-License-Identifier: MIT */
/*
 * wire.h - protobuf's wire format: just enough to write and read the flat messages of this command.
 *
 * Reading never trusts a length and never recurses. What it fills in borrows from the input. A
 * field that is not asked for, or has another wire type than asked for, is skipped, as protobuf
 * wants it.
 */
#ifndef WEIR_CLI_WIRE_H
#define WEIR_CLI_WIRE_H

#include <weir/weir.h>

typedef enum wire_kind {
    WIRE_UINT64, /* uint64_t *value */
    WIRE_UINT32, /* uint32_t *value, higher bits are cut off as protobuf does */
    WIRE_BOOL,   /* bool *value */
    WIRE_STRING, /* weir_slice *value; must be UTF-8 */
    WIRE_BYTES   /* weir_slice *value */
} wire_kind;

/* One field of a message: where its value goes. The last one on the wire wins. */
typedef struct wire_field {
    uint32_t number;
    wire_kind kind;
    void *value;
} wire_field;

/* Reads a message; the values of fields that do not occur are left alone. False: it is none. */
bool wire_read(weir_slice message, const wire_field *fields, size_t count);

/* Each appends one field, or nothing for the zero value (proto3's default). */
void wire_put_number(weir_builder *builder, uint32_t number, uint64_t value);
void wire_put_bytes(weir_builder *builder, uint32_t number, weir_slice value);

/* Only the tag and the length of a bytes field: `size` bytes of data must follow. */
void wire_put_bytes_header(weir_builder *builder, uint32_t number, size_t size);

bool wire_is_utf8(weir_slice text);

#endif
