/* SPDX-License-Identifier: MIT */
/*
 * wire.h - how a field's values lie on the wire, and the expressions that turn them over.
 */
#ifndef WIRE_H
#define WIRE_H

#include "model.h"
#include "printer.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_DELIMITED = 2, WIRE_FIXED32 = 5 };

enum wire_type wire_type_of(const struct field *field);

/* The number and a wire type. */
uint32_t tag_of(const struct field *field, enum wire_type type);
unsigned varint_size(uint64_t value);

/* What `value`, a uint64_t from the wire, is in C. */
const char *value_from_wire(const struct field *field);

/* What the value `expression` is on the wire, a uint32_t or uint64_t. */
const char *value_to_wire(const struct field *field, const char *expression);

/* A part of a name: weir_wire_varint, weir_wire_fixed32, weir_wire_fixed64. */
const char *wire_name(const struct field *field);

/* FOO__KIND_NAME, by which a oneof says that it is this field. */
const char *case_name(const struct field *field);

#endif
