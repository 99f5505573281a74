/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - a call whose requests come from the calling thread, which may block on what it
 * reads, while a thread of the exchange takes the responses.
 *
 * In between is a pipe with a bound: a server that does not read stops the sender.
 */
#ifndef WEIR_CLI_EXCHANGE_H
#define WEIR_CLI_EXCHANGE_H

#include "client.h"
#include "input.h"

typedef struct exchange {
    client *client;
    input *input;       /* told to stop when the call ended */
    weir_each_fn *take; /* gets the responses, on the exchange's thread */
    void *arg;
    weir_pipe *requests;
    weir_stream responses;
    pthread_t thread;
    weir_code code;
    weir_status why;
} exchange;

/* Begins the call. The caller sets client, input, take and arg before. False: it was told why. */
bool exchange_begin(exchange *e, const char *method);

/* Sends a request, which moves in, when there is room. False: the call is over. */
bool exchange_send(exchange *e, weir_bytes request);

/* No more requests; waits for the call's end and returns the exit code. `complete` false: the input
 * broke, and that was told; the call is cancelled instead of ending as if this had been all. */
int exchange_finish(exchange *e, bool complete);

#endif
