/* SPDX-License-Identifier: MIT */
/*
 * handlers.h - the server's side of weir.demo.v1.Streams, one function a method; see streams.proto.
 */
#ifndef WEIR_CLI_HANDLERS_H
#define WEIR_CLI_HANDLERS_H

#include <weir/weir.h>

#include "file_pool.h"
#include "weir/demo/v1/streams.weir.h"

/* The files that are served: what Tail and Download get as `self`. It outlives the server. */
typedef struct served_files {
    int directory; /* -1: none */
    file_pool *pool;
} served_files;

/* Each returns the stream of its responses. */
weir__demo__v1__streams__tick__stream_fn tick_handler;
weir__demo__v1__streams__tail__stream_fn tail_handler;
weir__demo__v1__streams__download__stream_fn download_handler;
weir__demo__v1__streams__upload__stream_fn upload_handler;
weir__demo__v1__streams__chat__stream_fn chat_handler;

/* An interceptor: does what streams.proto says under "Diagnostics", then asks `next`, which moves
 * in. When memory is out every call to it gets RESOURCE_EXHAUSTED. */
weir_handler with_diagnostics(weir_handler next);

#endif
