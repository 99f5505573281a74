/* SPDX-License-Identifier: MIT */
/*
 * wire.c - protobuf's wire format: varints, tags, lengths, and skipping what nobody asked for.
 *
 * A cursor only moves forward and never past its end, so every input is read in one bounded pass.
 */
#include "wire.h"

#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, GROUP = 3, GROUP_END = 4, FIXED32 = 5 };

/* protobuf's own limit of nesting. */
enum { MAX_DEPTH = 100, MAX_VARINT = 10 };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool take_varint(struct cursor *in, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < MAX_VARINT && in->at < in->end; i++) {
        uint8_t byte = *in->at++;

        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool take(struct cursor *in, uint64_t size, weir_slice *out)
{
    if (size > (uint64_t)(in->end - in->at))
        return false;
    *out = (weir_slice){in->at, (size_t)size};
    in->at += size;
    return true;
}

static bool take_tag(struct cursor *in, uint32_t *number, enum wire_type *type)
{
    uint64_t tag;

    if (!take_varint(in, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    *number = (uint32_t)(tag >> 3);
    *type = (enum wire_type)(tag & 7);
    return true;
}

/* Skips the value of a field that is neither a group nor its end. */
static bool skip_plain(struct cursor *in, enum wire_type type)
{
    weir_slice ignored;
    uint64_t number;

    switch (type) {
    case VARINT:
        return take_varint(in, &number);
    case FIXED64:
        return take(in, 8, &ignored);
    case FIXED32:
        return take(in, 4, &ignored);
    case LENGTH:
        return take_varint(in, &number) && take(in, number, &ignored);
    default:
        return false;
    }
}

/* Skips a field. A group ends with the number it began with, and groups nest: the open ones are
 * kept in an array, so that no input can use up the stack. */
static bool skip(struct cursor *in, uint32_t number, enum wire_type type)
{
    uint32_t open[MAX_DEPTH];
    size_t depth = 0;

    for (;;) {
        if (type == GROUP) {
            if (depth == MAX_DEPTH)
                return false;
            open[depth++] = number;
        } else if (type == GROUP_END) {
            if (depth == 0 || open[--depth] != number)
                return false;
        } else if (!skip_plain(in, type)) {
            return false;
        }
        if (depth == 0)
            return true;
        if (!take_tag(in, &number, &type))
            return false;
    }
}

static bool is_varint(wire_kind kind)
{
    return kind == WIRE_UINT64 || kind == WIRE_UINT32 || kind == WIRE_BOOL;
}

static bool read_varint(struct cursor *in, const wire_field *field)
{
    uint64_t value;

    if (!take_varint(in, &value))
        return false;
    if (field->kind == WIRE_UINT64)
        *(uint64_t *)field->value = value;
    else if (field->kind == WIRE_UINT32)
        *(uint32_t *)field->value = (uint32_t)value;
    else
        *(bool *)field->value = value != 0;
    return true;
}

static bool read_length(struct cursor *in, const wire_field *field)
{
    weir_slice *value = field->value;
    uint64_t size;

    return take_varint(in, &size) && take(in, size, value) &&
           (field->kind != WIRE_STRING || wire_is_utf8(*value));
}

static const wire_field *find(const wire_field *fields, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].number == number)
            return &fields[i];
    return NULL;
}

bool wire_read(weir_slice message, const wire_field *fields, size_t count)
{
    struct cursor in = {message.data, NULL};

    if (message.size == 0) /* its data may be NULL */
        return true;
    in.end = message.data + message.size;
    while (in.at < in.end) {
        const wire_field *field;
        uint32_t number;
        enum wire_type type;
        bool read;

        if (!take_tag(&in, &number, &type))
            return false;
        field = find(fields, count, number);
        if (field != NULL && type == VARINT && is_varint(field->kind))
            read = read_varint(&in, field);
        else if (field != NULL && type == LENGTH && !is_varint(field->kind))
            read = read_length(&in, field);
        else
            read = skip(&in, number, type);
        if (!read)
            return false;
    }
    return true;
}

static void put_varint(weir_builder *builder, uint64_t value)
{
    uint8_t bytes[MAX_VARINT];
    size_t size = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    weir_builder_append(builder, bytes, size);
}

static void put_tag(weir_builder *builder, uint32_t number, enum wire_type type)
{
    put_varint(builder, (uint64_t)number << 3 | type);
}

void wire_put_number(weir_builder *builder, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(builder, number, VARINT);
    put_varint(builder, value);
}

void wire_put_bytes_header(weir_builder *builder, uint32_t number, size_t size)
{
    if (size == 0)
        return;
    put_tag(builder, number, LENGTH);
    put_varint(builder, size);
}

void wire_put_bytes(weir_builder *builder, uint32_t number, weir_slice value)
{
    wire_put_bytes_header(builder, number, value.size);
    if (value.size > 0)
        weir_builder_append(builder, value.data, value.size);
}

/* The length of the character that begins with `first`, and the smallest code point that may be
 * written with that many bytes; 0: no character begins so. */
static size_t utf8_length(uint8_t first, uint32_t *smallest, uint32_t *bits)
{
    static const struct {
        uint8_t mask, mark;
        uint32_t smallest;
    } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if ((first & forms[i].mask) == forms[i].mark) {
            *smallest = forms[i].smallest;
            *bits = first & (uint8_t)~forms[i].mask;
            return i + 2;
        }
    return 0;
}

static size_t utf8_character(const uint8_t *at, size_t left)
{
    uint32_t smallest, point;
    size_t length = utf8_length(*at, &smallest, &point);

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    return length;
}

bool wire_is_utf8(weir_slice text)
{
    for (size_t i = 0; i < text.size;) {
        size_t length = text.data[i] < 0x80 ? 1 : utf8_character(text.data + i, text.size - i);

        if (length == 0)
            return false;
        i += length;
    }
    return true;
}
