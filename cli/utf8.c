/* SPDX-License-Identifier: MIT */
/*
 * utf8.c - UTF-8 as Unicode has it: nothing longer than needed, no surrogates, up to U+10FFFF.
 */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

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

/* The length of the character that `size` bytes, at least one, begin with; 0: with none. */
static size_t character(const uint8_t *at, size_t size)
{
    uint32_t smallest, point;
    size_t length = length_of(*at, &smallest, &point);

    if (length > size)
        return 0;
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
    size_t left = strlen(text), length = 1;

    for (; left != 0 && length != 0; at += length, left -= length)
        length = character(at, left);
    return length != 0;
}

/* C0 but what only parts a text, DEL, and C1, whose code points have two bytes. */
static bool is_control(const uint8_t *at, size_t length)
{
    if (length == 1)
        return (*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
    return length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

void print_visibly(FILE *out, const void *text, size_t size)
{
    const uint8_t *at = text;

    while (size != 0) {
        size_t length = character(at, size);
        bool plain = length != 0 && !is_control(at, length);

        if (plain)
            fwrite(at, 1, length, out);
        else
            fprintf(out, "\\x%02x", *at);
        if (!plain)
            length = 1;
        at += length;
        size -= length;
    }
}
