/* SPDX-License-Identifier: MIT */
/*
 * secure.h - TLS between a connection and its socket.
 */
#ifndef CONN_SECURE_H
#define CONN_SECURE_H

#include <weir/connection.h>

#include "bytes/output.h"
#include "conn/loop.h"
#include "tls/session.h"

#define SECURE_REASON_SIZE 280

struct connection_options;

struct secure {
    weir_connection *connection;
    weir_tls *credentials;
    const char *name; /* client: whom to ask for */
    struct tls_memory *memory;
    struct tls_session *session; /* NULL: a client that has no socket */
    struct output out;           /* ciphertext */
    struct loop_timer timer;     /* server: the handshake takes too long */
    bool timed;                  /* the timer counts from a turn of the loop */
    bool established;
    bool peer_closed; /* it said that nothing more comes */
    bool closed;      /* we said so */
    bool failed;      /* only `out` is left to send, for `reason` */
    weir_bytes peer;  /* a struct weir_tls_peer, once established */
    char reason[SECURE_REASON_SIZE];
};

/* Puts TLS under a new connection; false when memory is out. */
bool secure_create(weir_connection *c, const struct connection_options *options);
void secure_free(weir_connection *c);

/* Client: there is a socket: the handshake begins. */
void secure_open(weir_connection *c);

/* The socket is gone: the reason to give, which may say more than `reason`. */
const char *secure_end(weir_connection *c, const char *reason);

/* Ciphertext came; false: the connection is broken. */
bool secure_receive(weir_connection *c, const uint8_t *data, size_t size);

/* Ciphertext to send. The connection's output is only pulled when none is left. */
size_t secure_send(weir_connection *c, weir_slice *slices, size_t max);

/* So much of it waits that reading more would be unbounded. */
bool secure_is_flooded(const weir_connection *c);

/* Nothing more will be sent or read. */
bool secure_is_done(const weir_connection *c);

#endif
