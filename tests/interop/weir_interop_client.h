/* SPDX-License-Identifier: MIT */
/*
 * weir_interop_client.h - what the cases of weir-interop-client have in common.
 */
#ifndef INTEROP_WEIR_INTEROP_CLIENT_H
#define INTEROP_WEIR_INTEROP_CLIENT_H

#include "grpc/testing/test.weir.h"

#include <weir/weir.h>

#define LARGE_REQUEST 271828
#define LARGE_RESPONSE 314159
#define CALLS 4

/* One case that runs: its calls live as long as it does, and with them what they answered. */
struct run {
    weir_channel *channel;
    weir_call *calls[CALLS];
    size_t count;
    weir_status why; /* of the last call */
};

/* Says what was expected, unless it holds. */
bool expect(bool holds, const char *format, ...) WEIR_PRINTF(2, 3);
bool expect_code(const struct run *run, weir_code code);
bool expect_zeros(const Grpc__Testing__Payload *payload, size_t size);

/* A new call, which becomes the last one. */
weir_call *next_call(struct run *run);

/* A body of so many zeros. */
Grpc__Testing__Payload zeros_of(int32_t size);

/* UnaryCall. False: run->why says why. */
bool unary(struct run *run, weir_call *call, const Grpc__Testing__SimpleRequest *request,
           Grpc__Testing__SimpleResponse **response);

/* ---- weir_interop_compressed.c ---- */

bool client_compressed_unary(struct run *run);
bool server_compressed_unary(struct run *run);
bool client_compressed_streaming(struct run *run);
bool server_compressed_streaming(struct run *run);

#endif
