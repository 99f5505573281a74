/* SPDX-License-Identifier: MIT */
/*
 * memory.c - a list of all that was allocated.
 *
 * The link lies before each piece, and is as large as the strictest alignment there is.
 */
#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union piece {
    union piece *next;
    max_align_t alignment;
};

static union piece *pieces;

void *keep(size_t size)
{
    union piece *piece = size <= SIZE_MAX - sizeof *piece ? calloc(1, sizeof *piece + size) : NULL;

    if (piece == NULL) {
        fputs("protoc-gen-weir: out of memory\n", stderr);
        exit(1);
    }
    piece->next = pieces;
    pieces = piece;
    return piece + 1;
}

void *keep_array(size_t count, size_t size)
{
    return keep(size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

void *keep_more(void *memory, size_t count, size_t size)
{
    void *larger;

    /* Grows where the count is a power of two, so that the capacity need not be kept anywhere. */
    if (count != 0 && (count & (count - 1)) != 0)
        return memory;
    larger = keep_array(count == 0 ? 1 : count * 2, size);
    if (count != 0)
        memcpy(larger, memory, count * size);
    return larger;
}

char *keep_copy(const char *text, size_t size)
{
    char *copy = keep(size + 1);

    memcpy(copy, text, size);
    return copy;
}

char *keep_vformat(const char *format, va_list arguments)
{
    va_list again;
    char *text;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) {
        fputs("protoc-gen-weir: a text is too long\n", stderr);
        exit(1);
    }
    text = keep((size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    return text;
}

char *keep_format(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = keep_vformat(format, arguments);
    va_end(arguments);
    return text;
}

void keep_nothing(void)
{
    while (pieces != NULL) {
        union piece *next = pieces->next;

        free(pieces);
        pieces = next;
    }
}
