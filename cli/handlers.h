/* SPDX-License-Identifier: MIT */
/*
 * handlers.h - the server's side of weir.demo.v1.Streams, one function a method; see streams.proto.
 */
#ifndef WEIR_CLI_HANDLERS_H
#define WEIR_CLI_HANDLERS_H

#include <weir/weir.h>

#include "file_pool.h"

/* The files that are served: what Tail and Download get as `self`. It outlives the server. */
typedef struct served_files {
    int directory; /* -1: none */
    file_pool *pool;
} served_files;

/* For weir_server_streaming. */
weir_stream tick_handler(void *self, weir_call *call, const weir_bytes *message);
weir_stream tail_handler(void *self, weir_call *call, const weir_bytes *message);
weir_stream download_handler(void *self, weir_call *call, const weir_bytes *message);

/* Handlers as they are. */
weir_stream upload_handler(void *self, weir_call *call, weir_stream requests);
weir_stream chat_handler(void *self, weir_call *call, weir_stream requests);

/* An interceptor: does what streams.proto says under "Diagnostics", then asks `next`, which moves
 * in. When memory is out every call to it gets RESOURCE_EXHAUSTED. */
weir_handler with_diagnostics(weir_handler next);

#endif
