/* SPDX-License-Identifier: MIT */
/*
 * messages.c - see messages.h.
 */
#include "conformance/messages.h"

#include "metadata/base64.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

void *take(weir_arena *arena, size_t size)
{
    void *memory = weir_arena_alloc(arena, size);

    if (memory == NULL)
        fail("out of memory");
    return memory;
}

void list_add(struct list *list, void *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? 2 * list->capacity : 8;
        void **items = take(list->arena, capacity * sizeof *items);

        if (list->count != 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

/* ---- Any ---- */

any *any_of(weir_arena *arena, const char *type, uint8_t *data, size_t size)
{
    any *out = take(arena, sizeof *out);

    google__protobuf__any__init(out);
    out->type_url = weir_arena_format(arena, "type.googleapis.com/%s", type);
    if (out->type_url == NULL)
        fail("out of memory");
    out->value.data = data;
    out->value.len = size;
    return out;
}

any *any_of_message(weir_arena *arena, const weir_message_type *type, const void *message)
{
    size_t size = type->packed_size(type, message);
    uint8_t *data = take(arena, size);

    if (!type->pack(type, message, data, size))
        fail("a message that came cannot be packed");
    return any_of(arena, type->name, data, size);
}

/* ---- headers ---- */

static bool is_binary(const char *name)
{
    size_t size = strlen(name);

    return size >= 4 && strcmp(name + size - 4, "-bin") == 0;
}

static char *text_of(weir_arena *arena, const char *name, weir_slice value)
{
    size_t size = is_binary(name) ? base64_encoded_size(value.size) : value.size;
    char *text = take(arena, size + 1);

    if (is_binary(name))
        base64_encode(value.data, value.size, text);
    else if (size != 0)
        memcpy(text, value.data, size);
    text[size] = '\0';
    return text;
}

static bool is_repeated(const weir_metadata *metadata, size_t index, const char *name)
{
    for (size_t i = 0; i < index; i++) {
        weir_slice earlier, value;

        weir_metadata_at(metadata, i, &earlier, &value);
        if (strcmp((const char *)earlier.data, name) == 0)
            return true;
    }
    return false;
}

static header *header_of(weir_arena *arena, const weir_metadata *metadata, const char *name)
{
    header *out = take(arena, sizeof *out);
    struct list values = {.arena = arena};
    weir_slice value;

    for (size_t i = 0; weir_metadata_get(metadata, name, i, &value); i++)
        list_add(&values, text_of(arena, name, value));
    MESSAGE(header__init)(out);
    out->name = text_of(arena, "", (weir_slice){(const uint8_t *)name, strlen(name)});
    out->n_value = values.count;
    out->value = (char **)values.items;
    return out;
}

void headers_of(weir_arena *arena, const weir_metadata *metadata, size_t *count, header ***out)
{
    struct list headers = {.arena = arena};

    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        if (!is_repeated(metadata, i, (const char *)name.data))
            list_add(&headers, header_of(arena, metadata, (const char *)name.data));
    }
    *count = headers.count;
    *out = (header **)headers.items;
}

static weir_code add_value(weir_call *call, add_fn *add, const char *name, const char *text)
{
    size_t size = strlen(text);
    uint8_t *data = take(weir_call_arena(call), base64_decoded_size_max(size));

    if (!is_binary(name))
        return add(call, name, text, size);
    if (!base64_decode((const uint8_t *)text, size, data, &size))
        return WEIR_INVALID_ARGUMENT;
    return add(call, name, data, size);
}

weir_code add_headers(weir_call *call, add_fn *add, size_t count, header *const *headers,
                      weir_status *why)
{
    for (size_t i = 0; i < count; i++) {
        char *name = weir_call_copy(call, headers[i]->name, strlen(headers[i]->name));

        if (name == NULL)
            fail("out of memory");
        for (char *c = name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        for (size_t k = 0; k < headers[i]->n_value; k++)
            if (add_value(call, add, name, headers[i]->value[k]) != WEIR_OK)
                return weir_fail(why, WEIR_INVALID_ARGUMENT, "the header %s: %s cannot be sent",
                                 name, headers[i]->value[k]);
    }
    return WEIR_OK;
}

/* ---- the runner ---- */

uint8_t *receive(FILE *in, weir_arena *arena, size_t *size)
{
    uint8_t prefix[4], *data;

    if (fread(prefix, 1, sizeof prefix, in) != sizeof prefix)
        return NULL;
    *size = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    data = take(arena, *size);
    if (fread(data, 1, *size, in) != *size)
        fail("the runner's message is cut off");
    return data;
}

void send(FILE *out, const uint8_t *data, size_t size)
{
    const uint8_t prefix[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                               (uint8_t)size};

    if (fwrite(prefix, 1, sizeof prefix, out) != sizeof prefix ||
        fwrite(data, 1, size, out) != size || fflush(out) != 0)
        fail("the runner does not listen");
}
