/* SPDX-License-Identifier: MIT */
/*
 * headers.c - the header blocks gRPC sends.
 */
#include "conn/headers.h"

#include "base/alloc.h"
#include "metadata/base64.h"
#include "status/percent.h"

#include <stdio.h>
#include <string.h>

void headers_init(struct headers *headers)
{
    headers->items = headers->first;
    headers->count = 0;
    headers->capacity = HEADERS_INLINE;
    headers->failed = false;
    arena_init(&headers->arena, headers->memory, sizeof headers->memory);
}

void headers_clear(struct headers *headers)
{
    if (headers->items != headers->first)
        mem_free(headers->items);
    arena_clear(&headers->arena);
}

static bool grow(struct headers *headers)
{
    size_t capacity = headers->capacity * 2;
    struct http2_header *items = mem_alloc(capacity * sizeof *items);

    if (items == NULL)
        return false;
    memcpy(items, headers->items, headers->count * sizeof *items);
    if (headers->items != headers->first)
        mem_free(headers->items);
    headers->items = items;
    headers->capacity = capacity;
    return true;
}

void headers_add_slices(struct headers *headers, weir_slice name, weir_slice value, bool literal)
{
    if (headers->count == headers->capacity && !grow(headers)) {
        headers->failed = true;
        return;
    }
    headers->items[headers->count++] =
        (struct http2_header){.name = name, .value = value, .literal = literal};
}

static weir_slice slice_of(const char *text)
{
    return (weir_slice){(const uint8_t *)text, strlen(text)};
}

void headers_add(struct headers *headers, const char *name, const char *value)
{
    headers_add_slices(headers, slice_of(name), slice_of(value), false);
}

void headers_add_metadata(struct headers *headers, const struct weir_metadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        const struct metadata_entry *entry = &metadata->entries[i];
        weir_slice value;

        if (metadata_wire_value(metadata, i, &headers->arena, &value) != WEIR_OK) {
            headers->failed = true;
            return;
        }
        headers_add_slices(headers, (weir_slice){(const uint8_t *)entry->name, entry->name_size},
                           value, false);
    }
}

static void add_encoded(struct headers *headers, const char *name, const weir_bytes *bytes,
                        size_t encoded_size,
                        void (*encode)(const uint8_t *data, size_t size, char *out))
{
    char *text;

    if (bytes->size == 0)
        return;
    text = arena_alloc(&headers->arena, encoded_size);
    if (text == NULL) {
        headers->failed = true;
        return;
    }
    encode(bytes->data, bytes->size, text);
    headers_add_slices(headers, slice_of(name), (weir_slice){(const uint8_t *)text, encoded_size},
                       false);
}

void headers_add_status(struct headers *headers, const weir_status *status)
{
    static const char *const codes[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                        "9", "10", "11", "12", "13", "14", "15", "16"};
    bool known = (unsigned)status->code < sizeof codes / sizeof *codes;

    headers_add_literal(headers, "grpc-status", codes[known ? status->code : WEIR_UNKNOWN]);
    if (status->code == WEIR_OK)
        return;
    add_encoded(headers, "grpc-message", &status->message,
                percent_encoded_size(status->message.data, status->message.size), percent_encode);
    add_encoded(headers, "grpc-status-details-bin", &status->details,
                base64_encoded_size(status->details.size), base64_encode);
}

void headers_add_response(struct headers *headers)
{
    headers_add_literal(headers, ":status", "200");
    headers_add_literal(headers, "content-type", "application/grpc");
}

bool headers_content_type_is_grpc(weir_slice value)
{
    static const char type[] = "application/grpc";
    size_t size = sizeof type - 1;

    if (value.size < size || memcmp(value.data, type, size) != 0)
        return false;
    return value.size == size || value.data[size] == '+' || value.data[size] == ';';
}

weir_slice headers_content_subtype(weir_slice value)
{
    const uint8_t *plus = memchr(value.data, '+', value.size);
    const uint8_t *end = memchr(value.data, ';', value.size);

    if (end == NULL)
        end = value.data + value.size;
    if (plus == NULL || plus > end)
        return (weir_slice){0};
    return (weir_slice){plus + 1, (size_t)(end - plus - 1)};
}
