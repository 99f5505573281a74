/* SPDX-License-Identifier: MIT */
/*
 * percent.c - percent-encoding as grpc-message uses it.
 */
#include "status/percent.h"

#include <string.h>

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7E && byte != '%';
}

size_t percent_encoded_size(const uint8_t *data, size_t size)
{
    size_t encoded = size;

    for (size_t i = 0; i < size; i++)
        encoded += is_plain(data[i]) ? 0 : 2;
    return encoded;
}

void percent_encode(const uint8_t *data, size_t size, char *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < size; i++) {
        if (is_plain(data[i])) {
            *out++ = (char)data[i];
            continue;
        }
        *out++ = '%';
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
}

static int digit_value(uint8_t character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    character |= 0x20;
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return -1;
}

size_t percent_decode(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        int high = -1, low = -1;

        if (data[i] == '%' && size - i > 2) {
            high = digit_value(data[i + 1]);
            low = digit_value(data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[used++] = (uint8_t)(high << 4 | low);
            i += 2;
        } else {
            out[used++] = data[i];
        }
    }
    return used;
}
