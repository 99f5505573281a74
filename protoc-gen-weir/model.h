/* SPDX-License-Identifier: MIT */
/*
 * model.h - what the .proto files say, with every name resolved and every name of C made.
 *
 * The model holds all files of the request, those that are only imported, too, so that a field's
 * type is a pointer wherever it is declared. Arrays are in the order of declaration unless said
 * otherwise; output follows them, and is the same for the same input.
 */
#ifndef MODEL_H
#define MODEL_H

#include "comments.h"
#include "options.h"

#include <google/protobuf/compiler/plugin.pb-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels of messages below the first that the library lets through, WEIR_PROTOBUF_MAX_NESTING. */
#define MAX_NESTING 100

/* The names of a message, an enum, a service or a method. */
struct names {
    const char *proto; /* in its scope: BazQux */
    const char *full;  /* foo.bar.BazQux, without a dot before it */
    const char *type;  /* Foo__Bar__BazQux */
    const char *lower; /* foo__bar__baz_qux */
    const char *upper; /* FOO__BAR__BAZ_QUX */
};

struct enumerator {
    const char *proto; /* RED */
    const char *name;  /* FOO__COLOR__RED */
    int32_t number;
    struct comment comment;
};

struct enumeration {
    const struct file *file;
    struct names names;
    struct enumerator *values;
    size_t value_count;
    struct comment comment;
};

/* As protobuf-c labels fields; NONE is a field of proto3 without presence. */
enum label { LABEL_REQUIRED, LABEL_OPTIONAL, LABEL_NONE, LABEL_REPEATED };

/* How a value is held in C. */
enum kind { KIND_SCALAR, KIND_ENUM, KIND_STRING, KIND_BYTES, KIND_MESSAGE };

typedef Google__Protobuf__FieldDescriptorProto__Type field_type;

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

struct field {
    const struct message *owner;
    const char *proto;  /* fooBar */
    const char *member; /* foobar; the array of a repeated field, with n_foobar beside it */
    const char *lower;  /* of the full name: foo__baz_qux__foo_bar */
    uint32_t number;
    enum label label;
    enum kind kind;
    field_type type;
    bool has_member; /* there is a has_foobar */
    bool packed;     /* written packed */
    bool deprecated;
    const struct oneof *oneof;             /* NULL: none, also for an optional field of proto3 */
    const struct message *message;         /* of KIND_MESSAGE */
    const struct enumeration *enumeration; /* of KIND_ENUM */
    const char *default_text;              /* as in the descriptor; NULL: none is declared */
    struct comment comment;
};

struct oneof {
    const struct message *owner;
    const char *proto;     /* fooBar */
    const char *member;    /* foo_bar, for foo_bar_case */
    const char *case_type; /* Foo__BazQux__FooBarCase */
    const char *not_set;   /* FOO__BAZ_QUX__FOO_BAR__NOT_SET */
    const char *upper;     /* FOO__BAZ_QUX__FOO_BAR, before _ and the field's name */
    const struct field **fields;
    size_t field_count;
    struct comment comment;
};

struct message {
    const struct file *file;
    const struct message *parent; /* NULL: at the top of the file */
    struct names names;
    const char *base;     /* the name of the member that is a ProtobufCMessage */
    struct field *fields; /* without groups */
    size_t field_count;
    const struct field **by_number;
    struct oneof *oneofs; /* without those that stand for an optional field of proto3 */
    size_t oneof_count;
    struct message **messages; /* nested ones, entries of maps among them */
    size_t message_count;
    struct enumeration **enums;
    size_t enum_count;
    unsigned levels; /* of messages, itself the first; 0: no bound below MAX_NESTING */
    struct comment comment;
};

struct method {
    const struct service *service;
    struct names names; /* of service and method: foo__bar__route_guide__route_chat */
    const char *path;   /* /foo.bar.RouteGuide/RouteChat */
    const struct message *request;
    const struct message *response;
    bool client_streams;
    bool server_streams;
    bool deprecated;
    struct comment comment;
};

struct service {
    const struct file *file;
    struct names names;
    struct method *methods;
    size_t method_count;
    struct comment comment;
};

struct file {
    const Google__Protobuf__FileDescriptorProto *proto;
    const char *path; /* foo/bar.proto */
    const char *stem; /* foo/bar */
    const char *package;
    struct file_options options;
    bool proto3;
    bool code_size; /* optimize_for = CODE_SIZE: descriptors without names */
    bool generate;  /* protoc asks for this file's output */
    struct file **imports;
    size_t import_count;
    struct message **messages;
    size_t message_count;
    struct enumeration **enums;
    size_t enum_count;
    struct service *services;
    size_t service_count;
    struct comments comments;
};

struct model {
    struct file *files; /* imports before those that import them */
    size_t file_count;
};

/* NULL, or what is wrong with the request. */
const char *model_build(const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                        struct model *out);

#endif
