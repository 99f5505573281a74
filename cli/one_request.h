/* SPDX-License-Identifier: MIT */
/*
 * one_request.h - a handler's stream for methods that take one request and answer with many.
 */
#ifndef WEIR_CLI_ONE_REQUEST_H
#define WEIR_CLI_ONE_REQUEST_H

#include <weir/weir.h>

/* Makes the responses to `request`, which is borrowed. */
typedef weir_stream respond_fn(void *self, const weir_bytes *request);

/*
 * Waits for the one message of `requests`, which moves in, and then is what fn makes of it.
 * UNIMPLEMENTED when there is none, or more than one: gRPC's code for a broken cardinality.
 */
weir_stream one_request(weir_stream requests, respond_fn *fn, void *self);

#endif
