/* SPDX-License-Identifier: MIT */
/*
 * base.h - what every other header of weir needs: export marks, units, the allocator.
 *
 * Times are nanoseconds of a monotonic clock, sizes are bytes, and "unlimited" is UINT64_MAX
 * (or SIZE_MAX) throughout. Options structs: the zero value of a field is its default.
 *
 * A struct that ends in `reserved` may get more fields, which take their room from there: its size
 * stays, so programs need not be built again. Whoever fills it leaves them 0, as an initializer
 * does; where the library fills it they are 0 until they have a name. All other structs stay as
 * they are.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION "0.1.0"

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_MUST_USE __attribute__((warn_unused_result))
#define WEIR_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define WEIR_API
#define WEIR_MUST_USE
#define WEIR_PRINTF(at, first)
#endif

#define WEIR_MICROSECONDS(n) ((uint64_t)(n)*UINT64_C(1000))
#define WEIR_MILLISECONDS(n) ((uint64_t)(n)*UINT64_C(1000000))
#define WEIR_SECONDS(n) ((uint64_t)(n)*UINT64_C(1000000000))

#define WEIR_NEVER UINT64_MAX

/* A piece of memory that somebody else owns: borrowed, valid as long as the call that gave it
 * says. */
typedef struct weir_slice {
    const uint8_t *data;
    size_t size;
} weir_slice;

/* The version of the library that is linked, which may differ from WEIR_VERSION. */
WEIR_API const char *weir_version(void);

/*
 * Where all memory of the library comes from; malloc, realloc and free by default. `allocate` and
 * `resize` return NULL when there is no more, and every caller in the library copes with that.
 */
typedef struct weir_allocator {
    void *(*allocate)(void *self, size_t size);
    void *(*resize)(void *self, void *memory, size_t size);
    void (*release)(void *self, void *memory);
    void *self;
} weir_allocator;

/*
 * Sets the allocator, or with NULL the default one. The only global state there is: call it before
 * anything else of weir and from one thread.
 */
WEIR_API void weir_set_allocator(const weir_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
