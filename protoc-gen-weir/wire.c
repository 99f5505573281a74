/* SPDX-License-Identifier: MIT */
/*
 * wire.c - how a field's values lie on the wire.
 */
#include "wire.h"

#include "memory.h"
#include "names.h"

enum wire_type wire_type_of(const struct field *field)
{
    switch (field->type) {
    case TYPE(STRING):
    case TYPE(BYTES):
    case TYPE(MESSAGE):
        return WIRE_DELIMITED;
    case TYPE(FIXED32):
    case TYPE(SFIXED32):
    case TYPE(FLOAT):
        return WIRE_FIXED32;
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
    case TYPE(DOUBLE):
        return WIRE_FIXED64;
    default:
        return WIRE_VARINT;
    }
}

uint32_t tag_of(const struct field *field, enum wire_type type)
{
    return field->number << 3 | (uint32_t)type;
}

unsigned varint_size(uint64_t value)
{
    unsigned size = 1;

    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

const char *wire_name(const struct field *field)
{
    switch (wire_type_of(field)) {
    case WIRE_FIXED32:
        return "weir_wire_fixed32";
    case WIRE_FIXED64:
        return "weir_wire_fixed64";
    default:
        return "weir_wire_varint";
    }
}

const char *value_from_wire(const struct field *field)
{
    switch (field->type) {
    case TYPE(DOUBLE):
        return "weir_wire_double(value)";
    case TYPE(FLOAT):
        return "weir_wire_float((uint32_t)value)";
    case TYPE(INT64):
    case TYPE(SFIXED64):
        return "(int64_t)value";
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return "(uint32_t)value";
    case TYPE(INT32):
    case TYPE(SFIXED32):
        return "(int32_t)value";
    case TYPE(SINT32):
        return "weir_wire_unzigzag32((uint32_t)value)";
    case TYPE(SINT64):
        return "weir_wire_unzigzag64(value)";
    case TYPE(BOOL):
        return "value != 0";
    case TYPE(ENUM):
        return keep_format("(%s)(int32_t)value", field->enumeration->names.type);
    default:
        return "value";
    }
}

const char *value_to_wire(const struct field *field, const char *expression)
{
    switch (field->type) {
    case TYPE(DOUBLE):
        return keep_format("weir_wire_double_bits(%s)", expression);
    case TYPE(FLOAT):
        return keep_format("weir_wire_float_bits(%s)", expression);
    case TYPE(INT32): /* with its sign to 64 bits, as protobuf has it */
        return keep_format("(uint64_t)(int64_t)%s", expression);
    case TYPE(ENUM):
        return keep_format("(uint64_t)(int64_t)(int32_t)%s", expression);
    case TYPE(INT64):
    case TYPE(SFIXED64):
        return keep_format("(uint64_t)%s", expression);
    case TYPE(SFIXED32):
        return keep_format("(uint32_t)%s", expression);
    case TYPE(SINT32):
        return keep_format("weir_wire_zigzag32(%s)", expression);
    case TYPE(SINT64):
        return keep_format("weir_wire_zigzag64(%s)", expression);
    case TYPE(BOOL):
        return keep_format("%s != 0", expression);
    default:
        return expression;
    }
}

const char *case_name(const struct field *field)
{
    return keep_format("%s_%s", field->oneof->upper, name_upper(field->proto));
}
