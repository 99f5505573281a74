/* SPDX-License-Identifier: MIT */
/*
 * percent.h - statuses as text on the wire: percent-encoded messages, and codes.
 *
 * Nothing here fails and nothing allocates: the callers give the room.
 */
#ifndef STATUS_PERCENT_H
#define STATUS_PERCENT_H

#include <weir/status.h>

/* The size of the encoded text; `size` itself when nothing needs encoding. */
size_t percent_encoded_size(const uint8_t *data, size_t size);

/* Encodes all but 0x20-0x24 and 0x26-0x7E; writes percent_encoded_size characters, no NUL. */
void percent_encode(const uint8_t *data, size_t size, char *out);

/* Decodes into `out`, which has room for `size` and may be `data` itself; returns the size. A '%'
 * that is not followed by two hexadecimal digits stays as it is. */
size_t percent_decode(const uint8_t *data, size_t size, uint8_t *out);

#endif
