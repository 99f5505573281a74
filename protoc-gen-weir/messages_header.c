/* SPDX-License-Identifier: MIT */
/*
 * messages_header.c - x.pb-c.h: what protobuf-c declares, and a little more.
 *
 * Names, members and their order are those of protobuf-c's compiler, so that code written for its
 * output compiles on this one, and protobuf-c's library works on these messages.
 */
#include "emit.h"

#include "memory.h"
#include "names.h"
#include "values.h"

#include <string.h>

/* ---- enums ---- */

static void emit_enum(struct printer *p, const struct enumeration *enumeration)
{
    print_comment(p, &enumeration->comment);
    print_in(p, "typedef enum _%s {\n", enumeration->names.type);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        const struct enumerator *value = &enumeration->values[i];

        print_comment(p, &value->comment);
        print(p, "%s = %s%s\n", value->name,
              value->number == INT32_MIN ? "INT32_MIN" : keep_format("%d", value->number),
              i + 1 < enumeration->value_count ? "," : "");
    }
    print(p, "PROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(%s)\n", enumeration->names.upper);
    print_out(p, "} %s;\n\n", enumeration->names.type);
}

static void emit_nested_enums(struct printer *p, const struct message *message)
{
    for (size_t i = 0; i < message->message_count; i++)
        emit_nested_enums(p, message->messages[i]);
    for (size_t i = 0; i < message->enum_count; i++)
        emit_enum(p, message->enums[i]);
}

static void emit_case_enum(struct printer *p, const struct oneof *oneof)
{
    print_in(p, "typedef enum {\n");
    print(p, "%s = 0,\n", oneof->not_set);
    for (size_t i = 0; i < oneof->field_count; i++)
        print(p, "%s_%s = %u%s\n", oneof->upper, name_upper(oneof->fields[i]->proto),
              oneof->fields[i]->number, i + 1 < oneof->field_count ? "," : "");
    print(p, "PROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(%s__CASE)\n", oneof->upper);
    print_out(p, "} %s;\n\n", oneof->case_type);
}

/* ---- structs ---- */

static void emit_member(struct printer *p, const struct field *field)
{
    const char *deprecated = field->deprecated ? " PROTOBUF_C__DEPRECATED" : "";

    print_comment(p, &field->comment);
    if (field->has_member)
        print(p, "protobuf_c_boolean has_%s%s;\n", field->member, deprecated);
    if (field->label == LABEL_REPEATED)
        print(p, "size_t n_%s%s;\n", field->member, deprecated);
    print(p, "%s%s%s;\n", value_declaration(field), field->member, deprecated);
}

/* Of how many words a value is, roughly: to have the largest first. */
static unsigned rank(const struct field *field)
{
    switch (field->kind) {
    case KIND_BYTES:
        return 0;
    case KIND_STRING:
    case KIND_MESSAGE:
        return 2;
    case KIND_ENUM:
        return 4;
    default:
        return strstr(value_type(field), "64") != NULL || field->type == TYPE(DOUBLE) ? 1 : 3;
    }
}

/* An initializer sets a union's first member, so the largest comes first, to zero all of it. */
static const struct field *union_member(const struct oneof *oneof, size_t index)
{
    for (unsigned wanted = 0; wanted <= 4; wanted++)
        for (size_t i = 0; i < oneof->field_count; i++)
            if (rank(oneof->fields[i]) == wanted && index-- == 0)
                return oneof->fields[i];
    return NULL;
}

static void emit_union(struct printer *p, const struct oneof *oneof)
{
    print_comment(p, &oneof->comment);
    print(p, "%s %s_case;\n", oneof->case_type, oneof->member);
    print_in(p, "union {\n");
    for (size_t i = 0; i < oneof->field_count; i++)
        emit_member(p, union_member(oneof, i));
    print_out(p, "};\n");
}

static const char *union_initializer(const struct oneof *oneof)
{
    const struct field *first = union_member(oneof, 0);

    if (first->kind == KIND_BYTES)
        return "{ { 0, NULL } }";
    if (first->kind == KIND_ENUM)
        return keep_format("{ (%s)0 }", first->enumeration->names.type); /* for C++ */
    return "{ 0 }";
}

static void emit_initializer(struct printer *p, const struct message *message)
{
    print(p, "#define %s__INIT \\\n", message->names.upper);
    print_in(p, "    { PROTOBUF_C_MESSAGE_INIT(&%s__descriptor)", message->names.lower);
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        if (field->oneof != NULL)
            continue;
        print(p, ", \\\n");
        if (field->label == LABEL_REPEATED)
            print(p, "  0, NULL");
        else
            print(p, "  %s%s", field->has_member ? "0, " : "", value_initializer(field));
    }
    for (size_t i = 0; i < message->oneof_count; i++)
        print(p, ", \\\n  %s, %s", message->oneofs[i].not_set,
              union_initializer(&message->oneofs[i]));
    print_out(p, " }\n\n");
}

static void emit_default_declarations(struct printer *p, const struct message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        if (field->default_text == NULL)
            continue;
        if (field->kind == KIND_STRING)
            print(p, "extern char %s__default_value[];\n", field->lower);
        else if (field->kind == KIND_BYTES)
            print(p, "extern uint8_t %s__default_value_data[];\n", field->lower);
    }
}

static void emit_struct(struct printer *p, const struct message *message)
{
    for (size_t i = 0; i < message->message_count; i++)
        emit_struct(p, message->messages[i]);
    for (size_t i = 0; i < message->oneof_count; i++)
        emit_case_enum(p, &message->oneofs[i]);
    print_comment(p, &message->comment);
    print(p, "struct %s\n{\n", message->names.type);
    p->depth++;
    print(p, "ProtobufCMessage %s;\n", message->base);
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof == NULL)
            emit_member(p, &message->fields[i]);
    for (size_t i = 0; i < message->oneof_count; i++)
        emit_union(p, &message->oneofs[i]);
    print_out(p, "};\n");
    emit_default_declarations(p, message);
    emit_initializer(p, message);
}

/* ---- the rest, each for a message and those nested in it ---- */

static void emit_typedef(struct printer *p, const struct message *message)
{
    print(p, "typedef struct %s %s;\n", message->names.type, message->names.type);
    for (size_t i = 0; i < message->message_count; i++)
        emit_typedef(p, message->messages[i]);
}

static void emit_functions(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    for (size_t i = 0; i < message->message_count; i++)
        emit_functions(p, message->messages[i]);
    print(p, "/* %s */\n", message->names.full);
    print(p, "void %s__init(%s *message);\n", lower, type);
    print(p, "size_t %s__get_packed_size(const %s *message);\n", lower, type);
    print(p, "size_t %s__pack(const %s *message, uint8_t *out);\n", lower, type);
    print(p, "size_t %s__pack_to_buffer(const %s *message, ProtobufCBuffer *buffer);\n", lower,
          type);
    print(p, "%s *%s__unpack(ProtobufCAllocator *allocator, size_t len, const uint8_t *data);\n",
          type, lower);
    print(p, "void %s__free_unpacked(%s *message, ProtobufCAllocator *allocator);\n", lower, type);
    print(p, "%s *%s__unpack_borrowed(weir_arena *arena, size_t len, const uint8_t *data);\n", type,
          lower);
    print(p, "uint8_t *%s__pack_before(const %s *message, uint8_t *end);\n", lower, type);
    print(p,
          "const uint8_t *%s__merge_borrowed(%s **message, weir_arena *arena, unsigned depth,\n"
          "    const uint8_t *at, const uint8_t *end);\n\n",
          lower, type);
}

static void emit_closure(struct printer *p, const struct message *message)
{
    for (size_t i = 0; i < message->message_count; i++)
        emit_closure(p, message->messages[i]);
    print(p, "typedef void (*%s_Closure)(const %s *message, void *closure_data);\n",
          message->names.type, message->names.type);
}

static void emit_enum_declaration(struct printer *p, const struct enumeration *enumeration)
{
    print(p, "extern const ProtobufCEnumDescriptor %s__descriptor;\n", enumeration->names.lower);
}

static void emit_declaration(struct printer *p, const struct message *message)
{
    print(p, "extern const ProtobufCMessageDescriptor %s__descriptor;\n", message->names.lower);
    for (size_t i = 0; i < message->message_count; i++)
        emit_declaration(p, message->messages[i]);
    for (size_t i = 0; i < message->enum_count; i++)
        emit_enum_declaration(p, message->enums[i]);
}

static bool any_needs_math(struct message *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < messages[i]->field_count; j++)
            if (needs_math(&messages[i]->fields[j]))
                return true;
        if (any_needs_math(messages[i]->messages, messages[i]->message_count))
            return true;
    }
    return false;
}

static void emit_includes(struct printer *p, const struct file *file)
{
    print(p, "#include <protobuf-c/protobuf-c.h>\n#include <weir/arena.h>\n\n");
    if (any_needs_math(file->messages, file->message_count))
        print(p, "#include <math.h>\n\n");
    for (size_t i = 0; i < file->import_count; i++)
        if (!file->imports[i]->options.no_generate)
            print(p, "#include \"%s.pb-c.h\"\n", file->imports[i]->stem);
}

static void emit_each(struct printer *p, const struct file *file,
                      void (*emit)(struct printer *p, const struct message *message))
{
    for (size_t i = 0; i < file->message_count; i++)
        emit(p, file->messages[i]);
}

static const char functions_text[] =
    "/*\n"
    " * For each message, as protobuf-c has them, init, get_packed_size, pack, pack_to_buffer, "
    "unpack\n"
    " * and free_unpacked, and besides:\n"
    " *\n"
    " * unpack_borrowed: fields of bytes, and unknown fields, point into `data`; all else lies in "
    "the\n"
    " * arena, and nothing of it is freed one by one. NULL: it is malformed, or nested deeper than "
    "100,\n"
    " * or the arena refused (weir_arena_refused tells).\n"
    " *\n"
    " * pack_before and merge_borrowed are for generated code. The first packs so that the message "
    "ends\n"
    " * at `end`, and returns where it begins. The other reads a message and the length before it "
    "at\n"
    " * `at` into *message, which is made if it is NULL, and returns what is behind it, or NULL.\n"
    " */\n";

void emit_messages_header(struct printer *p, const struct file *file)
{
    const char *macro = path_macro(file->path);

    print(p, "/* Generated by protoc-gen-weir from %s: do not edit. */\n", file->path);
    print(p, "#ifndef PROTOBUF_C_%s__INCLUDED\n#define PROTOBUF_C_%s__INCLUDED\n\n", macro, macro);
    emit_includes(p, file);
    print(p, "\nPROTOBUF_C__BEGIN_DECLS\n\n");
    emit_each(p, file, emit_typedef);
    print(p, "\n");
    for (size_t i = 0; i < file->message_count; i++)
        emit_nested_enums(p, file->messages[i]);
    for (size_t i = 0; i < file->enum_count; i++)
        emit_enum(p, file->enums[i]);
    emit_each(p, file, emit_struct);
    if (file->message_count != 0)
        print_text(p, functions_text, sizeof functions_text - 1);
    emit_each(p, file, emit_functions);
    emit_each(p, file, emit_closure);
    print(p, "\n");
    for (size_t i = 0; i < file->enum_count; i++)
        emit_enum_declaration(p, file->enums[i]);
    emit_each(p, file, emit_declaration);
    print(p, "\nPROTOBUF_C__END_DECLS\n\n#endif\n");
}
