/* SPDX-License-Identifier: MIT */
/*
 * prefix.h - the five bytes before each message: a flag, then its length, big endian.
 */
#ifndef FRAMING_PREFIX_H
#define FRAMING_PREFIX_H

#include <stdint.h>

enum { PREFIX_SIZE = 5 };

static inline void prefix_write(uint8_t *out, unsigned flag, uint32_t length)
{
    out[0] = (uint8_t)flag;
    out[1] = (uint8_t)(length >> 24);
    out[2] = (uint8_t)(length >> 16);
    out[3] = (uint8_t)(length >> 8);
    out[4] = (uint8_t)length;
}

static inline unsigned prefix_flag(const uint8_t *prefix)
{
    return prefix[0];
}

static inline uint32_t prefix_length(const uint8_t *prefix)
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           prefix[4];
}

#endif
