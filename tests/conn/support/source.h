/* SPDX-License-Identifier: MIT */
/*
 * source.h - a stream that gives numbered messages when the test lets it, and counts its polls.
 *
 *     struct source source = {.count = 3, .size = 100, .over = true};
 *
 * is three messages of 100 bytes and END. Without `over` it is PENDING after them, until
 * source_give or source_end. The number and the size of a message decide what it holds.
 */
#ifndef TESTS_CONN_SOURCE_H
#define TESTS_CONN_SOURCE_H

#include "conn/support/testing.h"

struct source {
    uint64_t count; /* messages it may give so far */
    size_t size;    /* of each */
    bool over;      /* ends after them ... */
    weir_code code; /* ... with this status */
    uint64_t given;
    unsigned polls;
    unsigned released;
    weir_waker waker;
};

/* The stream; the source is borrowed until it is released. */
weir_stream source_stream(struct source *source);

void source_give(struct source *source, uint64_t more);
void source_end(struct source *source, weir_code code);

weir_bytes message_make(uint64_t number, size_t size);
bool message_is(const weir_bytes *message, uint64_t number, size_t size);

#endif
