/* SPDX-License-Identifier: MIT */
/*
 * session.h - one end of one TLS connection: ciphertext in and out, plaintext out and in.
 *
 * It has no socket and no clock. What it wants to send goes into an output that its user empties;
 * what came is fed to it. It never waits, and it holds no plaintext. All functions belong to the
 * thread of the connection.
 */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include <weir/tls.h>

#include "bytes/output.h"

struct tls_session;

/* A client's memory of its last session with one server, which it resumes. The zero value has
 * none. */
struct tls_memory {
    void *session;
    unsigned generation; /* of the credentials it was made with */
};

void tls_memory_clear(struct tls_memory *memory);

/* How far it got. */
enum tls_result {
    TLS_DONE,   /* the handshake is complete; plaintext was read */
    TLS_WAIT,   /* all that was fed is used up */
    TLS_CLOSED, /* the peer says that nothing more comes */
    TLS_FAILED  /* for good: tls_reason */
};

/* ---- credentials ---- */

bool tls_can_serve(weir_tls *tls);
uint64_t tls_handshake_timeout_ns(const weir_tls *tls);

/* Whom a client shall ask for; NULL: its channel's host. */
const char *tls_server_name(const weir_tls *tls);

/* ---- sessions ---- */

/* A server's end; NULL when memory is out. `out` is borrowed for its life. */
struct tls_session *tls_accept(weir_tls *tls, struct output *out);

/* A client's end that asks for `name` and accepts nobody else. `memory` is borrowed, may be
 * NULL. */
struct tls_session *tls_connect(weir_tls *tls, const char *name, struct tls_memory *memory,
                                struct output *out);

/* NULL: nothing. What it put into its output stays there. */
void tls_session_free(struct tls_session *session);

/* Lends it ciphertext that came, which the next calls use up, until one of them says TLS_WAIT. */
void tls_feed(struct tls_session *session, const uint8_t *data, size_t size);

/* A step of the handshake; DONE when it is complete. */
enum tls_result tls_handshake(struct tls_session *session);

/* The next plaintext, at most `size` bytes (a record has up to 16 KiB). */
enum tls_result tls_read(struct tls_session *session, uint8_t *plain, size_t size, size_t *got);

/* How often the peer changed its keys since it was asked last: that costs us, and moves nothing. */
unsigned tls_take_key_updates(struct tls_session *session);

/* Encrypts all of it into the output; false: it failed. */
bool tls_write(struct tls_session *session, const uint8_t *plain, size_t size);

/* Says to the peer that nothing more comes. */
void tls_close(struct tls_session *session);

/* Why it failed: "certificate verify failed: self-signed certificate". */
const char *tls_reason(const struct tls_session *session);

/* Once the handshake is complete: the peer as a struct weir_tls_peer in counted bytes. False:
 * memory is out. */
bool tls_peer(const struct tls_session *session, weir_bytes *out);

/* ---- for credentials.c ---- */

struct ssl_ctx_st;
struct bio_method_st;

/* How sessions reach their bytes; NULL when memory is out. */
struct bio_method_st *tls_session_bio(void);

/* Sets what all sessions of a context have in common. */
void tls_session_prepare(struct ssl_ctx_st *context);

#endif
