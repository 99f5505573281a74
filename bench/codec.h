/* SPDX-License-Identifier: MIT */
/*
 * codec.h - how weir-bench-server turns messages into structs and back: by hand or with protobuf-c.
 */
#ifndef BENCH_CODEC_H
#define BENCH_CODEC_H

#include <weir/bytes.h>

#include "wire.h"

struct codec {
    const char *name;

    /* Parses; false when it is no protobuf. out->data points into the message or into *held, which
     * close drops. */
    bool (*open)(const weir_bytes *message, struct bench_req *out, void **held);
    void (*close)(void *held);

    /* A serialized Rep; data NULL stands for `size` times 'x'. Failed bytes when memory is out. */
    weir_bytes (*reply)(const uint8_t *data, size_t size);
};

extern const struct codec codec_hand;
#ifdef WEIR_BENCH_PROTOBUF
extern const struct codec codec_protobuf_c;
#endif

#endif
