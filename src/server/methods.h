/* SPDX-License-Identifier: MIT */
/*
 * methods.h - from a method's name to its handler.
 */
#ifndef SERVER_METHODS_H
#define SERVER_METHODS_H

#include <weir/handler.h>

struct method {
    char *name;
    size_t size;
    uint32_t hash;
    unsigned number; /* what its calls are counted as */
    weir_handler handler;
};

/* Open addressing; the zero value is empty. Names may end in an asterisk behind a slash, or be
 * one. */
struct methods {
    struct method *slots;
    size_t count;
    size_t capacity;
};

/* Moves the handler in, also on failure. */
weir_code methods_add(struct methods *methods, const char *name, weir_handler handler,
                      unsigned number, weir_status *why);

/* The most exact match; NULL when there is none. */
const struct method *methods_find(const struct methods *methods, const char *name);

void methods_clear(struct methods *methods);

#endif
