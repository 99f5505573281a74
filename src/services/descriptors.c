/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - what .proto files declare, by name.
 *
 * Everything is read once, when reflection is registered, and sorted, so that a request is a search
 * by halves and a client cannot make it dear.
 */
#include "descriptors.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* Adds to lists that are all in one arena; the first failure is kept. */
struct reader {
    struct descriptors *all;
    const weir_file *file;
    bool failed;
};

static void *grown(weir_arena *arena, const void *items, size_t size, size_t *capacity)
{
    size_t more = *capacity != 0 ? *capacity * 2 : 16;
    void *larger = weir_arena_alloc(arena, more * size);

    if (larger == NULL)
        return NULL;
    if (*capacity != 0)
        memcpy(larger, items, *capacity * size);
    *capacity = more;
    return larger;
}

static void add_symbol(struct reader *reader, struct symbols *symbols, const char *name)
{
    if (symbols->count == symbols->capacity) {
        struct symbol *larger =
            grown(reader->all->arena, symbols->items, sizeof *symbols->items, &symbols->capacity);

        if (larger == NULL) {
            reader->failed = true;
            return;
        }
        symbols->items = larger;
    }
    symbols->items[symbols->count++] = (struct symbol){name, reader->file};
}

static void add_extension(struct reader *reader, const char *extendee, int32_t number)
{
    struct extensions *extensions = &reader->all->extensions;

    if (extensions->count == extensions->capacity) {
        struct extension *larger = grown(reader->all->arena, extensions->items,
                                         sizeof *extensions->items, &extensions->capacity);

        if (larger == NULL) {
            reader->failed = true;
            return;
        }
        extensions->items = larger;
    }
    if (extendee[0] == '.')
        extendee++;
    extensions->items[extensions->count++] = (struct extension){extendee, number, reader->file};
}

/* Adds what is declared as `name` in `scope`, and gives its full name, which is then a scope,
 * too. */
static const char *declare(struct reader *reader, const char *scope, const char *name)
{
    const char *full;

    if (name == NULL)
        name = "";
    if (scope[0] == '\0')
        full = name;
    else
        full = weir_arena_format(reader->all->arena, "%s.%s", scope, name);
    if (full == NULL) {
        reader->failed = true;
        return "";
    }
    add_symbol(reader, &reader->all->symbols, full);
    return full;
}

/* ---- what a file holds ---- */

static void read_enum(struct reader *reader, const char *scope,
                      const Google__Protobuf__EnumDescriptorProto *proto)
{
    declare(reader, scope, proto->name);
    /* A value is a name beside its enum, not inside it. */
    for (size_t i = 0; i < proto->n_value; i++)
        declare(reader, scope, proto->value[i]->name);
}

static void read_extension(struct reader *reader, const char *scope,
                           const Google__Protobuf__FieldDescriptorProto *proto)
{
    declare(reader, scope, proto->name);
    if (proto->extendee != NULL)
        add_extension(reader, proto->extendee, proto->number);
}

static void read_message(struct reader *reader, const char *scope,
                         const Google__Protobuf__DescriptorProto *proto)
{
    const char *name = declare(reader, scope, proto->name);

    for (size_t i = 0; i < proto->n_field; i++)
        declare(reader, name, proto->field[i]->name);
    for (size_t i = 0; i < proto->n_oneof_decl; i++)
        declare(reader, name, proto->oneof_decl[i]->name);
    for (size_t i = 0; i < proto->n_enum_type; i++)
        read_enum(reader, name, proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_extension; i++)
        read_extension(reader, name, proto->extension[i]);
    for (size_t i = 0; i < proto->n_nested_type; i++)
        read_message(reader, name, proto->nested_type[i]); /* unpacking bounds the depth */
}

static void read_service(struct reader *reader, const char *scope,
                         const Google__Protobuf__ServiceDescriptorProto *proto)
{
    const char *name = declare(reader, scope, proto->name);

    add_symbol(reader, &reader->all->services, name);
    for (size_t i = 0; i < proto->n_method; i++)
        declare(reader, name, proto->method[i]->name);
}

static void read_declarations(struct reader *reader,
                              const Google__Protobuf__FileDescriptorProto *proto)
{
    const char *scope = proto->package != NULL ? proto->package : "";

    for (size_t i = 0; i < proto->n_message_type; i++)
        read_message(reader, scope, proto->message_type[i]);
    for (size_t i = 0; i < proto->n_enum_type; i++)
        read_enum(reader, scope, proto->enum_type[i]);
    for (size_t i = 0; i < proto->n_extension; i++)
        read_extension(reader, scope, proto->extension[i]);
}

static void read_services(struct reader *reader, const Google__Protobuf__FileDescriptorProto *proto)
{
    const char *scope = proto->package != NULL ? proto->package : "";

    for (size_t i = 0; i < proto->n_service; i++)
        read_service(reader, scope, proto->service[i]);
}

/* ---- files ---- */

static bool is_known(const struct descriptors *all, const weir_file *file)
{
    for (size_t i = 0; i < all->files.count; i++)
        if (strcmp(all->files.items[i].name, file->name) == 0)
            return true;
    return false;
}

static weir_code read_file(struct descriptors *all, const weir_file *file, weir_status *why)
{
    struct reader reader = {.all = all, .file = file};
    Google__Protobuf__FileDescriptorProto *proto;

    if (is_known(all, file))
        return WEIR_OK;
    proto = google__protobuf__file_descriptor_proto__unpack_borrowed(all->arena, file->size,
                                                                     file->data);
    if (proto == NULL && !weir_arena_refused(all->arena))
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "%s: its data is no FileDescriptorProto",
                         file->name);
    add_symbol(&reader, &all->files, file->name);
    if (proto != NULL) {
        read_declarations(&reader, proto);
        read_services(&reader, proto);
    }
    if (proto == NULL || reader.failed)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for %s", file->name);
    for (size_t i = 0; i < file->import_count; i++) {
        weir_code code = read_file(all, file->imports[i], why);

        if (code != WEIR_OK)
            return code;
    }
    return WEIR_OK;
}

/* ---- order ---- */

static int compare_symbols(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static int compare_extensions(const void *left, const void *right)
{
    const struct extension *a = left, *b = right;
    int order = strcmp(a->extendee, b->extendee);

    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void sort(struct symbols *symbols)
{
    if (symbols->count != 0)
        qsort(symbols->items, symbols->count, sizeof *symbols->items, compare_symbols);
}

static bool is_one_of(const weir_file *file, const weir_file *const *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i]->name, file->name) == 0)
            return true;
    return false;
}

/* A file that is only imported declares services that need not be served. */
static void keep_services_of(struct symbols *services, const weir_file *const *files, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < services->count; i++)
        if (is_one_of(services->items[i].file, files, count))
            services->items[kept++] = services->items[i];
    services->count = kept;
}

weir_code descriptors_read(struct descriptors *all, const weir_file *const *files, size_t count,
                           weir_status *why)
{
    for (size_t i = 0; i < count; i++) {
        weir_code code = read_file(all, files[i], why);

        if (code != WEIR_OK)
            return code;
    }
    keep_services_of(&all->services, files, count);
    sort(&all->files);
    sort(&all->symbols);
    sort(&all->services);
    if (all->extensions.count != 0)
        qsort(all->extensions.items, all->extensions.count, sizeof *all->extensions.items,
              compare_extensions);
    return WEIR_OK;
}

const weir_file *symbols_find(const struct symbols *symbols, const char *name)
{
    const struct symbol key = {.name = name};
    const struct symbol *found = NULL;

    if (symbols->count != 0)
        found = bsearch(&key, symbols->items, symbols->count, sizeof key, compare_symbols);
    return found != NULL ? found->file : NULL;
}

size_t extensions_find(const struct extensions *extensions, const char *extendee, int32_t number)
{
    const struct extension key = {.extendee = extendee, .number = number};
    size_t low = 0, high = extensions->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_extensions(&extensions->items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
