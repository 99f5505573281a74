/* SPDX-License-Identifier: MIT */
/*
 * base64.c - base64 without padding out, with or without in.
 *
 * The unused bits of a last character are not looked at: other implementations send them.
 */
#include "metadata/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character plus one, so that 0 is "none". */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

void base64_encode(const uint8_t *data, size_t size, char *out)
{
    for (; size >= 3; size -= 3, data += 3) {
        uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];

        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (size == 0)
        return;
    *out++ = alphabet[data[0] >> 2];
    *out++ = alphabet[(data[0] & 3) << 4 | (size == 2 ? data[1] >> 4 : 0)];
    if (size == 2)
        *out = alphabet[(data[1] & 15) << 2];
}

/* `size` without the padding, which is there only where it makes the text a multiple of four. */
static size_t without_padding(const uint8_t *text, size_t size)
{
    if (size == 0 || size % 4 != 0 || text[size - 1] != '=')
        return size;
    return text[size - 2] == '=' ? size - 2 : size - 1;
}

bool base64_decode(const uint8_t *text, size_t size, uint8_t *out, size_t *out_size)
{
    uint8_t *start = out;
    uint32_t bits = 0;

    size = without_padding(text, size);
    if (size % 4 == 1)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint32_t value = values[text[i]];

        if (value == 0)
            return false;
        bits = bits << 6 | (value - 1);
        if (i % 4 == 3) {
            *out++ = (uint8_t)(bits >> 16);
            *out++ = (uint8_t)(bits >> 8);
            *out++ = (uint8_t)bits;
        }
    }
    if (size % 4 >= 2)
        *out++ = (uint8_t)(size % 4 == 2 ? bits >> 4 : bits >> 10);
    if (size % 4 == 3)
        *out++ = (uint8_t)(bits >> 2);
    *out_size = (size_t)(out - start);
    return true;
}
