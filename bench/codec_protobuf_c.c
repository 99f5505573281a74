/* SPDX-License-Identifier: MIT */
/*
 * codec_protobuf_c.c - messages through libprotobuf-c, as the code that protoc-c generates does it.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.pb-c.h"
#include "codec.h"

static bool pbc_open(const weir_bytes *message, struct bench_req *out, void **held)
{
    Bench__Req *req = (Bench__Req *)protobuf_c_message_unpack(&bench__req__descriptor, NULL,
                                                              message->size, message->data);

    *held = req;
    if (req == NULL)
        return false;
    *out =
        (struct bench_req){req->count, req->size, req->interval_ms, req->data.data, req->data.len};
    return true;
}

static void pbc_close(void *held)
{
    protobuf_c_message_free_unpacked(held, NULL);
}

static weir_bytes pack(uint8_t *data, size_t size)
{
    Bench__Rep rep = BENCH__REP__INIT;
    uint8_t *memory;

    rep.data = (ProtobufCBinaryData){size, data};
    weir_bytes reply = weir_bytes_new(protobuf_c_message_get_packed_size(&rep.base), &memory);
    if (!weir_bytes_failed(&reply))
        protobuf_c_message_pack(&rep.base, memory);
    return reply;
}

static weir_bytes pbc_reply(const uint8_t *data, size_t size)
{
    if (data != NULL || size == 0)
        return pack((uint8_t *)data, size);

    uint8_t *x = malloc(size);
    if (x == NULL)
        abort(); /* there is no reply to measure then */
    memset(x, 'x', size);
    weir_bytes reply = pack(x, size);
    free(x);
    return reply;
}

const struct codec codec_protobuf_c = {"protobuf-c", pbc_open, pbc_close, pbc_reply};
