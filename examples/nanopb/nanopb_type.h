/* SPDX-License-Identifier: MIT */
/*
 * nanopb_type.h - nanopb's messages as weir's: all there is to write for another serializer.
 *
 *     static const weir_message_type reading = NANOPB_TYPE("station.Reading", station_Reading);
 *
 * For messages of a fixed size, which is what nanopb is for. Fields that are pointers would need
 * pb_release (weir_arena_defer can call it), and fields with callbacks somebody who sets those.
 */
#ifndef NANOPB_TYPE_H
#define NANOPB_TYPE_H

#include <weir/typed.h>

/* `message` is the C type that nanopb_generator made. */
#define NANOPB_TYPE(full_name, message)                                                            \
    {                                                                                              \
        .name = full_name, .size = sizeof(message), .unpack = nanopb_unpack,                       \
        .packed_size = nanopb_packed_size, .pack = nanopb_pack, .descriptor = &message##_msg       \
    }

void *nanopb_unpack(const weir_message_type *type, weir_arena *arena, const uint8_t *data,
                    size_t size);
size_t nanopb_packed_size(const weir_message_type *type, const void *message);
bool nanopb_pack(const weir_message_type *type, const void *message, uint8_t *out, size_t size);

#endif
