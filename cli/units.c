/* SPDX-License-Identifier: MIT */
/*
 * units.c - numbers, times and sizes as people write and read them.
 *
 * A decimal is read as digits and kept as a whole number of the smallest unit, so that "1.5s" is
 * exact and what does not fit is refused instead of rounded or wrapped around.
 */
#include "units.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},          {"B", 1},       {"K", 1 << 10},   {"KiB", 1 << 10}, {"M", 1 << 20},
    {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}, {NULL, 0},
};

/* Reads digits; false where there is none, or too many. */
static bool take_digits(const char **text, uint64_t *value)
{
    const char *at = *text;

    for (*value = 0; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
            return false;
    if (at == *text)
        return false;
    *text = at;
    return true;
}

bool parse_count(const char *text, uint64_t *value)
{
    uint64_t number;

    if (!take_digits(&text, &number) || *text != '\0')
        return false;
    *value = number;
    return true;
}

static uint64_t factor_of(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++)
        if (strcmp(units->name, name) == 0)
            return units->factor;
    return 0;
}

/* What the digits after the point are worth, and how many of them count. */
static uint64_t take_fraction(const char **text, uint64_t *divisor)
{
    uint64_t value = 0;

    for (*divisor = 1; **text >= '0' && **text <= '9'; (*text)++)
        if (*divisor < UINT64_C(1000000)) {
            value = value * 10 + (uint64_t)(**text - '0');
            *divisor *= 10;
        }
    return value;
}

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *value)
{
    uint64_t whole, fraction = 0, divisor = 1, factor, total;

    if (!take_digits(&text, &whole))
        return false;
    if (*text == '.') {
        text++;
        fraction = take_fraction(&text, &divisor);
    }
    factor = factor_of(units, text);
    if (factor == 0 || __builtin_mul_overflow(whole, factor, &total) ||
        __builtin_add_overflow(
            total, factor / divisor * fraction + factor % divisor * fraction / divisor, &total))
        return false;
    *value = total;
    return true;
}

bool parse_duration_ns(const char *text, uint64_t *value)
{
    if (strcmp(text, "0") == 0) {
        *value = 0;
        return true;
    }
    return parse_with_unit(text, durations, value);
}

bool parse_size(const char *text, uint64_t *value)
{
    return parse_with_unit(text, sizes, value);
}

const char *format_size(char out[UNITS_TEXT_SIZE], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    while (bytes >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, UNITS_TEXT_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

const char *format_seconds(char out[UNITS_TEXT_SIZE], uint64_t count)
{
    unsigned long long seconds = count;

    if (seconds < 60)
        snprintf(out, UNITS_TEXT_SIZE, "%llu s", seconds);
    else if (seconds < 3600)
        snprintf(out, UNITS_TEXT_SIZE, "%llu m %02llu s", seconds / 60, seconds % 60);
    else
        snprintf(out, UNITS_TEXT_SIZE, "%llu h %02llu m", seconds / 3600, seconds / 60 % 60);
    return out;
}

const char *format_duration(char out[UNITS_TEXT_SIZE], uint64_t ns)
{
    unsigned long long us = ns / 1000;

    if (ns != 0 && us == 0)
        snprintf(out, UNITS_TEXT_SIZE, "%llu ns", (unsigned long long)ns);
    else if (us < 1000)
        snprintf(out, UNITS_TEXT_SIZE, "%llu us", us);
    else if (us < 60000000)
        snprintf(out, UNITS_TEXT_SIZE, "%llu.%03llu s", us / 1000000, us / 1000 % 1000);
    else
        format_seconds(out, ns / UINT64_C(1000000000));
    return out;
}
