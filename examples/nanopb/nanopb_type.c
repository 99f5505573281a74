/* SPDX-License-Identifier: MIT */
/*
 * nanopb_type.c - nanopb's messages as weir's.
 *
 * Zeroed memory is an empty message of proto3, so no type needs an init.
 */
#include "nanopb_type.h"

#include <pb_decode.h>
#include <pb_encode.h>

void *nanopb_unpack(const weir_message_type *type, weir_arena *arena, const uint8_t *data,
                    size_t size)
{
    void *message = weir_message_create(type, arena);
    pb_istream_t stream = pb_istream_from_buffer(data, size);

    if (message == NULL || !pb_decode(&stream, type->descriptor, message))
        return NULL;
    return message;
}

size_t nanopb_packed_size(const weir_message_type *type, const void *message)
{
    size_t size;

    return pb_get_encoded_size(&size, type->descriptor, message) ? size : SIZE_MAX;
}

bool nanopb_pack(const weir_message_type *type, const void *message, uint8_t *out, size_t size)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, size);

    return pb_encode(&stream, type->descriptor, message);
}
