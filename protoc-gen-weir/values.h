/* SPDX-License-Identifier: MIT */
/*
 * values.h - a field's values in C: their type, their defaults, their bytes.
 */
#ifndef VALUES_H
#define VALUES_H

#include "model.h"

/* What one value is declared as, ready for a name behind it: "int32_t ", "char *", "Foo **". */
const char *value_declaration(const struct field *field);

/* The type of one value, for a cast of an array: "int32_t", "char *", "Foo *". */
const char *value_type(const struct field *field);

/* INT32, of PROTOBUF_C_TYPE_INT32 and as in descriptor.proto. */
const char *type_macro(const struct field *field);

/* A value in an initializer: the declared default, or the type's own. */
const char *value_initializer(const struct field *field);

/* Where the declared default lies, for the descriptor: "&foo__bar__default_value", or "NULL". */
const char *default_address(const struct field *field);

/* True when the initializer needs <math.h>. */
bool needs_math(const struct field *field);

struct bytes {
    const char *data;
    size_t size;
};

/* The declared default of a string or bytes field. */
struct bytes default_bytes(const struct field *field);

/* The bytes in a literal of C, with the quotes. */
const char *literal(struct bytes bytes);

#endif
