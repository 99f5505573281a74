/* SPDX-License-Identifier: MIT */
/*
 * must.c - what a run insists on.
 */
#include "simulation/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *must_text;

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash != NULL ? slash + 1 : file;
}

_Noreturn void must_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    int size = snprintf(must_text, MUST_SIZE, "%s:%d: ", base_name(file), line);

    va_start(arguments, format);
    vsnprintf(must_text + size, MUST_SIZE - (size_t)size, format, arguments);
    va_end(arguments);
    abort();
}
