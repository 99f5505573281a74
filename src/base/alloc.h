/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the one way to memory: the user's allocator, or malloc.
 *
 * Every caller copes with NULL; nothing in the library calls malloc itself.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <weir/base.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);

/* As realloc and free: NULL may be resized and freed. The user's allocator never sees a NULL. */
void *mem_resize(void *memory, size_t size);
void mem_free(void *memory);

/* A NUL-terminated copy; NULL when memory is out. */
char *mem_copy_string(const char *string);

#endif
