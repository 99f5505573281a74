/* SPDX-License-Identifier: MIT */
/*
 * combinator.h - what sources and combinators share: failing, letting go, and their memory.
 *
 * Nothing here allocates on the way to reporting that memory is out.
 */
#ifndef STREAM_COMBINATOR_H
#define STREAM_COMBINATOR_H

#include <weir/stream.h>

/* A stream whose first poll is an ERROR with RESOURCE_EXHAUSTED. */
weir_stream stream_out_of_memory(void);

/*
 * Memory for a combinator that owns *source. NULL when memory is out: *source is released then, and
 * stream_out_of_memory takes its place.
 */
void *combinator_alloc(size_t size, weir_stream *source);

/* The release of a combinator whose first member is its source and which owns nothing else. */
void combinator_release(void *self);

/* Drops what is in *out and makes it an error with a message that lives for ever. */
weir_poll poll_error(weir_item *out, weir_code code, const char *message);
weir_poll poll_out_of_memory(weir_item *out);

/* A callback answered `code` about the message in *out, and why is in out->status. */
weir_poll poll_refused(weir_item *out, weir_code code);

/*
 * A poll that delivers nothing looks at so many messages at most, so that a source that is always
 * ready does not keep its task from others: then it says PENDING, to be polled again at once.
 */
enum { LONGEST_RUN = 64 };
weir_poll poll_yield(weir_task *task);

#endif
