/* SPDX-License-Identifier: MIT */
/*
 * context.c - PEM in, an SSL_CTX out.
 *
 * One context serves both roles. What differs between them (whom to verify, whom to ask for) is set
 * on each session.
 */
#include "tls/credentials.h"

#include "base/alloc.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A bundle of all roots there are has less than half a megabyte. */
#define MAX_FILE_SIZE ((size_t)16 << 20)
/* AEAD with ephemeral keys: what RFC 9113 leaves of TLS 1.2. 1.3 has nothing else. */
#define CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK"
#define LEAST_SECURITY_LEVEL 2

const char *tls_last_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : "out of memory";
}

/* ---- PEM ---- */

/* One of the options: where it comes from, for errors, and its bytes. */
struct pem {
    const char *kind;
    const char *file; /* NULL: it was in memory */
    weir_slice bytes;
    char *memory; /* what a file held */
};

static weir_code wrong(const struct pem *pem, const char *reason, weir_status *why)
{
    const char *quote = pem->file != NULL ? "'" : "";

    return weir_fail(why, WEIR_INVALID_ARGUMENT, "TLS: %s%s%s%s%s: %s", pem->kind,
                     pem->file != NULL ? " file " : " in memory", quote,
                     pem->file != NULL ? pem->file : "", quote, reason);
}

/* What `file` holds; NULL with a reason in *failed. */
static char *read_file(FILE *file, size_t *size, const char **failed)
{
    char *memory = NULL;
    size_t capacity = 0;

    *size = 0;
    while (!feof(file) && !ferror(file) && *size <= MAX_FILE_SIZE) {
        if (*size == capacity) {
            char *larger = mem_resize(memory, capacity = capacity == 0 ? 4096 : capacity * 2);

            if (larger == NULL) {
                *failed = "out of memory";
                mem_free(memory);
                return NULL;
            }
            memory = larger;
        }
        *size += fread(memory + *size, 1, capacity - *size, file);
    }
    if (!ferror(file) && *size <= MAX_FILE_SIZE)
        return memory;
    *failed = ferror(file) ? strerror(errno) : "too large";
    mem_free(memory);
    return NULL;
}

static weir_code pem_open(struct pem *pem, weir_status *why)
{
    const char *failed = NULL;
    FILE *file;

    if (pem->file == NULL)
        return WEIR_OK;
    file = fopen(pem->file, "re");
    if (file == NULL)
        return wrong(pem, strerror(errno), why);
    pem->memory = read_file(file, &pem->bytes.size, &failed);
    pem->bytes.data = (const uint8_t *)pem->memory;
    fclose(file);
    return pem->memory != NULL ? WEIR_OK : wrong(pem, failed, why);
}

static void pem_close(struct pem *pem)
{
    if (pem->memory != NULL)
        OPENSSL_cleanse(pem->memory, pem->bytes.size);
    mem_free(pem->memory);
}

static bool pem_is_given(const struct pem *pem)
{
    return pem->file != NULL || pem->bytes.data != NULL;
}

static BIO *pem_reader(const struct pem *pem)
{
    if (pem->bytes.size > MAX_FILE_SIZE)
        return NULL;
    return BIO_new_mem_buf(pem->bytes.data, (int)pem->bytes.size);
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *buffer, int size, int writing, void *self)
{
    (void)buffer, (void)size, (void)writing, (void)self;
    return -1;
}

/* Calls take(context, certificate), which takes a reference, for each certificate, the first one
 * with index 0. */
static weir_code for_certificates(const struct pem *pem, SSL_CTX *context,
                                  bool (*take)(SSL_CTX *context, X509 *certificate, size_t index),
                                  weir_status *why)
{
    BIO *bio = pem_reader(pem);
    size_t count = 0;
    bool taken = bio != NULL;
    X509 *certificate;

    ERR_clear_error();
    while (taken && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        taken = take(context, certificate, count++);
        X509_free(certificate);
    }
    BIO_free(bio);
    if (!taken || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return wrong(pem, tls_last_reason(), why);
    ERR_clear_error();
    return count != 0 ? WEIR_OK : wrong(pem, "no PEM certificate in it", why);
}

/* ---- what they are for ---- */

static bool take_own(SSL_CTX *context, X509 *certificate, size_t index)
{
    if (index == 0)
        return SSL_CTX_use_certificate(context, certificate) == 1;
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

/* A root is trusted, and clients that are asked are told its name. */
static bool take_root(SSL_CTX *context, X509 *certificate, size_t index)
{
    (void)index;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 &&
           SSL_CTX_add_client_CA(context, certificate) == 1;
}

static weir_code use_key(SSL_CTX *context, const struct pem *pem, weir_status *why)
{
    BIO *bio = pem_reader(pem);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    bool used;

    BIO_free(bio);
    if (key == NULL) {
        ERR_clear_error();
        return wrong(pem, "no PEM private key in it, or an encrypted one", why);
    }
    used = SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    return used ? WEIR_OK : wrong(pem, tls_last_reason(), why);
}

static weir_code use_identity(SSL_CTX *context, struct pem *certificate, struct pem *key,
                              weir_status *why)
{
    weir_code code = pem_open(certificate, why);

    if (code == WEIR_OK)
        code = for_certificates(certificate, context, take_own, why);
    if (code == WEIR_OK)
        code = pem_open(key, why);
    if (code == WEIR_OK)
        code = use_key(context, key, why);
    pem_close(certificate);
    pem_close(key);
    return code;
}

static weir_code use_roots(SSL_CTX *context, struct pem *ca, weir_status *why)
{
    weir_code code = pem_open(ca, why);

    if (code == WEIR_OK)
        code = for_certificates(ca, context, take_root, why);
    pem_close(ca);
    return code;
}

static weir_code use_all(const weir_tls_options *options, SSL_CTX *context, weir_status *why)
{
    struct pem certificate = {"certificate", options->certificate_file, options->certificate, NULL};
    struct pem key = {"key", options->key_file, options->key, NULL};
    struct pem ca = {"CA", options->ca_file, options->ca, NULL};
    weir_code code = WEIR_OK;

    if (pem_is_given(&certificate) != pem_is_given(&key))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "TLS: a certificate needs its key, a key its "
                         "certificate; one of them is missing");
    if (options->clients != WEIR_TLS_ANY_CLIENT && !pem_is_given(&ca))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "TLS: a server that verifies its clients needs the CA that signs them");
    if (pem_is_given(&certificate))
        code = use_identity(context, &certificate, &key, why);
    if (code == WEIR_OK && pem_is_given(&ca))
        code = use_roots(context, &ca, why);
    else if (code == WEIR_OK)
        (void)SSL_CTX_set_default_verify_paths(context); /* none there: nobody is trusted */
    return code;
}

/* ---- a context ---- */

static bool restrict_protocol(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (SSL_CTX_get_security_level(context) < LEAST_SECURITY_LEVEL)
        SSL_CTX_set_security_level(context, LEAST_SECURITY_LEVEL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_OF_1_2) == 1;
}

weir_code tls_context_create(const weir_tls_options *options, struct tls_context *out,
                             weir_status *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    weir_code code;

    if (context == NULL || !restrict_protocol(context)) {
        SSL_CTX_free(context);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "TLS: %s", tls_last_reason());
    }
    /* An idle connection keeps no record's buffers, and no handshake looks through the system's
     * folder of certificates for a chain that was given. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    code = use_all(options, context, why);
    ERR_clear_error();
    if (code != WEIR_OK) {
        SSL_CTX_free(context);
        return code;
    }
    *out = (struct tls_context){
        .ssl = context,
        .clients = options->clients,
        .accept_any_server = options->insecure_accept_any_server,
        .can_serve = options->certificate_file != NULL || options->certificate.data != NULL,
    };
    return WEIR_OK;
}
