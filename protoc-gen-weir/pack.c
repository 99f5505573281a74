/* SPDX-License-Identifier: MIT */
/*
 * pack.c - functions that count and write a message's bytes, field by field.
 *
 * The bytes are those that protobuf-c's library writes: fields by number, then unknown ones. They
 * are written from the last to the first, so that the length of each inner message is known when it
 * is written, and only the outermost message is counted before.
 */
#include "emit.h"

#include "memory.h"
#include "wire.h"

/* The member, or an element of the array that it is. */
static const char *element(const struct field *field)
{
    return keep_format("message->%s%s", field->member, field->label == LABEL_REPEATED ? "[i]" : "");
}

static bool by_pointer(const struct field *field)
{
    return field->kind == KIND_STRING || field->kind == KIND_MESSAGE;
}

/* The default that a string points to when it was not set. */
static const char *string_default(const struct field *field)
{
    if (field->kind != KIND_STRING)
        return NULL;
    if (field->default_text != NULL)
        return keep_format("%s__default_value", field->lower);
    return field->label == LABEL_NONE ? "protobuf_c_empty_string" : NULL;
}

/* A string or message that was set: it points somewhere else than at the beginning. */
static const char *is_set(const struct field *field)
{
    const char *member = element(field), *unset = string_default(field);

    return unset != NULL ? keep_format("%s != NULL && %s != %s", member, member, unset)
                         : keep_format("%s != NULL", member);
}

/* What must hold for the field to be written; NULL: nothing. */
static const char *condition(const struct field *field)
{
    const char *member = element(field);

    if (field->label == LABEL_REQUIRED)
        return NULL;
    if (field->oneof != NULL)
        return keep_format("message->%s_case == %s%s%s", field->oneof->member, case_name(field),
                           by_pointer(field) ? " && " : "", by_pointer(field) ? is_set(field) : "");
    if (field->has_member)
        return keep_format("message->has_%s", field->member);
    if (field->label == LABEL_OPTIONAL || field->kind == KIND_MESSAGE)
        return is_set(field);
    if (field->kind == KIND_STRING)
        return keep_format("%s != NULL && %s[0] != '\\0'", member, member);
    return keep_format("%s%s != 0", member, field->kind == KIND_BYTES ? ".len" : "");
}

/* ---- sizes ---- */

static unsigned tag_size(const struct field *field)
{
    return varint_size(tag_of(field, WIRE_VARINT));
}

/* An expression for the size of a value without its tag. */
static const char *value_size(const struct field *field)
{
    const char *value = element(field);

    switch (field->kind) {
    case KIND_STRING:
        return keep_format("weir_wire_string_size(%s)", value);
    case KIND_BYTES:
        return keep_format("weir_wire_delimited_size(%s.len)", value);
    case KIND_MESSAGE:
        value = keep_format("%s__get_packed_size(%s)", field->message->names.lower, value);
        if (field->label == LABEL_REQUIRED)
            value = keep_format("%s != NULL ? %s : 0", element(field), value);
        return keep_format("weir_wire_delimited_size(%s)", value);
    default:
        break;
    }
    if (wire_type_of(field) == WIRE_VARINT)
        return field->type == TYPE(BOOL)
                   ? "1"
                   : keep_format("weir_wire_varint_size(%s)", value_to_wire(field, value));
    return wire_type_of(field) == WIRE_FIXED32 ? "4" : "8";
}

/* True when all values have the same size. */
static bool is_fixed(const struct field *field)
{
    return wire_type_of(field) == WIRE_FIXED32 || wire_type_of(field) == WIRE_FIXED64 ||
           field->type == TYPE(BOOL);
}

static void emit_packed_size(struct printer *p, const struct field *field)
{
    print_in(p, "if (message->n_%s != 0) {\n", field->member);
    if (is_fixed(field)) {
        print(p, "size_t inner = message->n_%s * %s;\n\n", field->member, value_size(field));
    } else {
        print(p, "size_t inner = 0;\n\n");
        print(p, "for (size_t i = 0; i < message->n_%s; i++)\n", field->member);
        print(p, "    inner += %s;\n", value_size(field));
    }
    print(p, "size += %u + weir_wire_delimited_size(inner);\n", tag_size(field));
    print_out(p, "}\n");
}

static void emit_repeated_size(struct printer *p, const struct field *field)
{
    if (is_fixed(field)) {
        print(p, "size += message->n_%s * (%u + %s);\n", field->member, tag_size(field),
              value_size(field));
        return;
    }
    print(p, "for (size_t i = 0; i < message->n_%s; i++)\n", field->member);
    print(p, "    size += %u + %s;\n", tag_size(field), value_size(field));
}

static void emit_field_size(struct printer *p, const struct field *field)
{
    const char *when;

    if (field->packed) {
        emit_packed_size(p, field);
    } else if (field->label == LABEL_REPEATED) {
        emit_repeated_size(p, field);
    } else {
        when = condition(field);
        if (when != NULL)
            print(p, "if (%s)\n    ", when);
        print(p, "size += %u + %s;\n", tag_size(field), value_size(field));
    }
}

static void emit_get_packed_size(struct printer *p, const struct message *message)
{
    print(p, "size_t %s__get_packed_size(const %s *message)\n{\n", message->names.lower,
          message->names.type);
    p->depth++;
    print(p, "size_t size = weir_protobuf_unknown_size(&message->%s);\n\n", message->base);
    print(p, "assert(message->%s.descriptor == &%s__descriptor);\n", message->base,
          message->names.lower);
    for (size_t i = 0; i < message->field_count; i++)
        emit_field_size(p, message->by_number[i]);
    print(p, "return size;\n");
    print_out(p, "}\n\n");
}

/* ---- writing ---- */

/* The tag's bytes are known here, the last goes first. */
static void emit_tag(struct printer *p, const struct field *field, enum wire_type type)
{
    uint32_t tag = tag_of(field, type);

    for (unsigned i = varint_size(tag); i-- > 0;)
        print(p, "*--end = 0x%02x;\n",
              (unsigned)(tag >> (7 * i) & 0x7f) | (i + 1 < varint_size(tag) ? 0x80u : 0));
}

static void emit_value(struct printer *p, const struct field *field)
{
    const char *value = element(field);

    switch (field->kind) {
    case KIND_STRING:
        print(p, "end = weir_wire_string_before(end, %s);\n", value);
        return;
    case KIND_BYTES:
        print(p, "end = weir_wire_delimited_before(end, %s.data, %s.len);\n", value, value);
        return;
    case KIND_MESSAGE:
        print(p, "behind = end;\n");
        if (field->label == LABEL_REQUIRED)
            print(p, "if (%s != NULL)\n    ", value);
        print(p, "end = %s__pack_before(%s, end);\n", field->message->names.lower, value);
        print(p, "end = weir_wire_varint_before(end, (size_t)(behind - end));\n");
        return;
    default:
        print(p, "end = %s_before(end, %s);\n", wire_name(field), value_to_wire(field, value));
    }
}

static void emit_packed(struct printer *p, const struct field *field)
{
    print_in(p, "if (message->n_%s != 0) {\n", field->member);
    print(p, "behind = end;\n");
    print_in(p, "for (size_t i = message->n_%s; i-- > 0;)\n", field->member);
    emit_value(p, field);
    p->depth--;
    print(p, "end = weir_wire_varint_before(end, (size_t)(behind - end));\n");
    emit_tag(p, field, WIRE_DELIMITED);
    print_out(p, "}\n");
}

static void emit_field(struct printer *p, const struct field *field)
{
    const char *when = field->label != LABEL_REPEATED ? condition(field) : NULL;
    bool block = field->label == LABEL_REPEATED || when != NULL;

    if (field->packed) {
        emit_packed(p, field);
        return;
    }
    if (field->label == LABEL_REPEATED)
        print_in(p, "for (size_t i = message->n_%s; i-- > 0;) {\n", field->member);
    else if (when != NULL)
        print_in(p, "if (%s) {\n", when);
    emit_value(p, field);
    emit_tag(p, field, wire_type_of(field));
    if (block)
        print_out(p, "}\n");
}

/* Whether the function remembers where something with a length ends. */
static bool has_behind(const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].kind == KIND_MESSAGE || message->fields[i].packed)
            return true;
    return false;
}

static void emit_pack_before(struct printer *p, const struct message *message)
{
    print(p, "uint8_t *%s__pack_before(const %s *message, uint8_t *end)\n{\n", message->names.lower,
          message->names.type);
    p->depth++;
    if (has_behind(message))
        print(p, "uint8_t *behind;\n\n");
    print(p, "end = weir_protobuf_unknown_before(end, &message->%s);\n", message->base);
    for (size_t i = message->field_count; i-- > 0;)
        emit_field(p, message->by_number[i]);
    print(p, "return end;\n");
    print_out(p, "}\n\n");
}

/* ---- for users ---- */

static void emit_pack_function(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "size_t %s__pack(const %s *message, uint8_t *out)\n{\n", lower, type);
    p->depth++;
    print(p, "size_t size = %s__get_packed_size(message);\n\n", lower);
    print(p, "%s__pack_before(message, out + size);\nreturn size;\n", lower);
    print_out(p, "}\n\n");
}

/* Where memory is out, protobuf-c's own way is slower and needs none. */
static void emit_pack_to_buffer(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "size_t %s__pack_to_buffer(const %s *message, ProtobufCBuffer *buffer)\n{\n", lower,
          type);
    p->depth++;
    print(p, "size_t size = %s__get_packed_size(message);\n", lower);
    print(p, "uint8_t *out = weir_protobuf_scratch(size);\n\n");
    print(p,
          "if (out == NULL)\n    return protobuf_c_message_pack_to_buffer(&message->%s, buffer);\n",
          message->base);
    print(p, "%s__pack_before(message, out + size);\n", lower);
    print(p,
          "buffer->append(buffer, size, out);\nweir_protobuf_scratch_free(out);\nreturn size;\n");
    print_out(p, "}\n\n");
}

void emit_pack(struct printer *p, const struct message *message)
{
    emit_get_packed_size(p, message);
    emit_pack_before(p, message);
    emit_pack_function(p, message);
    emit_pack_to_buffer(p, message);
}
