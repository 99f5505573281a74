/* SPDX-License-Identifier: MIT */
/*
 * sha256.h - SHA-256 of what comes in pieces, by OpenSSL's libcrypto.
 */
#ifndef WEIR_CLI_SHA256_H
#define WEIR_CLI_SHA256_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sha256 sha256;

enum { SHA256_TEXT_SIZE = 65 };

/* NULL: no memory. */
sha256 *sha256_create(void);
bool sha256_add(sha256 *sum, const void *data, size_t size);

/* Writes 64 digits of lower case hexadecimal and a NUL; nothing may be added after that. */
bool sha256_finish(sha256 *sum, char out[SHA256_TEXT_SIZE]);
void sha256_free(sha256 *sum);

#endif
