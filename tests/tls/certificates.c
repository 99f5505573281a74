/* SPDX-License-Identifier: MIT */
#include "tls/certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void add_extension(X509 *x509, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *new_x509(EVP_PKEY *key, const char *common_name, int first_day, int last_day)
{
    static long serial = 1;
    X509 *x509 = X509_new();

    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_time_adj_ex(X509_getm_notBefore(x509), first_day, -60, NULL);
    X509_time_adj_ex(X509_getm_notAfter(x509), last_day, 0, NULL);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                               (const unsigned char *)common_name, -1, -1, 0);
    return x509;
}

static weir_slice take(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    uint8_t *copy = malloc((size_t)size);

    memcpy(copy, data, (size_t)size);
    BIO_free(bio);
    return (weir_slice){copy, (size_t)size};
}

static void write_pem(struct certificate *c)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, c->x509), 1);
    c->pem = take(bio);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL), 1);
    c->key_pem = take(bio);
}

static void sign(struct certificate *c, const struct certificate *issuer)
{
    X509_set_issuer_name(c->x509, X509_get_subject_name(issuer->x509));
    assert_true(X509_sign(c->x509, issuer->key, EVP_sha256()) > 0);
    write_pem(c);
}

struct certificate authority_make(const char *common_name)
{
    struct certificate c = {.key = EVP_EC_gen("P-256")};

    c.x509 = new_x509(c.key, common_name, -1, 1);
    add_extension(c.x509, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(c.x509, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(&c, &c);
    return c;
}

struct certificate certificate_make(const struct certificate *issuer, const char *common_name,
                                    const char *names, int first_day, int last_day)
{
    struct certificate c = {.key = EVP_EC_gen("P-256")};

    c.x509 = new_x509(c.key, common_name, first_day, last_day);
    if (names != NULL)
        add_extension(c.x509, NID_subject_alt_name, names);
    sign(&c, issuer);
    return c;
}

void certificate_clear(struct certificate *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    free((void *)c->pem.data);
    free((void *)c->key_pem.data);
}

weir_tls_options certificate_options(const struct certificate *own, const struct certificate *ca)
{
    weir_tls_options options = {0};

    if (own != NULL) {
        options.certificate = own->pem;
        options.key = own->key_pem;
    }
    if (ca != NULL)
        options.ca = ca->pem;
    return options;
}

weir_tls *credentials_make(const struct certificate *own, const struct certificate *ca)
{
    weir_tls_options options = certificate_options(own, ca);
    weir_tls *tls;

    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    return tls;
}

void certificate_write(weir_slice pem, char name[64])
{
    int fd;

    strcpy(name, "/tmp/weir-test-XXXXXX");
    fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, pem.data, pem.size), pem.size);
    close(fd);
}
