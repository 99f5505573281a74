/* SPDX-License-Identifier: MIT */
/*
 * base64.h - base64 (RFC 4648, section 4) as "-bin" metadata uses it.
 *
 * Encoding never pads. Decoding takes padded and unpadded text and nothing else: no line breaks, no
 * other alphabet.
 */
#ifndef METADATA_BASE64_H
#define METADATA_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t base64_encoded_size(size_t size)
{
    return size / 3 * 4 + (size % 3 * 4 + 2) / 3;
}

/* Writes base64_encoded_size(size) characters, no NUL. */
void base64_encode(const uint8_t *data, size_t size, char *out);

/* The most that `size` characters decode to. */
static inline size_t base64_decoded_size_max(size_t size)
{
    return size / 4 * 3 + 3;
}

/* False for what is not base64; then *out holds nothing of use. */
bool base64_decode(const uint8_t *text, size_t size, uint8_t *out, size_t *out_size);

#endif
