/* SPDX-License-Identifier: MIT */
/*
 * must.h - what a run insists on. The first thing that is not so ends the process.
 */
#ifndef SIMULATION_MUST_H
#define SIMULATION_MUST_H

#include <stddef.h>

/* Room for what a failure says; it outlives the process that failed. Set before the first run. */
enum { MUST_SIZE = 512 };
extern char *must_text;

_Noreturn void must_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            must_fail(__FILE__, __LINE__, __VA_ARGS__);                                            \
    } while (0)

#endif
