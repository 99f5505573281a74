/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - the tables by which protobuf-c's library knows a message or an enum.
 *
 * They are equal to those of protobuf-c's compiler, member by member. With optimize_for = CODE_SIZE
 * they are without names, as there.
 */
#include "emit.h"

#include "memory.h"
#include "names.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* A name in quotes, or NULL where names are left out. */
static const char *quoted(const struct file *file, const char *name)
{
    return file->code_size ? "NULL" : keep_format("\"%s\"", name);
}

static void emit_names(struct printer *p, const struct file *file, const struct names *names,
                       const char *short_name)
{
    print(p, "%s, %s,\n%s, %s,\n", quoted(file, names->full), quoted(file, short_name),
          quoted(file, names->type), quoted(file, file->package));
}

/* ---- ranges of numbers ---- */

/*
 * Sorted numbers without duplicates as ranges: where each begins, and how many numbers are before
 * it; then an end with how many there are. Returns how many ranges.
 */
static size_t emit_ranges(struct printer *p, const char *name, const int64_t *numbers, size_t count)
{
    size_t ranges = 0;

    print_in(p, "static const ProtobufCIntRange %s[] = {\n", name);
    for (size_t i = 0; i < count; i++) {
        if (i != 0 && numbers[i - 1] + 1 == numbers[i])
            continue;
        print(p, "{ %s, %zu },\n",
              numbers[i] == INT32_MIN ? "INT32_MIN" : keep_format("%lld", (long long)numbers[i]),
              i);
        ranges++;
    }
    print(p, "{ 0, %zu },\n", count);
    print_out(p, "};\n\n");
    return ranges;
}

/* ---- enums ---- */

struct value_index {
    const struct enumerator *value;
    size_t place; /* of the first with its number, among those with different numbers */
};

static int compare_numbers(const void *a, const void *b)
{
    const struct value_index *x = a, *y = b;

    if (x->value->number != y->value->number)
        return x->value->number < y->value->number ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static int compare_value_names(const void *a, const void *b)
{
    const struct value_index *x = a, *y = b;

    return strcmp(x->value->proto, y->value->proto);
}

/* Sorted by number, each with its place; returns how many numbers there are. */
static size_t index_values(const struct enumeration *enumeration, struct value_index *index)
{
    size_t places = 0;

    for (size_t i = 0; i < enumeration->value_count; i++)
        index[i].value = &enumeration->values[i];
    qsort(index, enumeration->value_count, sizeof *index, compare_numbers);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        if (i == 0 || index[i - 1].value->number != index[i].value->number)
            places++;
        index[i].place = places - 1;
    }
    return places;
}

/* Returns how many ranges there are. */
static size_t emit_values_by_number(struct printer *p, const struct enumeration *enumeration,
                                    const struct value_index *index, size_t places)
{
    int64_t *numbers = keep_array(places, sizeof *numbers);

    print_in(p, "static const ProtobufCEnumValue %s__enum_values_by_number[%zu] = {\n",
             enumeration->names.lower, places);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        const struct enumerator *value = index[i].value;

        if (i != 0 && index[i - 1].place == index[i].place)
            continue;
        numbers[index[i].place] = value->number;
        print(p, "{ %s, %s, %s },\n", quoted(enumeration->file, value->proto),
              quoted(enumeration->file, value->name), value->name);
    }
    print_out(p, "};\n\n");
    return emit_ranges(p, keep_format("%s__value_ranges", enumeration->names.lower), numbers,
                       places);
}

static void emit_values_by_name(struct printer *p, const struct enumeration *enumeration,
                                struct value_index *index)
{
    qsort(index, enumeration->value_count, sizeof *index, compare_value_names);
    print_in(p, "static const ProtobufCEnumValueIndex %s__enum_values_by_name[%zu] = {\n",
             enumeration->names.lower, enumeration->value_count);
    for (size_t i = 0; i < enumeration->value_count; i++)
        print(p, "{ \"%s\", %zu },\n", index[i].value->proto, index[i].place);
    print_out(p, "};\n\n");
}

void emit_enum_descriptor(struct printer *p, const struct enumeration *enumeration)
{
    struct value_index *index = keep_array(enumeration->value_count, sizeof *index);
    size_t places = index_values(enumeration, index);
    size_t ranges = emit_values_by_number(p, enumeration, index, places);
    const char *lower = enumeration->names.lower;
    bool code_size = enumeration->file->code_size;

    if (!code_size)
        emit_values_by_name(p, enumeration, index);
    print_in(p, "const ProtobufCEnumDescriptor %s__descriptor = {\n", lower);
    print(p, "PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,\n");
    emit_names(p, enumeration->file, &enumeration->names, enumeration->names.proto);
    print(p, "%zu, %s__enum_values_by_number,\n", places, lower);
    if (code_size)
        print(p, "0, NULL,\n");
    else
        print(p, "%zu, %s__enum_values_by_name,\n", enumeration->value_count, lower);
    print(p, "%zu, %s__value_ranges,\nNULL, NULL, NULL, NULL,\n", ranges, lower);
    print_out(p, "};\n\n");
}

/* ---- defaults ---- */

static void emit_default(struct printer *p, const struct field *field)
{
    const char *lower = field->lower;

    if (field->kind == KIND_STRING) {
        print(p, "char %s__default_value[] = %s;\n", lower, literal(default_bytes(field)));
        return;
    }
    if (field->kind == KIND_BYTES)
        print(p, "uint8_t %s__default_value_data[] = %s;\n", lower, literal(default_bytes(field)));
    print(p, "static const %s %s__default_value = %s;\n", value_type(field), lower,
          value_initializer(field));
}

static void emit_defaults(struct printer *p, const struct message *message)
{
    bool any = false;

    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].default_text == NULL)
            continue;
        emit_default(p, &message->fields[i]);
        any = true;
    }
    if (any)
        print(p, "\n");
}

/* ---- fields ---- */

static const char *label_macro(enum label label)
{
    static const char *const names[] = {"REQUIRED", "OPTIONAL", "NONE", "REPEATED"};

    return names[label];
}

static const char *quantifier(const struct field *field)
{
    const char *type = field->owner->names.type;

    if (field->label == LABEL_REPEATED)
        return keep_format("offsetof(%s, n_%s)", type, field->member);
    if (field->oneof != NULL)
        return keep_format("offsetof(%s, %s_case)", type, field->oneof->member);
    if (field->has_member)
        return keep_format("offsetof(%s, has_%s)", type, field->member);
    return "0";
}

static const char *flags(const struct field *field)
{
    const char *result =
        keep_format("%s%s%s", field->packed ? " | PROTOBUF_C_FIELD_FLAG_PACKED" : "",
                    field->deprecated ? " | PROTOBUF_C_FIELD_FLAG_DEPRECATED" : "",
                    field->oneof != NULL ? " | PROTOBUF_C_FIELD_FLAG_ONEOF" : "");

    return *result != '\0' ? result + 3 : "0";
}

static const char *type_address(const struct field *field)
{
    if (field->kind == KIND_MESSAGE)
        return keep_format("&%s__descriptor", field->message->names.lower);
    if (field->kind == KIND_ENUM)
        return keep_format("&%s__descriptor", field->enumeration->names.lower);
    return "NULL";
}

static void emit_field(struct printer *p, const struct field *field)
{
    const struct file *file = field->owner->file;
    bool by_oneof = field->oneof != NULL && file->options.use_oneof_field_name;

    print_in(p, "{\n");
    print(p, "%s, %u,\n", quoted(file, by_oneof ? field->oneof->proto : field->proto),
          field->number);
    print(p, "PROTOBUF_C_LABEL_%s, PROTOBUF_C_TYPE_%s,\n", label_macro(field->label),
          type_macro(field));
    print(p, "%s, offsetof(%s, %s),\n", quantifier(field), field->owner->names.type, field->member);
    print(p, "%s, %s,\n", type_address(field), default_address(field));
    print(p, "%s,\n0, NULL, NULL,\n", flags(field));
    print_out(p, "},\n");
}

static int compare_field_names(const void *a, const void *b)
{
    const struct field *const *const *x = a, *const *const *y = b;

    return strcmp((**x)->proto, (**y)->proto);
}

/* For each field in the order of names, its place in the order of numbers. */
static void emit_indices_by_name(struct printer *p, const struct message *message)
{
    const struct field ***sorted = keep_array(message->field_count, sizeof *sorted);

    for (size_t i = 0; i < message->field_count; i++)
        sorted[i] = &message->by_number[i];
    qsort(sorted, message->field_count, sizeof *sorted, compare_field_names);
    print_in(p, "static const unsigned %s__field_indices_by_name[] = {\n", message->names.lower);
    for (size_t i = 0; i < message->field_count; i++)
        print(p, "%td, /* %s */\n", sorted[i] - message->by_number, (*sorted[i])->proto);
    print_out(p, "};\n\n");
}

static size_t emit_numbers(struct printer *p, const struct message *message)
{
    int64_t *numbers = keep_array(message->field_count, sizeof *numbers);

    for (size_t i = 0; i < message->field_count; i++)
        numbers[i] = message->by_number[i]->number;
    return emit_ranges(p, keep_format("%s__number_ranges", message->names.lower), numbers,
                       message->field_count);
}

/* Returns how many ranges of numbers there are. */
static size_t emit_fields(struct printer *p, const struct message *message)
{
    print_in(p, "static const ProtobufCFieldDescriptor %s__field_descriptors[%zu] = {\n",
             message->names.lower, message->field_count);
    for (size_t i = 0; i < message->field_count; i++)
        emit_field(p, message->by_number[i]);
    print_out(p, "};\n\n");
    if (!message->file->code_size)
        emit_indices_by_name(p, message);
    return emit_numbers(p, message);
}

void emit_descriptors(struct printer *p, const struct message *message)
{
    const char *lower = message->names.lower;
    bool any = message->field_count != 0;
    size_t ranges = 0;

    emit_defaults(p, message);
    if (any)
        ranges = emit_fields(p, message);
    print_in(p, "const ProtobufCMessageDescriptor %s__descriptor = {\n", lower);
    print(p, "PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,\n");
    emit_names(p, message->file, &message->names, name_camel(message->names.proto));
    print(p, "sizeof(%s),\n", message->names.type);
    print(p, "%zu, %s,\n", message->field_count,
          any ? keep_format("%s__field_descriptors", lower) : "NULL");
    print(p, "%s,\n",
          any && !message->file->code_size ? keep_format("%s__field_indices_by_name", lower)
                                           : "NULL");
    print(p, "%zu, %s,\n", ranges, any ? keep_format("%s__number_ranges", lower) : "NULL");
    print(p, "(ProtobufCMessageInit)%s__init,\nNULL, NULL, NULL,\n", lower);
    print_out(p, "};\n\n");
}
