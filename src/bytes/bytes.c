/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - counted slices.
 *
 * Failed bytes point to a buffer that nobody counts, so that they are empty, harmless, and still
 * told apart from an empty message.
 */
#include "bytes/buffer.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct weir_buffer failed_buffer;

static weir_bytes failed_bytes(void)
{
    return (weir_bytes){.buffer = &failed_buffer};
}

bool weir_bytes_failed(const weir_bytes *bytes)
{
    return bytes_failed(bytes);
}

static struct weir_buffer *buffer_init(struct weir_buffer *buffer, struct cache *cache)
{
    if (buffer == NULL)
        return NULL;
    atomic_init(&buffer->references, 1);
    buffer->release = NULL;
    buffer->memory = NULL;
    buffer->cache = cache;
    return buffer;
}

struct weir_buffer *buffer_create(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct weir_buffer))
        return NULL;
    return buffer_init(mem_alloc(sizeof(struct weir_buffer) + capacity), NULL);
}

struct weir_buffer *buffer_create_cached(struct cache *cache, size_t capacity)
{
    struct cache *home;
    void *memory = cache_alloc(cache, sizeof(struct weir_buffer) + capacity, &home);

    return buffer_init(memory, home);
}

void buffer_unref(struct weir_buffer *buffer)
{
    /* A single owner needs no locked instruction to find out that it is the last one. */
    if (!buffer_is_single(buffer) &&
        atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) != 1)
        return;
    if (buffer->release != NULL)
        buffer->release(buffer->memory);
    cache_free(buffer->cache, buffer);
}

weir_bytes weir_bytes_new(size_t size, uint8_t **memory)
{
    struct weir_buffer *buffer = buffer_create(size);

    *memory = buffer != NULL ? buffer_data(buffer) : NULL;
    if (buffer == NULL)
        return failed_bytes();
    return (weir_bytes){*memory, size, buffer};
}

weir_bytes weir_bytes_copy(const void *data, size_t size)
{
    uint8_t *memory;
    weir_bytes bytes = weir_bytes_new(size, &memory);

    if (memory != NULL && size != 0)
        memcpy(memory, data, size);
    return bytes;
}

weir_bytes weir_bytes_copy_string(const char *string)
{
    return weir_bytes_copy(string, strlen(string));
}

weir_bytes bytes_vformat(const char *format, va_list arguments)
{
    char small[256];
    uint8_t *memory;
    va_list again;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(small, sizeof small, format, arguments);
    weir_bytes bytes = size < 0 ? failed_bytes() : weir_bytes_new((size_t)size + 1, &memory);
    if (!bytes_failed(&bytes)) {
        bytes.size = (size_t)size;
        if ((size_t)size < sizeof small)
            memcpy(memory, small, (size_t)size + 1);
        else
            vsnprintf((char *)memory, (size_t)size + 1, format, again);
    }
    va_end(again);
    return bytes;
}

weir_bytes weir_bytes_format(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weir_bytes bytes = bytes_vformat(format, arguments);
    va_end(arguments);
    return bytes;
}

weir_bytes weir_bytes_static(const void *data, size_t size)
{
    return (weir_bytes){.data = data, .size = size};
}

weir_bytes weir_bytes_own(void *memory, size_t size, void (*release)(void *memory))
{
    struct weir_buffer *buffer = buffer_create(0);

    if (buffer == NULL) {
        release(memory);
        return failed_bytes();
    }
    buffer->release = release;
    buffer->memory = memory;
    return (weir_bytes){memory, size, buffer};
}

weir_bytes weir_bytes_ref(const weir_bytes *bytes)
{
    if (bytes->buffer != NULL && !bytes_failed(bytes))
        buffer_ref(bytes->buffer);
    return *bytes;
}

void weir_bytes_unref(weir_bytes *bytes)
{
    if (bytes->buffer != NULL && !bytes_failed(bytes))
        buffer_unref(bytes->buffer);
    *bytes = (weir_bytes){0};
}

weir_bytes weir_bytes_slice(const weir_bytes *bytes, size_t offset, size_t size)
{
    weir_bytes slice = weir_bytes_ref(bytes);

    assert(offset <= bytes->size && size <= bytes->size - offset);
    if (size != 0) {
        slice.data += offset;
        slice.size = size;
    } else {
        slice.size = 0;
    }
    return slice;
}

bool weir_bytes_equal(const weir_bytes *a, const weir_bytes *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

void weir_bytes_free_array(weir_bytes *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        weir_bytes_unref(&messages[i]);
    mem_free(messages);
}

/* ---- the builder ---- */

static void builder_fail(weir_builder *builder)
{
    weir_builder_clear(builder);
    builder->failed = true;
}

static bool builder_grow(weir_builder *builder, size_t needed)
{
    size_t capacity = builder->capacity < 64 ? 64 : builder->capacity * 2;
    struct weir_buffer *buffer;

    if (capacity < needed)
        capacity = needed;
    if (capacity > SIZE_MAX - sizeof *buffer)
        return false;
    buffer = mem_resize(builder->buffer, sizeof *buffer + capacity);
    if (buffer == NULL)
        return false;
    if (builder->buffer == NULL)
        buffer_init(buffer, NULL);
    builder->buffer = buffer;
    builder->data = buffer_data(buffer);
    builder->capacity = capacity;
    return true;
}

uint8_t *weir_builder_extend(weir_builder *builder, size_t size)
{
    uint8_t *end;

    if (builder->failed)
        return NULL;
    if ((builder->buffer == NULL || size > builder->capacity - builder->size) &&
        (size > SIZE_MAX / 4 || !builder_grow(builder, builder->size + size))) {
        builder_fail(builder);
        return NULL;
    }
    end = builder->data + builder->size;
    builder->size += size;
    return end;
}

void weir_builder_append(weir_builder *builder, const void *data, size_t size)
{
    uint8_t *end;

    if (size == 0)
        return;
    end = weir_builder_extend(builder, size);
    if (end != NULL)
        memcpy(end, data, size);
}

weir_bytes weir_builder_finish(weir_builder *builder)
{
    weir_bytes bytes = {builder->data, builder->size, builder->buffer};

    if (builder->failed)
        bytes = failed_bytes();
    *builder = (weir_builder){0};
    return bytes;
}

void weir_builder_clear(weir_builder *builder)
{
    mem_free(builder->buffer);
    *builder = (weir_builder){0};
}
