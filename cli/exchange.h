/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - a call whose requests come from the calling thread, which may block on what it
 * reads, while a thread of the exchange takes the responses.
 *
 * In between is a pipe with a bound: a server that does not read stops the sender. It serves every
 * method that streams its requests, so messages are `void` here.
 */
#ifndef WEIR_CLI_EXCHANGE_H
#define WEIR_CLI_EXCHANGE_H

#include "client.h"
#include "input.h"

/* Gets a response (borrowed). Anything but WEIR_OK ends the call with that code and *why. */
typedef weir_code exchange_take_fn(void *arg, const void *response, weir_status *why);

typedef struct exchange {
    client *client;
    const weir_method *method;
    input *input;           /* told to stop when the call ended */
    exchange_take_fn *take; /* on the exchange's thread */
    void *arg;
    weir_pipe *requests;
    weir_stream responses;
    weir_arena *arena; /* of the response that is taken */
    pthread_t thread;
    weir_code code;
    weir_status why;
} exchange;

/* Begins the call. The caller sets client, method, input, take and arg before. False: it was told
 * why. */
bool exchange_begin(exchange *e);

/* Packs and sends a request when there is room. False: the call is over, or now ends. */
bool exchange_send(exchange *e, const void *request);

/* No more requests; waits for the call's end and returns the exit code. `complete` false: the input
 * broke, and that was told; the call is cancelled instead of ending as if this had been all. */
int exchange_finish(exchange *e, bool complete);

#endif
