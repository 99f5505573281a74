/* SPDX-License-Identifier: MIT */
/*
 * pair.h - a server and a channel of weir, wired together in memory under one fake clock.
 *
 * Whoever connects is accepted by the pair's server; the pump turns the one loop that both are on
 * and moves what each connection it names has to say to the other end. Bytes move in the largest
 * pieces there are, one by one, or in random ones. A PAIR_TEST runs whole and byte by byte; its
 * state is the pair.
 */
#ifndef TESTS_CONN_PAIR_H
#define TESTS_CONN_PAIR_H

#include "conn/support/memory.h"
#include "conn/support/service.h"

#include <semaphore.h>

enum side { CLIENT, SERVER };

struct wire;

struct pair {
    weir_loop *loop;
    weir_server *server;
    weir_channel *channel;
    weir_transport transport;
    struct service service;
    struct wire *wires;
    bool one_byte;
    uint32_t random;           /* a seed: pieces and order are random */
    bool held[2];              /* what this side sends stays with it */
    uint64_t sent[2];          /* bytes by this side, on all wires */
    bool refuses;              /* connections cannot be made */
    weir_tls *tls;             /* the servers'; NULL: plain text */
    unsigned connects;         /* tries so far */
    weir_server *other_server; /* who serves the address "other:1" */
    struct source sources[64];
    unsigned source_count;
    sem_t woken; /* by another thread */
};

/* With options: zeroed fields are defaults; the loop is filled in. May be NULL. */
struct pair *pair_create(const weir_server_options *server, const weir_channel_options *channel);
void pair_free(struct pair *pair);

/* Moves and turns until nothing is left to do at this time. */
void pair_settle(struct pair *pair);

/* One round; false when nothing was left to do. */
bool pair_step(struct pair *pair);

/* Waits until another thread has woken the loop; fails when none does for a long time. */
void pair_wait(struct pair *pair);

/* Settles until `condition` holds, which another thread's work brings about. */
#define pair_until(pair, condition)                                                                \
    do {                                                                                           \
        pair_settle(pair);                                                                         \
        if (condition)                                                                             \
            break;                                                                                 \
        pair_wait(pair);                                                                           \
    } while (true)

/* Lets time pass: every timer fires at its own time, and all settles each time. */
void pair_advance(struct pair *pair, uint64_t ns);

/* All wires are cut: both ends see the end of the file. */
void pair_cut(struct pair *pair);

unsigned pair_wire_count(const struct pair *pair);

/* The newest connection of a side; NULL when there is none. */
weir_connection *pair_connection(const struct pair *pair, enum side side);

/* The pair's own channel can be dropped before the end. */
void pair_drop_channel(struct pair *pair);

/* Makes a call and reads its responses with `reader`. */
void pair_call(struct pair *pair, struct reader *reader, const char *method, weir_stream requests);

/* The same with a call that the test made; the reader keeps it, the test's reference moves in. */
void pair_make(struct pair *pair, struct reader *reader, weir_call *call, weir_stream requests);

/* A copy that lives as long as the pair: streams of it may outlive the test's own frame. */
struct source *pair_source(struct pair *pair, struct source source);

/* A stream of one text. */
weir_stream text(const char *message);

/* Settles and takes numbered messages of `size`, until nothing comes any more; how many came. */
uint64_t pair_read(struct pair *pair, struct reader *reader, size_t size);

int pair_setup_whole(void **state);
int pair_setup_bytes(void **state);
int pair_teardown(void **state);

#define PAIR_TEST(claim)                                                                           \
    TEST_ROW(#claim, claim, pair_setup_whole, pair_teardown),                                      \
        TEST_ROW(#claim " (byte by byte)", claim, pair_setup_bytes, pair_teardown)

/* For what moves too much to do it byte by byte. */
#define PAIR_TEST_WHOLE(claim) TEST_ROW(#claim, claim, pair_setup_whole, pair_teardown)

#endif
