/* SPDX-License-Identifier: MIT */
/*
 * metadata.c - ordered pairs in an arena.
 *
 * The array of entries grows by leaving the old one in the arena: what is wasted is less than what
 * is used, and the usual call with a few pairs never grows it.
 */
#include "metadata/metadata.h"

#include "base/alloc.h"
#include "metadata/base64.h"

#include <assert.h>
#include <string.h>

enum { ENTRIES_AT_FIRST = 5 };

/* The public kind: a list with an arena of its own. */
struct own_metadata {
    struct weir_metadata metadata;
    struct weir_arena arena;
};

weir_metadata *weir_metadata_create(void)
{
    struct own_metadata *own = mem_zalloc(sizeof *own);

    if (own == NULL)
        return NULL;
    metadata_init(&own->metadata, &own->arena);
    return &own->metadata;
}

void weir_metadata_free(weir_metadata *metadata)
{
    if (metadata == NULL)
        return;
    arena_clear(metadata->arena);
    mem_free(metadata);
}

/* ---- what may be sent ---- */

static bool is_name(const char *name, size_t size)
{
    static const bool allowed[256] = {
        ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
        ['8'] = 1, ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
        ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
        ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1,
        ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['_'] = 1, ['-'] = 1, ['.'] = 1,
    };

    for (size_t i = 0; i < size; i++)
        if (!allowed[(uint8_t)name[i]])
            return false;
    return size != 0;
}

static bool is_ascii_value(const uint8_t *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (value[i] < 0x20 || value[i] > 0x7E)
            return false;
    return true;
}

static bool is_binary(const char *name, size_t size)
{
    return size >= 4 && memcmp(name + size - 4, "-bin", 4) == 0;
}

static weir_slice strip(const uint8_t *value, size_t size)
{
    while (size != 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    while (size != 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    return (weir_slice){value, size};
}

static bool is_one_of(const char *name, size_t size, const char *const *names)
{
    for (; *names != NULL; names++)
        if (**names == *name && strlen(*names) == size && memcmp(*names, name, size) == 0)
            return true;
    return false;
}

bool metadata_is_reserved(const char *name, size_t size)
{
    static const char *const grpc_names[] = {
        "status",   "message",         "status-details-bin", "timeout",
        "encoding", "accept-encoding", "message-type",       NULL,
    };
    static const char *const http_names[] = {
        "te",         "content-type",     "content-length",    "user-agent", "connection",
        "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",    "host",
        NULL,
    };

    if (size == 0)
        return false;
    if (size > 5 && memcmp(name, "grpc-", 5) == 0)
        return is_one_of(name + 5, size - 5, grpc_names);
    return name[0] == ':' || is_one_of(name, size, http_names);
}

/* ---- adding ---- */

/* Makes room for one more entry. */
static bool reserve_entry(struct weir_metadata *metadata)
{
    size_t capacity = metadata->capacity == 0 ? ENTRIES_AT_FIRST : metadata->capacity * 2;
    struct metadata_entry *entries;

    if (metadata->count < metadata->capacity)
        return true;
    if (capacity > SIZE_MAX / sizeof *entries)
        return false;
    entries = arena_alloc(metadata->arena, capacity * sizeof *entries);
    if (entries == NULL)
        return false;
    if (metadata->count != 0)
        memcpy(entries, metadata->entries, metadata->count * sizeof *entries);
    metadata->entries = entries;
    metadata->capacity = capacity;
    return true;
}

/* Appends a pair with room for a value of `value_size`, to be filled by the caller; NULL when
 * memory is out. Name and value lie in one piece. */
static struct metadata_entry *append_entry(struct weir_metadata *metadata, const char *name,
                                           size_t name_size, size_t value_size, uint8_t **value)
{
    struct metadata_entry *entry;
    char *piece;

    if (name_size > SIZE_MAX / 2 || value_size > SIZE_MAX / 2 - 2 || !reserve_entry(metadata))
        return NULL;
    piece = arena_alloc(metadata->arena, name_size + value_size + 2);
    if (piece == NULL)
        return NULL;
    memcpy(piece, name, name_size);
    piece[name_size] = '\0';
    *value = (uint8_t *)piece + name_size + 1;
    (*value)[value_size] = '\0';
    entry = &metadata->entries[metadata->count++];
    *entry = (struct metadata_entry){piece, name_size, *value, value_size};
    return entry;
}

weir_code metadata_append(struct weir_metadata *metadata, const char *name, size_t name_size,
                          const void *value, size_t value_size)
{
    uint8_t *copy;

    if (append_entry(metadata, name, name_size, value_size, &copy) == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (value_size != 0)
        memcpy(copy, value, value_size);
    return WEIR_OK;
}

weir_code metadata_append_all(struct weir_metadata *metadata, const struct weir_metadata *from)
{
    size_t count = metadata->count;

    for (size_t i = 0; i < from->count; i++) {
        const struct metadata_entry *entry = &from->entries[i];
        weir_code code = metadata_append(metadata, entry->name, entry->name_size, entry->value,
                                         entry->value_size);
        if (code != WEIR_OK) {
            metadata->count = count;
            return code;
        }
    }
    return WEIR_OK;
}

weir_code metadata_add(struct weir_metadata *metadata, const char *name, size_t name_size,
                       const void *value, size_t value_size)
{
    weir_slice slice = {value, value_size};

    if (metadata_is_reserved(name, name_size) || !is_name(name, name_size))
        return WEIR_INVALID_ARGUMENT;
    if (!is_binary(name, name_size)) {
        slice = strip(value, value_size);
        if (!is_ascii_value(slice.data, slice.size))
            return WEIR_INVALID_ARGUMENT;
    }
    return metadata_append(metadata, name, name_size, slice.data, slice.size);
}

weir_code weir_metadata_add(weir_metadata *metadata, const char *name, const void *value,
                            size_t size)
{
    return metadata_add(metadata, name, strlen(name), value, size);
}

/* ---- from and to the wire ---- */

/* Appends one part of a "-bin" value. */
static weir_code append_base64(struct weir_metadata *metadata, const char *name, size_t name_size,
                               weir_slice text)
{
    struct metadata_entry *entry;
    uint8_t *value;

    text = strip(text.data, text.size);
    entry = append_entry(metadata, name, name_size, base64_decoded_size_max(text.size), &value);
    if (entry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (!base64_decode(text.data, text.size, value, &entry->value_size))
        return WEIR_INTERNAL;
    value[entry->value_size] = '\0';
    return WEIR_OK;
}

static weir_code append_binary(struct weir_metadata *metadata, const char *name, size_t name_size,
                               const uint8_t *value, size_t size)
{
    size_t count = metadata->count;

    for (;;) {
        const uint8_t *comma = size != 0 ? memchr(value, ',', size) : NULL;
        size_t part = comma != NULL ? (size_t)(comma - value) : size;
        weir_code code = append_base64(metadata, name, name_size, (weir_slice){value, part});

        if (code != WEIR_OK)
            metadata->count = count;
        if (code != WEIR_OK || comma == NULL)
            return code;
        value = comma + 1;
        size -= part + 1;
    }
}

weir_code metadata_append_wire(struct weir_metadata *metadata, const uint8_t *name,
                               size_t name_size, const uint8_t *value, size_t value_size)
{
    const char *characters = (const char *)name;
    weir_slice slice;

    if (!is_name(characters, name_size))
        return WEIR_OK;
    if (is_binary(characters, name_size))
        return append_binary(metadata, characters, name_size, value, value_size);
    slice = strip(value, value_size);
    if (!is_ascii_value(slice.data, slice.size))
        return WEIR_OK;
    return metadata_append(metadata, characters, name_size, slice.data, slice.size);
}

weir_code metadata_wire_value(const struct weir_metadata *metadata, size_t index,
                              struct weir_arena *arena, weir_slice *out)
{
    const struct metadata_entry *entry = &metadata->entries[index];
    size_t size = base64_encoded_size(entry->value_size);
    char *text;

    if (!is_binary(entry->name, entry->name_size)) {
        *out = (weir_slice){entry->value, entry->value_size};
        return WEIR_OK;
    }
    text = arena_alloc(arena, size);
    if (text == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    base64_encode(entry->value, entry->value_size, text);
    *out = (weir_slice){(const uint8_t *)text, size};
    return WEIR_OK;
}

/* ---- reading ---- */

size_t weir_metadata_count(const weir_metadata *metadata)
{
    return metadata->count;
}

void weir_metadata_at(const weir_metadata *metadata, size_t index, weir_slice *name,
                      weir_slice *value)
{
    const struct metadata_entry *entry = &metadata->entries[index];

    assert(index < metadata->count);
    *name = (weir_slice){(const uint8_t *)entry->name, entry->name_size};
    *value = (weir_slice){entry->value, entry->value_size};
}

bool weir_metadata_get(const weir_metadata *metadata, const char *name, size_t nth,
                       weir_slice *value)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < metadata->count; i++) {
        const struct metadata_entry *entry = &metadata->entries[i];

        if (entry->name_size != size || memcmp(entry->name, name, size) != 0 || nth-- != 0)
            continue;
        *value = (weir_slice){entry->value, entry->value_size};
        return true;
    }
    return false;
}
