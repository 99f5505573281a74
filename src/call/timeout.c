/* SPDX-License-Identifier: MIT */
/*
 * timeout.c - grpc-timeout to nanoseconds and back.
 */
#include "call/timeout.h"

enum { DIGITS_MAX = 8, VALUE_MAX = 99999999 };

/* From the finest to the coarsest; `step` is how many of the one before it make one. */
static const struct unit {
    char name;
    unsigned step;
    uint64_t ns;
} units[] = {
    {'n', 1, 1},
    {'u', 1000, 1000},
    {'m', 1000, 1000000},
    {'S', 1000, 1000000000},
    {'M', 60, UINT64_C(60000000000)},
    {'H', 60, UINT64_C(3600000000000)},
};
enum { UNIT_COUNT = sizeof units / sizeof *units };

static uint64_t unit_ns(uint8_t name)
{
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (units[i].name == (char)name)
            return units[i].ns;
    return 0;
}

bool timeout_parse(const uint8_t *text, size_t size, uint64_t *ns)
{
    uint64_t value = 0;
    uint64_t unit;

    if (size < 2 || size > DIGITS_MAX + 1)
        return false;
    for (size_t i = 0; i < size - 1; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    unit = unit_ns(text[size - 1]);
    if (unit == 0)
        return false;
    *ns = value <= UINT64_MAX / unit ? value * unit : UINT64_MAX;
    return true;
}

static size_t write_text(uint64_t value, char unit, char *out)
{
    char digits[20];
    size_t count = 0, size = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count != 0)
        out[size++] = digits[--count];
    out[size++] = unit;
    out[size] = '\0';
    return size;
}

size_t timeout_format(uint64_t ns, char out[TIMEOUT_TEXT_SIZE])
{
    uint64_t value = ns;
    size_t at = 0;

    /* Rounding up at each step equals rounding up once. */
    while (value > VALUE_MAX && at + 1 < UNIT_COUNT) {
        unsigned step = units[++at].step;

        value = value / step + (value % step != 0);
    }
    while (value != 0 && at + 1 < UNIT_COUNT && value % units[at + 1].step == 0)
        value /= units[++at].step;
    return write_text(value, units[at].name, out);
}
