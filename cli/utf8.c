/* SPDX-License-Identifier: MIT */
/*
 * utf8.c - UTF-8 as Unicode has it: nothing longer than needed, no surrogates, up to U+10FFFF.
 *
 * A NUL continues no character, so none is read past the end of the string.
 */
#include "utf8.h"

#include <stddef.h>
#include <stdint.h>

/* The length of the character that begins with `first`, the smallest code point that may be written
 * with that many bytes, and what `first` has of this one; 0: no character begins so. */
static size_t length_of(uint8_t first, uint32_t *smallest, uint32_t *bits)
{
    static const struct {
        uint8_t mask, mark;
        uint32_t smallest;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if ((first & forms[i].mask) == forms[i].mark) {
            *smallest = forms[i].smallest;
            *bits = first & (uint8_t)~forms[i].mask;
            return i + 1;
        }
    return 0;
}

/* The length of the character at `at`; 0: there is none. */
static size_t character(const uint8_t *at)
{
    uint32_t smallest, point;
    size_t length = length_of(*at, &smallest, &point);

    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    if (length == 0 || point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    return length;
}

bool is_utf8(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t length = 1;

    for (; *at != 0 && length != 0; at += length)
        length = character(at);
    return length != 0;
}
