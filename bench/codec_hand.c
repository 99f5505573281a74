/* SPDX-License-Identifier: MIT */
/*
 * codec_hand.c - messages parsed in place and written straight into their buffer.
 */
#include <string.h>

#include "codec.h"

static bool hand_open(const weir_bytes *message, struct bench_req *out, void **held)
{
    *held = NULL;
    return bench_req_parse(message->data, message->size, out);
}

static void hand_close(void *held)
{
    (void)held;
}

static weir_bytes hand_reply(const uint8_t *data, size_t size)
{
    uint8_t head[BENCH_FIELD_HEAD_MAX];
    size_t head_size = bench_rep_head(head, size);
    uint8_t *memory;

    weir_bytes reply = weir_bytes_new(head_size + size, &memory);
    if (weir_bytes_failed(&reply) || size == 0)
        return reply;
    memcpy(memory, head, head_size);
    if (data != NULL)
        memcpy(memory + head_size, data, size);
    else
        memset(memory + head_size, 'x', size);
    return reply;
}

const struct codec codec_hand = {"hand", hand_open, hand_close, hand_reply};
