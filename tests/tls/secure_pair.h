/* SPDX-License-Identifier: MIT */
/*
 * secure_pair.h - a pair (conn/support/pair.h) over TLS, and certificates for it.
 */
#ifndef TESTS_TLS_SECURE_PAIR_H
#define TESTS_TLS_SECURE_PAIR_H

#include "conn/support/pair.h"
#include "tls/certificates.h"

/* All but foreign_client are signed by ca; the servers are "server" to the pair, but for
 * elsewhere. */
extern struct certificate ca, other_ca, server, other_server, client, foreign_client, expired,
    early, elsewhere;

/* The group's setup and teardown. */
int make_certificates(void **state);
int clear_certificates(void **state);

/* Both credentials move in. */
struct pair *secure_pair_create(weir_tls *of_server, weir_tls *of_channel);
void secure_pair_free(struct pair *pair);

/* One call that works; the reader is the caller's to clear. */
void expect_echo(struct pair *pair, struct reader *reader);
void expect_works(struct pair *pair);

int secure_setup_whole(void **state);
int secure_setup_bytes(void **state);
int secure_teardown(void **state);

#define TLS_TEST(claim)                                                                            \
    TEST_ROW(#claim, claim, secure_setup_whole, secure_teardown),                                  \
        TEST_ROW(#claim " (byte by byte)", claim, secure_setup_bytes, secure_teardown)
#define TLS_TEST_WHOLE(claim) TEST_ROW(#claim, claim, secure_setup_whole, secure_teardown)

/* For tests that make pairs of their own. */
int own_setup(void **state);
int own_teardown(void **state);

#define OWN_TEST(claim) TEST_ROW(#claim, claim, own_setup, own_teardown)

#endif
