/* SPDX-License-Identifier: MIT */
/*
 * peer.c - who is at the other end, out of the certificate it showed.
 *
 * Everything lies in one arena, which lives as long as the last call that refers to it.
 */
#include "tls/peer.h"

#include <weir/arena.h>

#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <string.h>

/* OpenSSL itself takes chains of 100 KiB at most. */
#define MAX_PEER_SIZE ((size_t)512 << 10)

static const char *format_address(weir_arena *arena, const ASN1_STRING *value)
{
    int family = ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6;
    char text[INET6_ADDRSTRLEN];

    if (ASN1_STRING_length(value) != 4 && ASN1_STRING_length(value) != 16)
        return "";
    inet_ntop(family, ASN1_STRING_get0_data(value), text, sizeof text);
    return weir_arena_format(arena, "IP:%s", text);
}

/* A name with a NUL inside would look like another one. */
static const char *format_text(weir_arena *arena, const char *kind, const ASN1_STRING *value)
{
    const char *data = (const char *)ASN1_STRING_get0_data(value);
    int size = ASN1_STRING_length(value);

    if (memchr(data, '\0', (size_t)size) != NULL)
        return "";
    return weir_arena_format(arena, "%s:%.*s", kind, size, data);
}

/* "": of a kind that is not shown; NULL: memory is out. */
static const char *format_name(weir_arena *arena, const GENERAL_NAME *name)
{
    int kind;
    const void *value = GENERAL_NAME_get0_value(name, &kind);

    switch (kind) {
    case GEN_DNS:
        return format_text(arena, "DNS", value);
    case GEN_URI:
        return format_text(arena, "URI", value);
    case GEN_EMAIL:
        return format_text(arena, "email", value);
    case GEN_IPADD:
        return format_address(arena, value);
    default:
        return "";
    }
}

static bool add_names(weir_arena *arena, weir_tls_peer *peer, const GENERAL_NAMES *names)
{
    size_t count = names != NULL ? (size_t)sk_GENERAL_NAME_num(names) : 0;
    const char **shown = weir_arena_alloc(arena, (count + 1) * sizeof *shown);

    if (shown == NULL)
        return false;
    peer->names = shown;
    for (size_t i = 0; i < count; i++) {
        const char *name = format_name(arena, sk_GENERAL_NAME_value(names, (int)i));

        if (name == NULL)
            return false;
        if (name[0] != '\0')
            shown[peer->name_count++] = name;
    }
    return true;
}

static bool add_subject(weir_arena *arena, weir_tls_peer *peer, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    if (bio == NULL)
        return false;
    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    size = BIO_get_mem_data(bio, &text);
    peer->subject = weir_arena_copy(arena, text, (size_t)size);
    BIO_free(bio);
    return peer->subject != NULL;
}

static bool add_certificate(weir_arena *arena, weir_tls_peer *peer, X509 *certificate)
{
    int size = i2d_X509(certificate, NULL);
    unsigned char *end, *der = size > 0 ? weir_arena_alloc(arena, (size_t)size) : NULL;
    GENERAL_NAMES *names;
    bool added;

    if (der == NULL)
        return false;
    end = der;
    i2d_X509(certificate, &end);
    peer->certificate = (weir_slice){der, (size_t)size};
    names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    added = add_subject(arena, peer, certificate) && add_names(arena, peer, names);
    GENERAL_NAMES_free(names);
    return added;
}

static bool fill(weir_arena *arena, weir_tls_peer *peer, SSL *ssl)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    bool filled = true;

    peer->protocol = weir_arena_format(arena, "%s", SSL_get_version(ssl));
    peer->cipher = weir_arena_format(arena, "%s", SSL_get_cipher_name(ssl));
    peer->resumed = SSL_session_reused(ssl) == 1;
    peer->subject = "";
    peer->verified = certificate != NULL && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
                     SSL_get_verify_result(ssl) == X509_V_OK;
    if (peer->verified)
        filled = add_certificate(arena, peer, certificate);
    X509_free(certificate);
    return filled && peer->protocol != NULL && peer->cipher != NULL;
}

static void free_arena(void *arena)
{
    weir_arena_free(arena);
}

bool peer_describe(SSL *ssl, weir_bytes *out)
{
    weir_arena *arena = weir_arena_create(MAX_PEER_SIZE);
    weir_tls_peer *peer = arena != NULL ? weir_arena_alloc(arena, sizeof *peer) : NULL;

    *out = (weir_bytes){0};
    if (peer != NULL)
        *peer = (weir_tls_peer){0};
    if (peer == NULL || !fill(arena, peer, ssl)) {
        weir_arena_free(arena);
        return false;
    }
    *out = weir_bytes_own(arena, sizeof *peer, free_arena);
    if (weir_bytes_failed(out))
        return false;
    out->data = (const uint8_t *)peer;
    return true;
}
