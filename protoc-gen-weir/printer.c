/* SPDX-License-Identifier: MIT */
/*
 * printer.c - a text that grows.
 */
#include "printer.h"

#include "memory.h"

#include <stdarg.h>
#include <string.h>

static void append(struct printer *printer, const char *text, size_t size)
{
    if (printer->capacity - printer->size <= size) {
        size_t capacity = 2 * (printer->size + size) + 1024;
        char *larger = keep(capacity);

        if (printer->size != 0)
            memcpy(larger, printer->text, printer->size);
        printer->text = larger;
        printer->capacity = capacity;
    }
    memcpy(printer->text + printer->size, text, size);
    printer->size += size;
    printer->text[printer->size] = '\0';
}

static bool at_line_start(const struct printer *printer)
{
    return printer->size == 0 || printer->text[printer->size - 1] == '\n';
}

void print_text(struct printer *printer, const char *text, size_t size)
{
    while (size > 0) {
        const char *newline = memchr(text, '\n', size);
        size_t line = newline != NULL ? (size_t)(newline - text) + 1 : size;

        if (at_line_start(printer) && *text != '\n')
            for (unsigned i = 0; i < printer->depth; i++)
                append(printer, "    ", 4);
        append(printer, text, line);
        text += line;
        size -= line;
    }
}

static void print_arguments(struct printer *printer, const char *format, va_list arguments)
{
    char *text = keep_vformat(format, arguments);

    print_text(printer, text, strlen(text));
}

void print(struct printer *printer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_arguments(printer, format, arguments);
    va_end(arguments);
}

void print_in(struct printer *printer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_arguments(printer, format, arguments);
    va_end(arguments);
    printer->depth++;
}

void print_out(struct printer *printer, const char *format, ...)
{
    va_list arguments;

    printer->depth--;
    va_start(arguments, format);
    print_arguments(printer, format, arguments);
    va_end(arguments);
}
