/* SPDX-License-Identifier: MIT */
/*
 * wire.h - protobuf's wire format, as far as no message is in it.
 */
#ifndef PROTOBUF_WIRE_H
#define PROTOBUF_WIRE_H

#include <weir/protobuf.h>

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_DELIMITED = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5,
};

/*
 * Behind the value of a field whose tag was read, NULL when that is malformed. A group takes one of
 * `depth` levels, and one more for each group in it.
 */
const uint8_t *wire_skip(const uint8_t *at, const uint8_t *end, uint32_t tag, unsigned depth);

#endif
