/* SPDX-License-Identifier: MIT */
/*
 * codec_protobuf_c.c - messages through the code that protoc-c generates from bench.proto.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.pb-c.h"
#include "codec.h"

static bool pbc_open(const weir_bytes *message, struct bench_req *out, void **held)
{
    Bench__Req *req = bench__req__unpack(NULL, message->size, message->data);

    *held = req;
    if (req == NULL)
        return false;
    *out =
        (struct bench_req){req->count, req->size, req->interval_ms, req->data.data, req->data.len};
    return true;
}

static void pbc_close(void *held)
{
    bench__req__free_unpacked(held, NULL);
}

static weir_bytes pack(uint8_t *data, size_t size)
{
    Bench__Rep rep = BENCH__REP__INIT;
    uint8_t *memory;

    rep.data = (ProtobufCBinaryData){size, data};
    weir_bytes reply = weir_bytes_new(bench__rep__get_packed_size(&rep), &memory);
    if (!weir_bytes_failed(&reply))
        bench__rep__pack(&rep, memory);
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
