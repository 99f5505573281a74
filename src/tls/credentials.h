/* SPDX-License-Identifier: MIT */
/*
 * credentials.h - the inside of credentials: what OpenSSL made of them, and when.
 */
#ifndef TLS_CREDENTIALS_H
#define TLS_CREDENTIALS_H

#include <weir/tls.h>

#include <openssl/ssl.h>

#include <pthread.h>
#include <stdatomic.h>

/* What a reload replaces. */
struct tls_context {
    SSL_CTX *ssl;
    unsigned generation; /* grows with each reload */
    weir_tls_clients clients;
    bool accept_any_server;
    bool can_serve;
};

/* The files it came from, each may be NULL: what a reload reads again. */
struct tls_files {
    char *certificate;
    char *key;
    char *ca;
    bool incomplete; /* something came from memory */
};

struct weir_tls {
    atomic_size_t references;
    pthread_mutex_t lock;       /* never held while something is read */
    struct tls_context context; /* under the lock */
    pthread_mutex_t reloading;
    struct tls_files files; /* under `reloading` */
    BIO_METHOD *bio;        /* session.c's way to bytes */
    char *server_name;      /* NULL: the channel's */
    uint64_t handshake_timeout_ns;
};

/* The context of now, with a reference to `ssl`. */
struct tls_context tls_context_of(weir_tls *tls);

/* Builds a context, or says which part of the options is wrong. */
weir_code tls_context_create(const weir_tls_options *options, struct tls_context *out,
                             weir_status *why);

/* OpenSSL's reason for what failed last on this thread, and forgets it: never NULL. */
const char *tls_last_reason(void);

#endif
