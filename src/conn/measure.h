/* SPDX-License-Identifier: MIT */
/*
 * measure.h - what of one call is counted, and when.
 *
 * All of it happens on the loop's thread and by the loop's clock, which is right in a turn.
 */
#ifndef CONN_MEASURE_H
#define CONN_MEASURE_H

#include <weir/connection.h>

#include "conn/registry.h"

struct exchange;

struct measure {
    struct metrics_method *method; /* NULL: nobody counts */
    uint64_t begun;                /* client: the call; server: its HTTP/2 stream */
    uint64_t attempted;            /* client: the attempt that runs */
    bool attempts;
    uint64_t sent_size;        /* of messages, without prefixes */
    uint64_t received;         /* messages that were counted */
    struct registry *registry; /* client: where the call counts; NULL: none was made */
    bool stream;               /* it has, or had, an HTTP/2 stream ... */
    bool stream_ended;         /* ... which the server's side ended */
};

/* Server: a call begins. Client: one was made. */
void measure_start(struct exchange *e, struct metrics_method *method);

/* Client: one was made, which its channel's registry counts. */
void measure_call(struct exchange *e, struct registry *registry);

/* Its HTTP/2 stream began; the server's side ended it. */
void measure_stream(struct exchange *e);
void measure_stream_ended(struct exchange *e);

/* Client: it is put on a connection; it left one before its request did. */
void measure_attempt(struct exchange *e);
void measure_moved(struct exchange *e);

/* A message left. */
void measure_sent(struct exchange *e, size_t size);

/* Data came. */
void measure_received(struct exchange *e);

/* It has its status, and is about to go. */
void measure_end(struct exchange *e);

/* A server's connection was accepted, a client's is ready; it is freed. */
void measure_open(weir_connection *c);
void measure_gone(weir_connection *c);

/* How far it may send, and its peer. */
void measure_windows(weir_connection *c);

#endif
