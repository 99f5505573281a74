/* SPDX-License-Identifier: MIT */
/*
 * reader.h - who polls a stream in a test, and what is expected of it.
 *
 * A reader owns its stream and has a task of its own, on the test's clock. With a call (a client's)
 * it keeps a reference to that, so that trailers can be read after the end.
 */
#ifndef TESTS_CONN_READER_H
#define TESTS_CONN_READER_H

#include "conn/support/testing.h"

struct reader {
    weir_stream stream;
    weir_call *call;
    weir_task *task;
    uint64_t messages; /* taken so far */
    uint64_t bytes;
    bool over;
    weir_code code; /* once over */
    char why[160];
};

/* `stream` moves in, `call` (may be NULL) is referenced. */
void reader_init(struct reader *reader, weir_stream stream, weir_call *call);

/* Releases what is left. */
void reader_clear(struct reader *reader);

weir_poll reader_poll(struct reader *reader, weir_item *item);

/* Takes all that is there, each message numbered and of `size`, as from a source; how many. */
uint64_t reader_drain_at(struct reader *reader, size_t size, const char *file, int line);

/* Takes all that is there unseen. */
uint64_t reader_skim(struct reader *reader);

void expect_text_at(struct reader *reader, const char *text, const char *file, int line);
void expect_number_at(struct reader *reader, uint64_t number, size_t size, const char *file,
                      int line);
void expect_poll_at(struct reader *reader, weir_poll poll, weir_code code, const char *file,
                    int line);

#define reader_drain(reader, size) reader_drain_at(reader, size, __FILE__, __LINE__)
#define expect_text(reader, text) expect_text_at(reader, text, __FILE__, __LINE__)
#define expect_number(reader, number, size)                                                        \
    expect_number_at(reader, number, size, __FILE__, __LINE__)
#define expect_pending(reader) expect_poll_at(reader, WEIR_PENDING, WEIR_OK, __FILE__, __LINE__)
#define expect_end(reader) expect_poll_at(reader, WEIR_END, WEIR_OK, __FILE__, __LINE__)
#define expect_error(reader, code) expect_poll_at(reader, WEIR_ERROR, code, __FILE__, __LINE__)

/* The nth value of `name` is `text`; NULL: there is none. */
void expect_metadata_at(const weir_metadata *metadata, const char *name, size_t nth,
                        const char *text, const char *file, int line);
#define expect_metadata(metadata, name, nth, text)                                                 \
    expect_metadata_at(metadata, name, nth, text, __FILE__, __LINE__)

#endif
