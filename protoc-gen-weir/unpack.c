/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - functions that read a message: a switch on the tag, and in each case the field.
 *
 * A tag is number and wire type together, so a known field with a wrong wire type has no case and
 * is kept as an unknown one, as protobuf has it.
 */
#include "emit.h"

#include "memory.h"
#include "values.h"
#include "wire.h"

static bool is_number(const struct field *field)
{
    return field->kind == KIND_SCALAR || field->kind == KIND_ENUM;
}

/* protobuf-c lets required fields be missing that have a default. */
static bool must_come(const struct field *field)
{
    return field->label == LABEL_REQUIRED && field->default_text == NULL;
}

static void emit_case(struct printer *p, const struct field *field, enum wire_type type)
{
    print_in(p, "case 0x%02x: /* %s */\n", (unsigned)tag_of(field, type), field->proto);
}

/* Notes that the field is there, and ends the case. */
static void emit_presence(struct printer *p, const struct field *field, unsigned *required)
{
    if (field->oneof != NULL)
        print(p, "message->%s_case = %s;\n", field->oneof->member, case_name(field));
    if (field->has_member)
        print(p, "message->has_%s = 1;\n", field->member);
    if (must_come(field)) {
        print(p, "seen[%u] |= UINT64_C(1) << %u;\n", *required / 64, *required % 64);
        ++*required;
    }
    print(p, "break;\n");
    p->depth--;
}

/* Makes room for one more element, or with `more` for as many. */
static void emit_room(struct printer *p, const struct field *field, const char *more)
{
    const char *member = field->member;

    print(p, "message->%s = (%s *)weir_protobuf_%s(arena, message->%s, message->n_%s,%s%s\n",
          member, value_type(field), more != NULL ? "reserve" : "grow", member, member,
          more != NULL ? " " : "", more != NULL ? keep_format("%s,", more) : "");
    print(p, "    sizeof(*message->%s));\n", member);
    print(p, "if (message->%s == NULL)\n    return false;\n", member);
}

static const char *place(const struct field *field)
{
    return field->label == LABEL_REPEATED
               ? keep_format("message->%s[message->n_%s++]", field->member, field->member)
               : keep_format("message->%s", field->member);
}

/* ---- numbers ---- */

static void emit_number(struct printer *p, const struct field *field)
{
    print(p, "at = %s(at, end, &value);\n", wire_name(field));
    if (field->label == LABEL_REPEATED) {
        print(p, "if (at == NULL)\n    return false;\n");
        emit_room(p, field, NULL);
    }
    print(p, "%s = %s;\n", place(field), value_from_wire(field));
}

static void emit_packed_varints(struct printer *p, const struct field *field)
{
    emit_room(p, field, "weir_wire_count(at, behind)");
    print_in(p, "while (at != NULL && at < behind) {\n");
    print(p, "at = weir_wire_varint(at, behind, &value);\n");
    print(p, "if (at != NULL)\n    %s = %s;\n", place(field), value_from_wire(field));
    print_out(p, "}\n");
}

static void emit_packed_words(struct printer *p, const struct field *field)
{
    unsigned size = wire_type_of(field) == WIRE_FIXED32 ? 4 : 8;

    print(p, "if ((size_t)(behind - at) %% %u != 0)\n    return false;\n", size);
    emit_room(p, field, keep_format("(size_t)(behind - at) / %u", size));
    print(p, "weir_wire_copy%u(message->%s + message->n_%s, at, (size_t)(behind - at) / %u);\n",
          size * 8, field->member, field->member, size);
    print(p, "message->n_%s += (size_t)(behind - at) / %u;\nat = behind;\n", field->member, size);
}

/* Both ways are read, whichever the file declares. */
static void emit_packed(struct printer *p, const struct field *field)
{
    emit_case(p, field, WIRE_DELIMITED);
    print(p, "at = weir_wire_length(at, end, &behind);\n");
    print(p, "if (at == NULL)\n    return false;\nif (at == behind)\n    break;\n");
    if (wire_type_of(field) == WIRE_VARINT)
        emit_packed_varints(p, field);
    else
        emit_packed_words(p, field);
    print(p, "break;\n");
    p->depth--;
}

/* ---- what has a length ---- */

static void emit_string(struct printer *p, const struct field *field)
{
    print(p, "at = weir_wire_length(at, end, &behind);\nif (at == NULL)\n    return false;\n");
    if (field->label == LABEL_REPEATED)
        emit_room(p, field, NULL);
    print(p, "text = weir_arena_copy(arena, at, (size_t)(behind - at));\n");
    print(p, "if (text == NULL)\n    return false;\n");
    print(p, "%s = text;\nat = behind;\n", place(field));
}

static void emit_bytes(struct printer *p, const struct field *field)
{
    print(p, "at = weir_wire_length(at, end, &behind);\nif (at == NULL)\n    return false;\n");
    if (field->label == LABEL_REPEATED)
        emit_room(p, field, NULL);
    print(p, "%s = weir_protobuf_borrow(at, behind);\nat = behind;\n", place(field));
}

/* A message that comes again is merged into the one that is there. */
static void emit_message(struct printer *p, const struct field *field)
{
    if (field->label == LABEL_REPEATED) {
        emit_room(p, field, NULL);
        print(p, "message->%s[message->n_%s] = NULL;\n", field->member, field->member);
    } else if (field->oneof != NULL) {
        print(p, "if (message->%s_case != %s)\n    message->%s = NULL;\n", field->oneof->member,
              case_name(field), field->member);
    }
    print(p, "at = %s__merge_borrowed(&%s, arena, depth, at, end);\n", field->message->names.lower,
          place(field));
}

static void emit_field(struct printer *p, const struct field *field, unsigned *required)
{
    emit_case(p, field, wire_type_of(field));
    switch (field->kind) {
    case KIND_STRING:
        emit_string(p, field);
        break;
    case KIND_BYTES:
        emit_bytes(p, field);
        break;
    case KIND_MESSAGE:
        emit_message(p, field);
        break;
    default:
        emit_number(p, field);
    }
    emit_presence(p, field, required);
    if (field->label == LABEL_REPEATED && is_number(field))
        emit_packed(p, field);
}

/* ---- functions ---- */

static void emit_create(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "static %s *%s__create_borrowed(weir_arena *arena)\n{\n", type, lower);
    p->depth++;
    print(p, "%s *message = (%s *)weir_arena_alloc(arena, sizeof(*message));\n\n", type, type);
    print(p, "if (message != NULL)\n    %s__init(message);\nreturn message;\n", lower);
    print_out(p, "}\n\n");
}

static unsigned count_required(const struct message *message)
{
    unsigned count = 0;

    for (size_t i = 0; i < message->field_count; i++)
        count += must_come(&message->fields[i]);
    return count;
}

static void emit_variables(struct printer *p, const struct message *message, unsigned required)
{
    bool numbers = false, lengths = false, strings = false;

    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        numbers |= is_number(field);
        strings |= field->kind == KIND_STRING;
        lengths |= field->kind == KIND_STRING || field->kind == KIND_BYTES ||
                   (is_number(field) && field->label == LABEL_REPEATED);
    }
    if (required != 0)
        print(p, "uint64_t seen[%u] = {0};\n", (required + 63) / 64);
    if (lengths)
        print(p, "const uint8_t *behind;\n");
    if (strings)
        print(p, "char *text;\n");
    if (numbers)
        print(p, "uint64_t value = 0;\n");
    print(p, "uint32_t tag;\n\n");
}

static void emit_result(struct printer *p, unsigned required)
{
    print(p, "return true");
    for (unsigned i = 0; i * 64 < required; i++) {
        unsigned bits = required - i * 64 < 64 ? required - i * 64 : 64;

        print(p, " &&\n    seen[%u] == UINT64_C(0x%llx)", i, ~0ull >> (64 - bits));
    }
    print(p, ";\n");
}

static void emit_default(struct printer *p, const struct message *message)
{
    print(p, "at = weir_protobuf_unknown(&message->%s, arena, depth, tag, at, end);\n",
          message->base);
}

static void emit_cases(struct printer *p, const struct message *message)
{
    unsigned required = 0;

    if (message->field_count == 0) {
        emit_default(p, message);
        return;
    }
    print(p, "switch (tag) {\n");
    for (size_t i = 0; i < message->field_count; i++)
        emit_field(p, message->by_number[i], &required);
    print_in(p, "default:\n");
    emit_default(p, message);
    p->depth--;
    print(p, "}\n");
}

static void emit_read(struct printer *p, const struct message *message)
{
    unsigned required = count_required(message);

    print(p,
          "static bool %s__read_borrowed(%s *message, weir_arena *arena, unsigned depth,\n"
          "    const uint8_t *at, const uint8_t *end)\n{\n",
          message->names.lower, message->names.type);
    p->depth++;
    emit_variables(p, message, required);
    print_in(p, "while (at < end) {\n");
    print(p, "at = weir_wire_tag(at, end, &tag);\nif (at == NULL)\n    return false;\n");
    emit_cases(p, message);
    print(p, "if (at == NULL)\n    return false;\n");
    print_out(p, "}\n");
    emit_result(p, required);
    print_out(p, "}\n\n");
}

static void emit_merge(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p,
          "const uint8_t *%s__merge_borrowed(%s **message, weir_arena *arena, unsigned depth,\n"
          "    const uint8_t *at, const uint8_t *end)\n{\n",
          lower, type);
    p->depth++;
    print(p, "const uint8_t *behind;\n\n");
    print(p, "at = weir_wire_length(at, end, &behind);\n");
    print(p, "if (at == NULL || depth == 0)\n    return NULL;\n");
    print(p, "if (*message == NULL)\n    *message = %s__create_borrowed(arena);\n", lower);
    print(p, "if (*message == NULL)\n    return NULL;\n");
    print(p, "return %s__read_borrowed(*message, arena, depth - 1, at, behind) ? behind : NULL;\n",
          lower);
    print_out(p, "}\n\n");
}

static void emit_unpack_borrowed(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "%s *%s__unpack_borrowed(weir_arena *arena, size_t len, const uint8_t *data)\n{\n",
          type, lower);
    p->depth++;
    print(p, "%s *message = %s__create_borrowed(arena);\n\n", type, lower);
    print(p,
          "if (message == NULL ||\n"
          "    !%s__read_borrowed(message, arena, WEIR_PROTOBUF_MAX_NESTING, data,\n"
          "        weir_wire_end(data, len)))\n"
          "    return NULL;\nreturn message;\n",
          lower);
    print_out(p, "}\n\n");
}

/* protobuf-c's own, which has no bound for nesting, where the message's type has none either. */
static void emit_unpack_owning(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "%s *%s__unpack(ProtobufCAllocator *allocator, size_t len, const uint8_t *data)\n{\n",
          type, lower);
    p->depth++;
    if (message->levels == 0 || message->levels > MAX_NESTING + 1)
        print(p, "if (!weir_protobuf_nesting_ok(&%s__descriptor, len, data))\n    return NULL;\n",
              lower);
    print(p, "return (%s *)protobuf_c_message_unpack(&%s__descriptor, allocator, len, data);\n",
          type, lower);
    print_out(p, "}\n\n");
    print(p, "void %s__free_unpacked(%s *message, ProtobufCAllocator *allocator)\n{\n", lower,
          type);
    p->depth++;
    print(p, "if (message == NULL)\n    return;\n");
    print(p, "assert(message->%s.descriptor == &%s__descriptor);\n", message->base, lower);
    print(p, "protobuf_c_message_free_unpacked(&message->%s, allocator);\n", message->base);
    print_out(p, "}\n\n");
}

void emit_unpack(struct printer *p, const struct message *message)
{
    emit_create(p, message);
    emit_read(p, message);
    emit_merge(p, message);
    emit_unpack_borrowed(p, message);
    emit_unpack_owning(p, message);
}
