/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is given back all at once: what a message is unpacked into and built from.
 *
 * Pieces never move and are never freed one by one. One thread at a time. An arena has a bound, so
 * that a message that is small on the wire and large in memory cannot take more than that.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_arena weir_arena;

/* An arena that never holds more than max_size bytes (SIZE_MAX: no bound). NULL when memory is
 * out. */
WEIR_API weir_arena *weir_arena_create(size_t max_size);
WEIR_API void weir_arena_free(weir_arena *arena);

/* Gives all pieces back and starts anew. */
WEIR_API void weir_arena_reset(weir_arena *arena);

/* `size` bytes, aligned to 8, not zeroed. NULL: the bound is reached, or memory is out. */
WEIR_API void *weir_arena_alloc(weir_arena *arena, size_t size);

/* A copy with a NUL behind it. NULL as above. */
WEIR_API char *weir_arena_copy(weir_arena *arena, const void *data, size_t size);

/* printf into the arena. NULL as above. */
WEIR_API char *weir_arena_format(weir_arena *arena, const char *format, ...) WEIR_PRINTF(2, 3);

/* Calls release(what) when the arena is reset or freed, the last one first. False, and nothing was
 * kept: the bound is reached, or memory is out. */
WEIR_API bool weir_arena_defer(weir_arena *arena, void (*release)(void *what), void *what);

/* Bytes it holds now. */
WEIR_API size_t weir_arena_held(const weir_arena *arena);

/* True when something did not fit, since it was made or reset. */
WEIR_API bool weir_arena_refused(const weir_arena *arena);

#ifdef __cplusplus
}
#endif

#endif
