/* SPDX-License-Identifier: MIT */
/*
 * stream.h - the message stream: owned, sendable, polled.
 *
 * A stream has one owner, and passing it by value moves it, also when the callee fails. Any thread
 * may own it, one at a time. Nothing happens until somebody polls. Each item is one serialized
 * protobuf message; the stream does not know which serializer made it.
 *
 * Functions that make streams never fail: out of memory is a stream whose first poll is an ERROR
 * with RESOURCE_EXHAUSTED, so chains need no checks.
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <weir/bytes.h>
#include <weir/status.h>
#include <weir/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * READY    out->message is filled and owned by the caller.
 * PENDING  nothing yet, and in this poll every source it waits for arranged a wake: it kept the
 *          task's waker or asked for weir_task_wake_at. Both last until the next poll.
 * END      no more messages, now or later.
 * ERROR    out->status says why and is owned by the caller. Every later poll returns END.
 */
typedef enum weir_poll { WEIR_PENDING, WEIR_READY, WEIR_END, WEIR_ERROR } weir_poll;

enum {
    WEIR_ITEM_COMPRESSED = 1,  /* it arrived compressed (the message is inflated already) */
    WEIR_ITEM_UNCOMPRESSED = 2 /* send this one uncompressed */
};

/* How messages are compressed on the wire, each by itself. gzip and deflate need weir built with
 * zlib; without it they are IDENTITY. */
typedef enum weir_compression { WEIR_IDENTITY, WEIR_GZIP, WEIR_DEFLATE } weir_compression;

typedef struct weir_item {
    weir_bytes message;
    unsigned flags;
    weir_status status;
} weir_item;

/*
 * What a kind of stream does. poll gets a zeroed item and is not called again after END or ERROR;
 * release frees self and all it is made of, once. Inside a poll nobody releases or moves the chain
 * that is being polled.
 */
typedef struct weir_stream_ops {
    weir_poll (*poll)(void *self, weir_task *task, weir_item *out);
    void (*release)(void *self);
} weir_stream_ops;

/* The zero value is the empty stream. */
typedef struct weir_stream {
    const weir_stream_ops *ops;
    void *self;
} weir_stream;

/*
 * Polls once. Zeroes *out first; at END and ERROR the stream is released and becomes the empty
 * stream. A READY with failed bytes (see weir_bytes_failed) becomes ERROR RESOURCE_EXHAUSTED, an
 * ERROR without a code UNKNOWN. What a source left in *out beside its answer is dropped.
 */
WEIR_API weir_poll weir_stream_poll(weir_stream *stream, weir_task *task, weir_item *out);

/* Releases a stream early, and all it is made of. The empty stream: nothing happens. */
WEIR_API void weir_stream_release(weir_stream *stream);

/* Drops what an item owns. */
WEIR_API void weir_item_clear(weir_item *item);

/* ---- sources ---- */

/* The messages of an array, in order; their references move in, the array itself is copied. */
WEIR_API weir_stream weir_stream_of(const weir_bytes *messages, size_t count);

typedef weir_poll weir_next_fn(void *state, weir_task *task, weir_item *out);

/*
 * A function and its state, which is released (release may be NULL) with the stream. The function
 * follows the rules of poll. A NULL state together with a release function counts as a failed
 * allocation: the stream is an ERROR RESOURCE_EXHAUSTED.
 */
WEIR_API weir_stream weir_stream_from(weir_next_fn *next, void *state,
                                      void (*release)(void *state));

WEIR_API weir_stream weir_stream_once(weir_bytes message);
WEIR_API weir_stream weir_stream_empty(void);

/* Ends at once with this status, which is moved in. An OK status gives the empty stream. */
WEIR_API weir_stream weir_stream_error(weir_status status);
WEIR_API weir_stream weir_stream_fail(weir_code code, const char *format, ...) WEIR_PRINTF(2, 3);

/* ---- combinators: each owns the streams it is made from ---- */

/* Rewrites *message in place (unref the old one, set a new one); anything but WEIR_OK ends the
 * stream with that code and *why. */
typedef weir_code weir_map_fn(void *arg, weir_bytes *message, weir_status *why);
WEIR_API weir_stream weir_stream_map(weir_stream source, weir_map_fn *fn, void *arg);

typedef bool weir_test_fn(void *arg, const weir_bytes *message);

/* Keeps the messages for which fn is true. It lets the task go after a bounded run of refusals. */
WEIR_API weir_stream weir_stream_filter(weir_stream source, weir_test_fn *fn, void *arg);

/* Messages up to the first one for which fn is false; that one and the rest are dropped. */
WEIR_API weir_stream weir_stream_take_while(weir_stream source, weir_test_fn *fn, void *arg);

/* The first `count` messages; the source is released with the last of them. */
WEIR_API weir_stream weir_stream_take(weir_stream source, uint64_t count);

/* All but the first `count` messages. */
WEIR_API weir_stream weir_stream_skip(weir_stream source, uint64_t count);

/* Each message becomes a stream (weir_stream_once(message) keeps it, weir_stream_delay waits), and
 * those are read one after another. fn gets the message to own. */
typedef weir_stream weir_then_fn(void *arg, weir_bytes message);
WEIR_API weir_stream weir_stream_then(weir_stream source, weir_then_fn *fn, void *arg);

/* Waits `delay_ns` from its first poll, then is `source`. */
WEIR_API weir_stream weir_stream_delay(weir_stream source, uint64_t delay_ns);

/* `first`, and after its END `second`. An ERROR of the first ends both. */
WEIR_API weir_stream weir_stream_chain(weir_stream first, weir_stream second);

/* The messages of all `count` streams as they come, fairly; END when all ended, ERROR with the
 * first error. The array is copied, the streams move in. A poll asks each of them. */
WEIR_API weir_stream weir_stream_merge(const weir_stream *streams, size_t count);

/* One message of each, joined to one by fn, which owns both; ends with the shorter one. Both are
 * polled ahead of each other by one message; a message without a partner is dropped. */
typedef weir_code weir_zip_fn(void *arg, weir_bytes left, weir_bytes right, weir_bytes *out,
                              weir_status *why);
WEIR_API weir_stream weir_stream_zip(weir_stream left, weir_stream right, weir_zip_fn *fn,
                                     void *arg);

/* Looks at what passes. Each hook may be NULL. `end` gets the final status (OK at END) once;
 * `release` comes last, always, and also when the stream is released early (then without `end`). */
typedef struct weir_inspect_hooks {
    void (*message)(void *arg, const weir_item *item);
    void (*end)(void *arg, const weir_status *status);
    void (*release)(void *arg);
    void *arg;
} weir_inspect_hooks;
WEIR_API weir_stream weir_stream_inspect(weir_stream source, const weir_inspect_hooks *hooks);

/*
 * One message per interval, against an absolute schedule: start is the first poll, k counts from 1,
 * and the k-th message never leaves before start + k * interval (with a burst of b: before
 * start + (k - b) * interval). Rates are exact: n a second for an hour are 3600 * n messages.
 *
 * A late poll catches up at most `catch_up` intervals: so many messages (and the burst) leave at
 * once, older slots are lost and the schedule shifts, so that a stall is not followed by a flood. A
 * source that is late counts as a late poll. `strict` never sends two closer than the interval: it
 * has no burst and catches nothing up.
 *
 * The throttle holds no message: it does not poll its source before a slot has come. So the end of
 * the source, and its error, are seen in the slot after the last message, not before.
 *
 * Neither an interval nor a rate above 0: the stream is the source, not throttled.
 */
typedef struct weir_throttle_options {
    uint64_t interval_ns; /* one message per interval, or ... */
    double per_second;    /* ... so many a second, when interval_ns is 0 */
    uint64_t burst;       /* so many messages may leave together ahead of the schedule */
    uint64_t catch_up;    /* intervals; default 100; UINT64_MAX: all of them */
    bool strict;
    uint64_t reserved[4];
} weir_throttle_options;
WEIR_API weir_stream weir_stream_throttle(weir_stream source, uint64_t interval_ns);
WEIR_API weir_stream weir_stream_throttle_with(weir_stream source,
                                               const weir_throttle_options *options);

/*
 * DEADLINE_EXCEEDED when a wait is longer than this; 0 means no limit on that wait. A wait begins
 * with the poll that finds nothing, so a reader that is slow to ask does not use up its source's
 * time, and a message that is there is delivered, however late. `total_ns` runs from the first poll
 * and ends the stream whatever is there.
 */
typedef struct weir_timeout_options {
    uint64_t first_ns;
    uint64_t next_ns;
    uint64_t total_ns;
    uint64_t reserved[4];
} weir_timeout_options;
WEIR_API weir_stream weir_stream_timeout(weir_stream source, const weir_timeout_options *options);

/* Cuts each message into messages of at most `size` bytes, not 0; they are slices, not copies. An
 * empty message stays one empty message. */
WEIR_API weir_stream weir_stream_chunk(weir_stream source, size_t size);

/* At most so many bytes and messages in total; past it RESOURCE_EXHAUSTED, and the message that
 * crosses is not delivered. UINT64_MAX: no limit. */
WEIR_API weir_stream weir_stream_limit(weir_stream source, uint64_t max_messages,
                                       uint64_t max_bytes);

/*
 * Prefetches: polls its source ahead while it holds fewer than max_messages and max_bytes; bytes
 * are crossed by at most one message. 0: no limit of that kind (without one on messages each counts
 * as one byte at least); both 0: the stream is the source. An error waits behind the messages that
 * came before it.
 */
WEIR_API weir_stream weir_stream_buffer(weir_stream source, size_t max_messages, size_t max_bytes);

/* ---- sinks ---- */

/*
 * The next item, waiting for it on the calling thread. It must not be called on a thread that turns
 * a loop: that is a caller's bug and asserts. Returns READY, END or ERROR, never PENDING.
 */
WEIR_API weir_poll weir_stream_next(weir_stream *stream, weir_item *out);

/* Calls fn for each message (borrowed) on the calling thread until the stream ends; anything but
 * WEIR_OK from fn releases the stream and is returned. */
typedef weir_code weir_each_fn(void *arg, const weir_bytes *message, weir_status *why);
WEIR_API weir_code weir_stream_for_each(weir_stream stream, weir_each_fn *fn, void *arg,
                                        weir_status *why);

/*
 * A sink that is a stream, so that it runs wherever streams run: `step` folds each message
 * (borrowed) into `state`, and at the end `finish` makes the one message it delivers. Anything but
 * WEIR_OK of either ends the stream with that code and *why. release(state) (may be NULL) comes
 * last, always.
 */
typedef struct weir_fold {
    weir_code (*step)(void *state, const weir_bytes *message, weir_status *why);
    weir_code (*finish)(void *state, weir_bytes *out, weir_status *why);
    void (*release)(void *state);
    void *state;
} weir_fold;
WEIR_API weir_stream weir_stream_fold(weir_stream source, const weir_fold *fold);

/*
 * Collects all messages into an array on the calling thread: at most max_messages and max_bytes,
 * past it RESOURCE_EXHAUSTED and nothing is kept. *messages is freed with weir_bytes_free_array.
 */
WEIR_API weir_code weir_stream_collect(weir_stream stream, size_t max_messages, size_t max_bytes,
                                       weir_bytes **messages, size_t *count,
                                       weir_status *why) WEIR_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
