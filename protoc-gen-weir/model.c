/* SPDX-License-Identifier: MIT */
/*
 * model.c - the messages, enums and services of each file, and the names of all of them.
 *
 * protoc has checked the files: here is only what it cannot know. Types of fields and methods are
 * set in resolve.c, when every file is there.
 */
#include "model.h"

#include "memory.h"
#include "names.h"
#include "resolve.h"
#include "sanity.h"

#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;

/* Numbers of fields in descriptor.proto, of which paths to comments are made. */
enum {
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    MESSAGE_FIELD = 2,
    MESSAGE_MESSAGE = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_ONEOF = 8,
    ENUM_VALUE = 2,
    SERVICE_METHOD = 2,
};

/* Deeper than protoc lets messages be nested in each other. */
#define MAX_DEPTH 64

/* Where an element is: in which scope, and at which path. */
struct scope {
    struct file *file;
    const char *full; /* "" outside of any package */
    int32_t path[2 * MAX_DEPTH];
    size_t depth;
};

static struct scope inside(const struct scope *outer, const char *name, int32_t field, size_t index)
{
    struct scope scope = *outer;

    scope.full = *outer->full != '\0' ? keep_format("%s.%s", outer->full, name) : name;
    scope.path[scope.depth++] = field;
    scope.path[scope.depth++] = (int32_t)index;
    return scope;
}

static struct comment comment_of(const struct scope *scope)
{
    return comment_at(&scope->file->comments, scope->path, scope->depth);
}

/* The full name, with c_package in the place of the package. */
static const char *full_name_in_c(const struct file *file, const char *full)
{
    if (file->options.c_package == NULL)
        return full;
    return keep_format("%s.%s", file->options.c_package, full + strlen(file->package));
}

static struct names names_of(const struct scope *scope, const char *name)
{
    const char *in_c = full_name_in_c(scope->file, scope->full);

    return (struct names){
        .proto = name,
        .full = scope->full,
        .type = full_name_type(in_c),
        .lower = full_name_lower(in_c),
        .upper = full_name_upper(in_c),
    };
}

static struct enumeration *build_enum(const struct scope *scope, const enum_proto *proto)
{
    struct enumeration *result = keep(sizeof *result);

    result->file = scope->file;
    result->names = names_of(scope, proto->name);
    result->comment = comment_of(scope);
    result->value_count = proto->n_value;
    result->values = keep_array(proto->n_value, sizeof *result->values);
    for (size_t i = 0; i < proto->n_value; i++) {
        const Google__Protobuf__EnumValueDescriptorProto *value = proto->value[i];
        struct scope inner = inside(scope, value->name, ENUM_VALUE, i);

        result->values[i] = (struct enumerator){
            .proto = value->name,
            .name = keep_format("%s__%s", result->names.upper, value->name),
            .number = value->number,
            .comment = comment_of(&inner),
        };
    }
    return result;
}

static enum kind kind_of(const field_proto *proto)
{
    switch (proto->type) {
    case TYPE(STRING):
        return string_as_bytes(proto->options) ? KIND_BYTES : KIND_STRING;
    case TYPE(BYTES):
        return KIND_BYTES;
    case TYPE(MESSAGE):
        return KIND_MESSAGE;
    case TYPE(ENUM):
        return KIND_ENUM;
    default:
        return KIND_SCALAR;
    }
}

static enum label label_of(const struct file *file, const field_proto *proto)
{
    switch (proto->label) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED:
        return LABEL_REQUIRED;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED:
        return LABEL_REPEATED;
    default:
        return file->proto3 && !proto->proto3_optional ? LABEL_NONE : LABEL_OPTIONAL;
    }
}

/* Packed where the file says so, and in proto3 where it says nothing. */
static bool is_packed(const struct file *file, const struct field *field, const field_proto *proto)
{
    if (field->label != LABEL_REPEATED || (field->kind != KIND_SCALAR && field->kind != KIND_ENUM))
        return false;
    if (proto->options != NULL && proto->options->has_packed)
        return proto->options->packed;
    return file->proto3;
}

static void build_field(const struct scope *scope, struct field *field, const field_proto *proto)
{
    struct file *file = scope->file;

    field->proto = proto->name;
    field->member = name_member(proto->name);
    field->lower = full_name_lower(full_name_in_c(file, scope->full));
    field->number = (uint32_t)proto->number;
    field->type = proto->type;
    field->kind = kind_of(proto);
    field->label = label_of(file, proto);
    field->packed = is_packed(file, field, proto);
    field->deprecated = proto->options != NULL && proto->options->deprecated;
    field->default_text = proto->default_value;
    field->comment = comment_of(scope);
}

/* The oneofs of the message that are not there for an optional field alone. */
static void build_oneofs(const struct scope *scope, struct message *message,
                         const message_proto *proto)
{
    message->oneofs = keep_array(proto->n_oneof_decl, sizeof *message->oneofs);
    for (size_t i = 0; i < proto->n_oneof_decl; i++) {
        const char *name = proto->oneof_decl[i]->name;
        struct scope inner = inside(scope, name, MESSAGE_ONEOF, i);
        struct oneof *oneof = &message->oneofs[i];

        oneof->owner = message;
        oneof->proto = name;
        oneof->member = name_lower(name);
        oneof->case_type =
            keep_format("%sCase", full_name_type(full_name_in_c(scope->file, inner.full)));
        oneof->upper = full_name_upper(full_name_in_c(scope->file, inner.full));
        oneof->not_set = keep_format("%s__NOT_SET", oneof->upper);
        oneof->fields = keep_array(proto->n_field, sizeof *oneof->fields);
        oneof->comment = comment_of(&inner);
    }
}

/* An optional field of proto3 has a oneof of its own, after all real ones, that is left out. */
static void join_oneof(struct message *message, struct field *field, const field_proto *proto)
{
    if (proto->has_oneof_index && !proto->proto3_optional) {
        struct oneof *oneof = &message->oneofs[proto->oneof_index];

        oneof->fields[oneof->field_count++] = field;
        field->oneof = oneof;
        if ((size_t)proto->oneof_index >= message->oneof_count)
            message->oneof_count = (size_t)proto->oneof_index + 1;
    }
    field->has_member = field->label == LABEL_OPTIONAL && field->oneof == NULL &&
                        field->kind != KIND_STRING && field->kind != KIND_MESSAGE;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct field *const *x = a, *const *y = b;

    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static void build_fields(const struct scope *scope, struct message *message,
                         const message_proto *proto)
{
    message->fields = keep_array(proto->n_field, sizeof *message->fields);
    message->by_number = keep_array(proto->n_field, sizeof *message->by_number);
    for (size_t i = 0; i < proto->n_field; i++) {
        const field_proto *from = proto->field[i];
        struct scope inner = inside(scope, from->name, MESSAGE_FIELD, i);
        struct field *field = &message->fields[message->field_count];

        if (from->type == TYPE(GROUP))
            continue;
        field->owner = message;
        build_field(&inner, field, from);
        join_oneof(message, field, from);
        message->by_number[message->field_count++] = field;
    }
    qsort(message->by_number, message->field_count, sizeof *message->by_number, compare_numbers);
}

static struct message *build_message(const struct scope *scope, const message_proto *proto)
{
    struct message *result = keep(sizeof *result);

    if (scope->depth + 4 > 2 * MAX_DEPTH)
        return result;
    result->file = scope->file;
    result->names = names_of(scope, proto->name);
    result->base = base_name_of(proto->options);
    result->comment = comment_of(scope);
    build_oneofs(scope, result, proto);
    build_fields(scope, result, proto);
    result->messages = keep_array(proto->n_nested_type, sizeof *result->messages);
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        struct scope inner = inside(scope, proto->nested_type[i]->name, MESSAGE_MESSAGE, i);

        result->messages[i] = build_message(&inner, proto->nested_type[i]);
        result->messages[i]->parent = result;
    }
    result->message_count = proto->n_nested_type;
    result->enums = keep_array(proto->n_enum_type, sizeof *result->enums);
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        struct scope inner = inside(scope, proto->enum_type[i]->name, MESSAGE_ENUM, i);

        result->enums[i] = build_enum(&inner, proto->enum_type[i]);
    }
    result->enum_count = proto->n_enum_type;
    return result;
}

static void build_service(const struct scope *scope, struct service *service,
                          const service_proto *proto)
{
    service->file = scope->file;
    service->names = names_of(scope, proto->name);
    service->comment = comment_of(scope);
    service->method_count = proto->n_method;
    service->methods = keep_array(proto->n_method, sizeof *service->methods);
    for (size_t i = 0; i < proto->n_method; i++) {
        const Google__Protobuf__MethodDescriptorProto *from = proto->method[i];
        struct scope inner = inside(scope, from->name, SERVICE_METHOD, i);
        struct method *method = &service->methods[i];

        method->service = service;
        method->names = names_of(&inner, from->name);
        method->path = keep_format("/%s/%s", service->names.full, from->name);
        method->client_streams = from->client_streaming;
        method->server_streams = from->server_streaming;
        method->deprecated = from->options != NULL && from->options->deprecated;
        method->comment = comment_of(&inner);
    }
}

static void build_contents(struct file *file)
{
    const Google__Protobuf__FileDescriptorProto *proto = file->proto;
    struct scope top = {.file = file, .full = file->package};

    file->messages = keep_array(proto->n_message_type, sizeof *file->messages);
    for (size_t i = 0; i < proto->n_message_type; i++) {
        struct scope inner = inside(&top, proto->message_type[i]->name, FILE_MESSAGE, i);

        file->messages[i] = build_message(&inner, proto->message_type[i]);
    }
    file->message_count = proto->n_message_type;
    file->enums = keep_array(proto->n_enum_type, sizeof *file->enums);
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        struct scope inner = inside(&top, proto->enum_type[i]->name, FILE_ENUM, i);

        file->enums[i] = build_enum(&inner, proto->enum_type[i]);
    }
    file->enum_count = proto->n_enum_type;
    file->services = keep_array(proto->n_service, sizeof *file->services);
    for (size_t i = 0; i < proto->n_service; i++) {
        struct scope inner = inside(&top, proto->service[i]->name, FILE_SERVICE, i);

        build_service(&inner, &file->services[i], proto->service[i]);
    }
    file->service_count = proto->n_service;
}

static const char *build_file(struct file *file, const Google__Protobuf__FileDescriptorProto *proto)
{
    const char *syntax = proto->syntax != NULL ? proto->syntax : "";

    if (strcmp(syntax, "") != 0 && strcmp(syntax, "proto2") != 0 && strcmp(syntax, "proto3") != 0)
        return keep_format("%s: syntax \"%s\" is not one of proto2 and proto3", proto->name,
                           syntax);
    file->proto = proto;
    file->path = proto->name;
    file->stem = path_stem(proto->name);
    file->package = proto->package != NULL ? proto->package : "";
    file->options = file_options_of(proto->options);
    file->proto3 = strcmp(syntax, "proto3") == 0;
    file->code_size =
        proto->options != NULL && proto->options->has_optimize_for &&
        proto->options->optimize_for == GOOGLE__PROTOBUF__FILE_OPTIONS__OPTIMIZE_MODE__CODE_SIZE;
    file->comments = comments_of(proto);
    build_contents(file);
    return NULL;
}

static const char *mark_wanted(struct model *model, const char *path)
{
    for (size_t i = 0; i < model->file_count; i++) {
        if (strcmp(model->files[i].path, path) != 0)
            continue;
        model->files[i].generate = true;
        return NULL;
    }
    return keep_format("%s: protoc asks for it and does not say what is in it", path);
}

const char *model_build(const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                        struct model *out)
{
    const char *wrong = NULL;

    out->file_count = request->n_proto_file;
    out->files = keep_array(request->n_proto_file, sizeof *out->files);
    for (size_t i = 0; i < out->file_count && wrong == NULL; i++) {
        wrong = insane(request->proto_file[i]);
        if (wrong == NULL)
            wrong = build_file(&out->files[i], request->proto_file[i]);
    }
    for (size_t i = 0; i < request->n_file_to_generate && wrong == NULL; i++)
        wrong = mark_wanted(out, request->file_to_generate[i]);
    return wrong != NULL ? wrong : resolve(out);
}
