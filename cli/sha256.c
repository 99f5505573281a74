/* SPDX-License-Identifier: MIT */
/*
 * sha256.c - SHA-256 of what comes in pieces; the only file that names OpenSSL.
 */
#include "sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

/* A sha256 is OpenSSL's context under a name of ours. */
static EVP_MD_CTX *context(sha256 *sum)
{
    return (EVP_MD_CTX *)sum;
}

sha256 *sha256_create(void)
{
    EVP_MD_CTX *made = EVP_MD_CTX_new();

    if (made != NULL && EVP_DigestInit_ex(made, EVP_sha256(), NULL) == 1)
        return (sha256 *)made;
    EVP_MD_CTX_free(made);
    return NULL;
}

bool sha256_add(sha256 *sum, const void *data, size_t size)
{
    return size == 0 || EVP_DigestUpdate(context(sum), data, size) == 1;
}

bool sha256_finish(sha256 *sum, char out[SHA256_TEXT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_DigestFinal_ex(context(sum), digest, &size) != 1 || 2 * size + 1 != SHA256_TEXT_SIZE)
        return false;
    for (unsigned i = 0; i < size; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
    return true;
}

void sha256_free(sha256 *sum)
{
    EVP_MD_CTX_free(context(sum));
}
