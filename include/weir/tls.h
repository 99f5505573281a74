/* SPDX-License-Identifier: MIT */
/*
 * tls.h - TLS: who this end is, and whom it trusts.
 *
 *     weir_tls_options options = {.certificate_file = "server.pem", .key_file = "server.key"};
 *     weir_tls_create(&options, &tls, &why);
 *     weir_server_listen_tls(server, "[::]:50051", tls, &port, &why);
 *
 *     weir_tls_create(NULL, &tls, &why);              the system's roots
 *     weir_channel_options options = {.tls = tls};
 *
 * TLS 1.3 and 1.2 only, and of 1.2 only ECDHE with AES-GCM or ChaCha20-Poly1305. Both ends must
 * agree on HTTP/2 by ALPN, or the handshake fails. No compression, no renegotiation, no early data;
 * sessions are resumed by tickets. Who drives connections by hand (weir/connection.h) moves the
 * same bytes through the same functions, encrypted.
 */
#ifndef WEIR_TLS_H
#define WEIR_TLS_H

#include <weir/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Credentials: counted, immutable but for weir_tls_reload, used by any number of servers and
 * channels on any threads. */
typedef struct weir_tls weir_tls;

/* What a server wants to know of its clients. */
typedef enum weir_tls_clients {
    WEIR_TLS_ANY_CLIENT,   /* does not ask */
    WEIR_TLS_ASK_CLIENT,   /* asks: none is fine, one that cannot be verified is not */
    WEIR_TLS_VERIFY_CLIENT /* a verified certificate, or no connection */
} weir_tls_clients;

/*
 * Each thing is PEM, in a file or, where that is NULL, in memory. All is copied or read at once.
 * What belongs to the other end's role is not looked at: a server and a channel may share
 * credentials.
 */
typedef struct weir_tls_options {
    /* This end's certificate first, then those that signed it: for a server, and for a client whose
     * server asks. */
    const char *certificate_file;
    weir_slice certificate;
    /* Its private key, not encrypted. */
    const char *key_file;
    weir_slice key;
    /* Whom to trust; default: the system's roots, but nobody as a server's client. */
    const char *ca_file;
    weir_slice ca;
    weir_tls_clients clients;
    /* Client: whom to ask for and to accept, a host name or an IP address; default: the host in the
     * channel's authority. */
    const char *server_name;
    /* Server: default 10 s. A channel has a time for all of connecting (weir/channel.h). */
    uint64_t handshake_timeout_ns;
    /* Client: takes whatever certificate the server shows, so anybody in between can read and
     * change everything. Only for tests. */
    bool insecure_accept_any_server;
    uint64_t reserved[8];
} weir_tls_options;

/*
 * `options` may be NULL: a client's defaults. INVALID_ARGUMENT with the file and OpenSSL's reason
 * for what cannot be read, is no PEM or does not fit together; UNIMPLEMENTED where weir was built
 * without TLS.
 */
WEIR_API weir_code weir_tls_create(const weir_tls_options *options, weir_tls **out,
                                   weir_status *why) WEIR_MUST_USE;

/*
 * Takes other certificates, keys, roots and `clients` from now on: connections that are there keep
 * theirs, new ones do not resume older sessions. NULL reads the same files again. server_name and
 * handshake_timeout_ns stay as they were. Where it fails, all stays as it was. Any thread.
 */
WEIR_API weir_code weir_tls_reload(weir_tls *tls, const weir_tls_options *options,
                                   weir_status *why) WEIR_MUST_USE;

WEIR_API weir_tls *weir_tls_ref(weir_tls *tls);
WEIR_API void weir_tls_unref(weir_tls *tls);

/*
 * Who is at the other end of a TLS connection (weir_peer.tls). Only a certificate that was verified
 * is shown: with none, and with insecure_accept_any_server, the strings are "" and there are no
 * names.
 */
typedef struct weir_tls_peer {
    const char *protocol; /* "TLSv1.3" or "TLSv1.2" */
    const char *cipher;   /* "TLS_AES_256_GCM_SHA384" */
    bool resumed;         /* by a ticket: its certificate was verified when the session began */
    bool verified;
    const char *subject;      /* "CN=worker,O=Example" (RFC 2253) */
    const char *const *names; /* subjectAltName: "DNS:a.example", "URI:spiffe://b", "IP:::1", */
    size_t name_count;        /* "email:c@example", in their order */
    weir_slice certificate;   /* DER */
    uint64_t reserved[4];
} weir_tls_peer;

#ifdef __cplusplus
}
#endif

#endif
