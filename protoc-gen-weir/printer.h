/* SPDX-License-Identifier: MIT */
/*
 * printer.h - a text that grows: printf, and each line indented.
 *
 * The indentation goes before the first character of a line, so a format may hold a part of a line
 * or many lines. An empty line stays empty.
 */
#ifndef PRINTER_H
#define PRINTER_H

#include <stdbool.h>
#include <stddef.h>

struct printer {
    char *text; /* always NUL-terminated once something was printed */
    size_t size;
    size_t capacity;
    unsigned depth; /* of indentation, 4 columns each */
};

void print(struct printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text as it is, without a format. */
void print_text(struct printer *printer, const char *text, size_t size);

/* A line and one more, or one less, indentation for those after it: `print_in(p, "if (x) {\n")`. */
void print_in(struct printer *printer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void print_out(struct printer *printer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
