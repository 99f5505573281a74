/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - what .proto files declare, by name.
 */
#ifndef SERVICES_DESCRIPTORS_H
#define SERVICES_DESCRIPTORS_H

#include <weir/typed.h>

struct symbol {
    const char *name; /* the full name */
    const weir_file *file;
};

struct extension {
    const char *extendee; /* the full name of the message that is extended */
    int32_t number;
    const weir_file *file;
};

/* A list in the arena that doubles. */
struct symbols {
    struct symbol *items;
    size_t count;
    size_t capacity;
};

struct extensions {
    struct extension *items;
    size_t count;
    size_t capacity;
};

struct descriptors {
    weir_arena *arena;
    struct symbols files;         /* by path, imports too */
    struct symbols symbols;       /* all that is declared, by full name */
    struct symbols services;      /* of the files that were given */
    struct extensions extensions; /* by extendee and number */
};

/* Reads `files` and what they import. What it makes lies in the arena. */
weir_code descriptors_read(struct descriptors *all, const weir_file *const *files, size_t count,
                           weir_status *why);

/* NULL: there is none of that name. */
const weir_file *symbols_find(const struct symbols *symbols, const char *name);

/* Where the extensions of `extendee` with this number and greater ones begin, or would. */
size_t extensions_find(const struct extensions *extensions, const char *extendee, int32_t number);

#endif
