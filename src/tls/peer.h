/* SPDX-License-Identifier: MIT */
/*
 * peer.h - who is at the other end, out of the certificate it showed.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <weir/bytes.h>
#include <weir/tls.h>

#include <openssl/ssl.h>

/* A struct weir_tls_peer in counted bytes; false when memory is out. */
bool peer_describe(SSL *ssl, weir_bytes *out);

#endif
