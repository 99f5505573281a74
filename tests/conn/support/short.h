/* SPDX-License-Identifier: MIT */
/*
 * short.h - a server whose memory gets short.
 *
 * The limit is 1 MiB. Calls of Hand at a window of zero stall with a message each: so the test
 * decides how much is held, on the connection `p`. `p->other` is the honest one.
 */
#ifndef TESTS_CONN_SHORT_H
#define TESTS_CONN_SHORT_H

#include "conn/support/peer.h"

#define KIB ((size_t)1024)
#define LIMIT (1024 * KIB)
#define STALL WEIR_SECONDS(5)
/* With 14 of these memory is short. */
#define PIECE (48 * KIB)

int short_setup(void **state);
int short_setup_plenty(void **state);
/* All that is held is given back with the connections. */
int short_teardown(void **state);

#define BUDGET_TEST(claim) TEST_ROW(#claim, claim, short_setup, short_teardown)
#define PLENTY_TEST(claim) TEST_ROW(#claim, claim, short_setup_plenty, short_teardown)

weir_total_usage usage_of(struct peer *p);

struct served *open_call(struct peer *p, int32_t id, struct source responses);

/* Calls from stream `first` on that hold a message each, for which there is no window. */
void stall(struct peer *p, int32_t first, unsigned count, size_t size);
void reset_calls(struct peer *p, int32_t first, unsigned count);

#endif
