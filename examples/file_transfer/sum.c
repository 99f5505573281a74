/* SPDX-License-Identifier: MIT */
/*
 * sum.c - SHA-256 by OpenSSL's libcrypto, whose context goes by a name of ours.
 */
#include "sum.h"

#include <openssl/evp.h>
#include <string.h>

struct sum *sum_create(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1)
        return (struct sum *)context;
    EVP_MD_CTX_free(context);
    return NULL;
}

bool sum_add(struct sum *sum, const void *data, size_t size)
{
    return EVP_DigestUpdate((EVP_MD_CTX *)sum, data, size) == 1;
}

bool sum_finish(struct sum *sum, uint8_t out[SUM_SIZE])
{
    return EVP_DigestFinal_ex((EVP_MD_CTX *)sum, out, NULL) == 1;
}

void sum_free(struct sum *sum)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)sum);
}

bool sum_is(struct sum *sum, const uint8_t *data, size_t size)
{
    uint8_t own[SUM_SIZE];

    return sum_finish(sum, own) && size == SUM_SIZE && memcmp(own, data, SUM_SIZE) == 0;
}
