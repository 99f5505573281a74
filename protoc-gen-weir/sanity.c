/* SPDX-License-Identifier: MIT */
/*
 * sanity.c - whether a descriptor is whole.
 */
#include "sanity.h"

#include "memory.h"

#include <stdbool.h>
#include <string.h>

#define MAX_NUMBER ((1 << 29) - 1)

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t size;

    if (name == NULL || *name == '\0' || strchr(letters, *name) == NULL)
        return false;
    size = strspn(name, letters);
    while (name[size] != '\0' &&
           (strchr("0123456789", name[size]) != NULL || strchr(letters, name[size]) != NULL))
        size++;
    return name[size] == '\0';
}

static bool is_enum_whole(const Google__Protobuf__EnumDescriptorProto *proto)
{
    for (size_t i = 0; i < proto->n_value; i++)
        if (!is_name(proto->value[i]->name))
            return false;
    return is_name(proto->name) && proto->n_value != 0;
}

static bool is_field_whole(const Google__Protobuf__DescriptorProto *message,
                           const Google__Protobuf__FieldDescriptorProto *proto)
{
    if (proto->has_oneof_index &&
        (proto->oneof_index < 0 || (size_t)proto->oneof_index >= message->n_oneof_decl))
        return false;
    return is_name(proto->name) && proto->number > 0 && proto->number <= MAX_NUMBER;
}

static bool is_message_whole(const Google__Protobuf__DescriptorProto *proto)
{
    for (size_t i = 0; i < proto->n_oneof_decl; i++)
        if (!is_name(proto->oneof_decl[i]->name))
            return false;
    for (size_t i = 0; i < proto->n_field; i++)
        if (!is_field_whole(proto, proto->field[i]))
            return false;
    for (size_t i = 0; i < proto->n_enum_type; i++)
        if (!is_enum_whole(proto->enum_type[i]))
            return false;
    for (size_t i = 0; i < proto->n_nested_type; i++)
        if (!is_message_whole(proto->nested_type[i]))
            return false;
    return is_name(proto->name);
}

static bool is_service_whole(const Google__Protobuf__ServiceDescriptorProto *proto)
{
    for (size_t i = 0; i < proto->n_method; i++)
        if (!is_name(proto->method[i]->name))
            return false;
    return is_name(proto->name);
}

static const char *not_whole(const Google__Protobuf__FileDescriptorProto *file, const char *kind,
                             const char *name)
{
    return keep_format("%s: the %s %s is not whole", file->name, kind,
                       name != NULL ? name : "without a name");
}

const char *insane(const Google__Protobuf__FileDescriptorProto *file)
{
    if (file->name == NULL)
        return "a file without a name";
    for (size_t i = 0; i < file->n_message_type; i++)
        if (!is_message_whole(file->message_type[i]))
            return not_whole(file, "message", file->message_type[i]->name);
    for (size_t i = 0; i < file->n_enum_type; i++)
        if (!is_enum_whole(file->enum_type[i]))
            return not_whole(file, "enum", file->enum_type[i]->name);
    for (size_t i = 0; i < file->n_service; i++)
        if (!is_service_whole(file->service[i]))
            return not_whole(file, "service", file->service[i]->name);
    return NULL;
}
