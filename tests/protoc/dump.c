/* SPDX-License-Identifier: MIT */
/*
 * dump.c - everything that can be seen of a generated message or enum, as text.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *name(const char *text)
{
    return text != NULL ? text : "(none)";
}

static void dump_value(ProtobufCType type, const void *at)
{
    uint32_t word;
    uint64_t words;

    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
        printf("string %s", name(*(char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        printf("bytes");
        for (size_t i = 0; i < ((const ProtobufCBinaryData *)at)->len; i++)
            printf(" %02x", ((const ProtobufCBinaryData *)at)->data[i]);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        printf("message %s", *(void *const *)at == NULL ? "NULL" : "set");
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&words, at, sizeof words);
        printf("%016" PRIx64, words);
        break;
    default:
        memcpy(&word, at, sizeof word);
        printf("%08" PRIx32, word);
    }
}

/* A default of a string is its characters, any other is a value. */
static void dump_default(const ProtobufCFieldDescriptor *field)
{
    printf("  default ");
    if (field->default_value == NULL)
        printf("none");
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        printf("string %s", (const char *)field->default_value);
    else
        dump_value(field->type, field->default_value);
    printf("%s\n", field->default_value == protobuf_c_empty_string ? " (the library's)" : "");
}

static void dump_field(const ProtobufCFieldDescriptor *field)
{
    const char *of = "-";

    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        of = name(((const ProtobufCMessageDescriptor *)field->descriptor)->c_name);
    else if (field->type == PROTOBUF_C_TYPE_ENUM)
        of = name(((const ProtobufCEnumDescriptor *)field->descriptor)->c_name);
    printf(" field %s %" PRIu32 " label %d type %d of %s\n", name(field->name), field->id,
           field->label, field->type, of);
    printf("  quantifier %u offset %u flags %" PRIu32 " reserved %u %d %d\n",
           field->quantifier_offset, field->offset, field->flags, field->reserved_flags,
           field->reserved2 == NULL, field->reserved3 == NULL);
    dump_default(field);
}

static void dump_ranges(const ProtobufCIntRange *ranges, unsigned count)
{
    printf(" ranges %u", count);
    for (unsigned i = 0; ranges != NULL && i <= count; i++)
        printf(" %d:%u", ranges[i].start_value, ranges[i].orig_index);
    printf("\n");
}

void dump_message(const ProtobufCMessageDescriptor *descriptor)
{
    printf("message %s, %s, %s, package %s\n", name(descriptor->name), name(descriptor->short_name),
           name(descriptor->c_name), name(descriptor->package_name));
    printf(" magic %" PRIx32 " size %zu fields %u init %d reserved %d %d %d\n", descriptor->magic,
           descriptor->sizeof_message, descriptor->n_fields, descriptor->message_init != NULL,
           descriptor->reserved1 == NULL, descriptor->reserved2 == NULL,
           descriptor->reserved3 == NULL);
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        dump_field(&descriptor->fields[i]);
    printf(" by name");
    for (unsigned i = 0; descriptor->fields_sorted_by_name != NULL && i < descriptor->n_fields; i++)
        printf(" %u", descriptor->fields_sorted_by_name[i]);
    printf("\n");
    dump_ranges(descriptor->field_ranges, descriptor->n_field_ranges);
}

void dump_enum(const ProtobufCEnumDescriptor *descriptor)
{
    printf("enum %s, %s, %s, package %s, magic %" PRIx32 "\n", name(descriptor->name),
           name(descriptor->short_name), name(descriptor->c_name), name(descriptor->package_name),
           descriptor->magic);
    for (unsigned i = 0; i < descriptor->n_values; i++)
        printf(" value %s %s %d\n", name(descriptor->values[i].name),
               name(descriptor->values[i].c_name), descriptor->values[i].value);
    for (unsigned i = 0; i < descriptor->n_value_names; i++)
        printf(" by name %s %u\n", descriptor->values_by_name[i].name,
               descriptor->values_by_name[i].index);
    dump_ranges(descriptor->value_ranges, descriptor->n_value_ranges);
}

/* A member of a oneof lies where others lie, too: its case says that none is set. */
void dump_initial(const char *how, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *bytes = (const char *)message;

    printf("%s %s unknown %u\n", how, name(descriptor->c_name), message->n_unknown_fields);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        int quantifier = 0;

        if (field->quantifier_offset != 0)
            memcpy(&quantifier, bytes + field->quantifier_offset, sizeof quantifier);
        printf(" %" PRIu32 " quantifier %d ", field->id, quantifier);
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            printf("one of them");
        else if (field->label == PROTOBUF_C_LABEL_REPEATED)
            printf("array %s", *(void *const *)(bytes + field->offset) == NULL ? "NULL" : "set");
        else
            dump_value(field->type, bytes + field->offset);
        printf("\n");
    }
}
