/* SPDX-License-Identifier: MIT */
/*
 * memory.h - what the plugin keeps until its end.
 *
 * The plugin runs for a moment and keeps all it reads, so nothing is freed before the end. Where
 * memory is out it says so and exits: a caller never sees NULL.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed. */
void *keep(size_t size);
void *keep_array(size_t count, size_t size);

/* `memory`, which came from here or is NULL, with room for one more element than `count`. */
void *keep_more(void *memory, size_t count, size_t size);

char *keep_copy(const char *text, size_t size);
char *keep_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *keep_vformat(const char *format, va_list arguments);

/* Frees all of it. */
void keep_nothing(void);

#endif
