/* SPDX-License-Identifier: MIT */
/*
 * units.h - numbers, times and sizes as people write and read them.
 *
 * Parsing takes the whole text or nothing, and never wraps around: false leaves *value alone.
 */
#ifndef WEIR_CLI_UNITS_H
#define WEIR_CLI_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1000" */
bool parse_count(const char *text, uint64_t *value);

/* "1ms", "500us", "2s", "1.5s", "3m", "1h", "0"; a unit is a must for all but 0. */
bool parse_duration_ns(const char *text, uint64_t *value);

/* "4096", "64KiB", "64K", "1.5MiB"; K, M and G are powers of 1024. */
bool parse_size(const char *text, uint64_t *value);

/* "12.3 MiB". These return `out`. */
enum { UNITS_TEXT_SIZE = 32 };
const char *format_size(char out[UNITS_TEXT_SIZE], double bytes);

/* "850 us", "1.002 s", "2 m 05 s", "3 h 10 m" */
const char *format_duration(char out[UNITS_TEXT_SIZE], uint64_t ns);

/* The same without fractions: "5 s". */
const char *format_seconds(char out[UNITS_TEXT_SIZE], uint64_t count);

#endif
