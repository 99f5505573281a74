/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - from names of types to the types: in fields, methods and imports.
 *
 * protoc has made every name of a type a full one with a dot before it. A sorted table of all
 * declared names finds it.
 */
#include "resolve.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct declared {
    const char *full;
    struct message *message;
    struct enumeration *enumeration;
};

struct table {
    struct declared *entries;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct declared *)a)->full, ((const struct declared *)b)->full);
}

static void declare(struct table *table, struct declared entry)
{
    table->entries = keep_more(table->entries, table->count, sizeof *table->entries);
    table->entries[table->count++] = entry;
}

static void declare_enums(struct table *table, struct enumeration **enums, size_t count)
{
    for (size_t i = 0; i < count; i++)
        declare(table, (struct declared){enums[i]->names.full, NULL, enums[i]});
}

static void declare_messages(struct table *table, struct message **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        declare(table, (struct declared){messages[i]->names.full, messages[i], NULL});
        declare_enums(table, messages[i]->enums, messages[i]->enum_count);
        declare_messages(table, messages[i]->messages, messages[i]->message_count);
    }
}

static const struct declared *find(const struct table *table, const char *name)
{
    struct declared key = {.full = name != NULL && *name == '.' ? name + 1 : ""};

    return bsearch(&key, table->entries, table->count, sizeof *table->entries, compare);
}

static const char *unknown(const struct file *file, const char *name)
{
    return keep_format("%s: no file declares %s", file->path, name != NULL ? name : "(no name)");
}

static const char *resolve_fields(const struct table *table, struct message *message,
                                  const Google__Protobuf__DescriptorProto *proto)
{
    struct field *field = message->fields;

    for (size_t i = 0; i < proto->n_field; i++) {
        const Google__Protobuf__FieldDescriptorProto *from = proto->field[i];
        const struct declared *type;

        if (from->type == TYPE(GROUP))
            continue;
        type = field->kind >= KIND_ENUM && from->type_name != NULL ? find(table, from->type_name)
                                                                   : NULL;
        if (field->kind == KIND_MESSAGE && (type == NULL || type->message == NULL))
            return unknown(message->file, from->type_name);
        if (field->kind == KIND_ENUM && (type == NULL || type->enumeration == NULL))
            return unknown(message->file, from->type_name);
        if (type != NULL) {
            field->message = type->message;
            field->enumeration = type->enumeration;
        }
        field++;
    }
    return NULL;
}

static const char *resolve_message(const struct table *table, struct message *message,
                                   const Google__Protobuf__DescriptorProto *proto)
{
    const char *wrong = resolve_fields(table, message, proto);

    for (size_t i = 0; i < message->message_count && wrong == NULL; i++)
        wrong = resolve_message(table, message->messages[i], proto->nested_type[i]);
    return wrong;
}

static const char *resolve_service(const struct table *table, struct service *service,
                                   const Google__Protobuf__ServiceDescriptorProto *proto)
{
    for (size_t i = 0; i < service->method_count; i++) {
        const struct declared *request = find(table, proto->method[i]->input_type);
        const struct declared *response = find(table, proto->method[i]->output_type);

        if (request == NULL || request->message == NULL)
            return unknown(service->file, proto->method[i]->input_type);
        if (response == NULL || response->message == NULL)
            return unknown(service->file, proto->method[i]->output_type);
        service->methods[i].request = request->message;
        service->methods[i].response = response->message;
    }
    return NULL;
}

static struct file *find_file(struct model *model, const char *path)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (strcmp(model->files[i].path, path) == 0)
            return &model->files[i];
    return NULL;
}

static const char *resolve_imports(struct model *model, struct file *file)
{
    file->import_count = file->proto->n_dependency;
    file->imports = keep_array(file->import_count, sizeof *file->imports);
    for (size_t i = 0; i < file->import_count; i++) {
        file->imports[i] = find_file(model, file->proto->dependency[i]);
        if (file->imports[i] == NULL)
            return keep_format("%s: %s, which it imports, is missing", file->path,
                               file->proto->dependency[i]);
    }
    return NULL;
}

static const char *resolve_file(struct model *model, const struct table *table, struct file *file)
{
    const char *wrong = resolve_imports(model, file);

    for (size_t i = 0; i < file->message_count && wrong == NULL; i++)
        wrong = resolve_message(table, file->messages[i], file->proto->message_type[i]);
    for (size_t i = 0; i < file->service_count && wrong == NULL; i++)
        wrong = resolve_service(table, &file->services[i], file->proto->service[i]);
    return wrong;
}

/* ---- how deep messages nest ---- */

/* One more than the most levels of what it holds; 0 while that is not known of all of it. */
static unsigned levels_of(const struct message *message)
{
    unsigned levels = 1;

    for (size_t i = 0; i < message->field_count; i++) {
        const struct message *inner = message->fields[i].message;

        if (inner != NULL && inner->levels == 0)
            return 0;
        if (inner != NULL && inner->levels >= levels)
            levels = inner->levels + 1;
    }
    return levels;
}

/*
 * One pass over all messages finds those that hold only known ones, so what is unknown after
 * as many passes as levels are allowed lies within itself, or is deeper than that anyway.
 */
static void find_levels(const struct table *table)
{
    for (unsigned pass = 0; pass <= MAX_NESTING; pass++)
        for (size_t i = 0; i < table->count; i++) {
            struct message *message = table->entries[i].message;

            if (message != NULL && message->levels == 0)
                message->levels = levels_of(message);
        }
}

const char *resolve(struct model *model)
{
    struct table table = {0};
    const char *wrong = NULL;

    for (size_t i = 0; i < model->file_count; i++) {
        declare_messages(&table, model->files[i].messages, model->files[i].message_count);
        declare_enums(&table, model->files[i].enums, model->files[i].enum_count);
    }
    if (table.count != 0)
        qsort(table.entries, table.count, sizeof *table.entries, compare);
    for (size_t i = 0; i < model->file_count && wrong == NULL; i++)
        wrong = resolve_file(model, &table, &model->files[i]);
    if (wrong == NULL)
        find_levels(&table);
    return wrong;
}
