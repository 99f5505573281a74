/* SPDX-License-Identifier: MIT */
/*
 * tls_peer.h - OpenSSL by hand against one end of weir, in memory: what it wants to send lies here
 * until the fuzzer's bytes say what becomes of it.
 *
 * Random numbers follow from each other, the same for each input, so that an input does the same
 * every time.
 */
#ifndef FUZZ_TLS_PEER_H
#define FUZZ_TLS_PEER_H

#include "fuzz.h"

#include "conn/support/reader.h"
#include "conn/support/service.h"
#include "tls/secure_pair.h"

/* What a peer shows; the certificate of a server is for "server". */
enum identity { GOOD, FOREIGN, ANONYMOUS, EXPIRED, ELSEWHERE, MADE, IDENTITIES };

struct tls_peer {
    struct input input;
    weir_loop *loop;
    weir_transport transport;
    weir_server *server;
    weir_channel *channel;
    weir_connection *connection; /* NULL: there is none */
    struct service service;
    struct reader responses;
    SSL *ssl;
    enum identity identity;
    struct certificate made; /* from the input, where the identity is MADE */
    bool tls_1_2;
    bool resumes;
    bool one_byte;
    bool deaf;      /* takes nothing of what weir says */
    size_t heard;   /* bytes of plain text */
    size_t records; /* it sent by itself */
};

/* Credentials and contexts, once for all inputs. */
void tls_peer_prepare(void);

/* weir is a server that wants to know this of its clients, or a client that takes any server. */
void tls_peer_of_server(struct tls_peer *peer, weir_tls_clients clients);
void tls_peer_of_client(struct tls_peer *peer, bool accept_any);
void tls_peer_clear(struct tls_peer *peer);

/* Whether weir may believe this peer, when it asks who that is. */
bool tls_peer_is_trusted(const struct tls_peer *peer);

/* OpenSSL goes on with what it got; what it says waits to be sent. */
void tls_peer_step(struct tls_peer *peer);

/* What waits to be sent: how much, and its bytes, which may be changed. */
size_t tls_peer_waiting(struct tls_peer *peer, uint8_t **data);
void tls_peer_send(struct tls_peer *peer, size_t size);
void tls_peer_drop(struct tls_peer *peer);

/* These bytes as they are. */
void tls_peer_give(struct tls_peer *peer, const uint8_t *data, size_t size);

/* weir goes on, and what it says is taken; true when something moved. */
bool tls_peer_turn(struct tls_peer *peer);

/* All that can move does. */
void tls_peer_settle(struct tls_peer *peer);

/* The socket is gone. */
void tls_peer_cut(struct tls_peer *peer);

#endif
