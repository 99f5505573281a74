/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - counted slices of memory: what messages are made of.
 *
 * A weir_bytes is a view into a counted buffer, or into memory that lives for ever (buffer NULL).
 * Copying the struct borrows, weir_bytes_ref adds a reference, weir_bytes_unref drops one and
 * zeroes the struct. Counts are atomic: slices of one buffer may be used by many threads, as long
 * as nobody writes to it. A buffer lives as long as its longest-lived slice.
 */
#ifndef WEIR_BYTES_H
#define WEIR_BYTES_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_buffer;

/* The zero value is the empty bytes: it owns nothing, and a message may be empty. */
typedef struct weir_bytes {
    const uint8_t *data;
    size_t size;
    struct weir_buffer *buffer;
} weir_bytes;

/*
 * Functions that make bytes return *failed* bytes when memory is out: empty, safe to unref, and
 * told apart by this. A failed message that is handed to a stream ends it with RESOURCE_EXHAUSTED,
 * so a generator need not check.
 */
WEIR_API bool weir_bytes_failed(const weir_bytes *bytes);

WEIR_API weir_bytes weir_bytes_copy(const void *data, size_t size);
WEIR_API weir_bytes weir_bytes_copy_string(const char *string);
WEIR_API weir_bytes weir_bytes_format(const char *format, ...) WEIR_PRINTF(1, 2);

/* Borrows memory that outlives every use of the bytes, a string literal for example. */
WEIR_API weir_bytes weir_bytes_static(const void *data, size_t size);

/*
 * Takes over memory: release(memory) is called when the last slice of it is gone, also when this
 * fails. That may be on any thread and under a lock of the library, so it must only free.
 */
WEIR_API weir_bytes weir_bytes_own(void *memory, size_t size, void (*release)(void *memory));

/* A new buffer of `size` bytes to fill before the bytes are shared; *memory is where to write. */
WEIR_API weir_bytes weir_bytes_new(size_t size, uint8_t **memory);

WEIR_API weir_bytes weir_bytes_ref(const weir_bytes *bytes);
WEIR_API void weir_bytes_unref(weir_bytes *bytes);

/* A part of `bytes`, with a reference of its own. offset + size must lie within it. */
WEIR_API weir_bytes weir_bytes_slice(const weir_bytes *bytes, size_t offset, size_t size);

/* Drops each of `count` bytes and the array, which a function of weir made. */
WEIR_API void weir_bytes_free_array(weir_bytes *messages, size_t count);

WEIR_API bool weir_bytes_equal(const weir_bytes *a, const weir_bytes *b);

/*
 * A builder: bytes that grow at the end. The zero value is an empty builder. When memory runs out
 * it remembers that, drops what it has, and finish returns failed bytes; the steps need no checks.
 */
typedef struct weir_builder {
    uint8_t *data;
    size_t size;
    size_t capacity;
    struct weir_buffer *buffer;
    bool failed;
} weir_builder;

WEIR_API void weir_builder_append(weir_builder *builder, const void *data, size_t size);

/* Room for `size` more bytes at the end, to be filled by the caller; NULL when memory is out. */
WEIR_API uint8_t *weir_builder_extend(weir_builder *builder, size_t size);

/* Moves what was built out; the builder is empty again. */
WEIR_API weir_bytes weir_builder_finish(weir_builder *builder);
WEIR_API void weir_builder_clear(weir_builder *builder);

#ifdef __cplusplus
}
#endif

#endif
