/* SPDX-License-Identifier: MIT */
/*
 * peculiar.h - what of a message protobuf-c's library is known to take otherwise than protobuf.
 *
 * Generated code does as protobuf there, so a comparison of the two leaves such messages out.
 */
#ifndef PECULIAR_H
#define PECULIAR_H

#include <protobuf-c/protobuf-c.h>

enum peculiar {
    PECULIAR_GROUP = 1,     /* a group, which protobuf-c refuses */
    PECULIAR_WIRE_TYPE = 2, /* a field with a wrong wire type, which it refuses */
    PECULIAR_TAG = 4,       /* a number that is 0 or past 2^29 - 1, which it takes */
    PECULIAR_MERGE = 8,     /* a message that comes twice, of which it merges only a part */
    PECULIAR_BOOL = 16,     /* a bool that is true past 64 bits alone */
    PECULIAR_DEPTH = 32,    /* nested deeper than 100, which it has no bound for */
};

/* The bits of what is in `data` up to where it is malformed. */
unsigned peculiarities(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                       size_t size);

#endif
