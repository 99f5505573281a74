/* SPDX-License-Identifier: MIT */
/*
 * certificates.h - certificates for a test, made when it runs: none lies in the tree to expire.
 */
#ifndef TESTS_TLS_CERTIFICATES_H
#define TESTS_TLS_CERTIFICATES_H

#include <weir/weir.h>

#include <openssl/ssl.h>

/* One certificate with its key, and both as PEM. */
struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    weir_slice pem;
    weir_slice key_pem;
};

/* A root that signs others. */
struct certificate authority_make(const char *common_name);

/* One signed by `issuer`. `names`: "DNS:server,IP:127.0.0.1", or NULL. It is valid for the days
 * from `first_day` to `last_day`, today being 0. */
struct certificate certificate_make(const struct certificate *issuer, const char *common_name,
                                    const char *names, int first_day, int last_day);

void certificate_clear(struct certificate *certificate);

/* Credentials of this certificate (NULL: none) that trust `ca` (NULL: the system's roots). */
weir_tls_options certificate_options(const struct certificate *own, const struct certificate *ca);
weir_tls *credentials_make(const struct certificate *own, const struct certificate *ca);

/* The PEM in a file of its own, whose name goes to `name`. */
void certificate_write(weir_slice pem, char name[64]);

#endif
