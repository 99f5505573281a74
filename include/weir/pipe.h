/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - a bounded queue between a writer and a stream, and one source for many readers.
 *
 * The pipe is the only buffer there is. Its bounds are given when it is made and hold always; what
 * happens to a message that finds it full is the pipe's policy.
 */
#ifndef WEIR_PIPE_H
#define WEIR_PIPE_H

#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_when_full {
    WEIR_FULL_BLOCK,       /* the writer waits */
    WEIR_FULL_DROP_OLDEST, /* the oldest messages make room */
    WEIR_FULL_LATEST,      /* all it holds is dropped for the newest message */
    WEIR_FULL_FAIL         /* the stream ends with RESOURCE_EXHAUSTED after what it holds */
} weir_when_full;

typedef struct weir_pipe_options {
    size_t max_messages; /* default 16 */
    size_t max_bytes;    /* default 64 KiB; one larger message fits when the pipe is empty */
    weir_when_full when_full;
    uint64_t reserved[4];
} weir_pipe_options;

/* The writer's end, counted; any thread. */
typedef struct weir_pipe weir_pipe;

/*
 * Makes a pipe and its reading end. NULL when memory is out; *reader is then an ERROR stream.
 * Dropping the last reference without a close ends the stream with CANCELLED.
 */
WEIR_API weir_pipe *weir_pipe_create(const weir_pipe_options *options, weir_stream *reader);
WEIR_API weir_pipe *weir_pipe_ref(weir_pipe *pipe);
WEIR_API void weir_pipe_unref(weir_pipe *pipe);

/*
 * Writes a message, which moves in always. Blocks the calling thread while the pipe is full and its
 * policy is to block. CANCELLED: the reader is gone, or the pipe is closed. RESOURCE_EXHAUSTED:
 * policy FAIL and full, or memory is out; the pipe is closed by that. Where it would block, it must
 * not be called on a thread that turns a loop: that is a caller's bug and asserts.
 */
WEIR_API weir_code weir_pipe_write(weir_pipe *pipe, weir_bytes message) WEIR_MUST_USE;

/*
 * The same without blocking. READY: *message moved in and is zeroed. PENDING: full; *message is
 * untouched and `task` is woken when there is room (task may be NULL: nobody is). END: the reader
 * is gone or the pipe closed. ERROR: policy FAIL and full, or memory is out; the pipe is closed by
 * that. At END and ERROR *message is untouched.
 */
WEIR_API weir_poll weir_pipe_try_write(weir_pipe *pipe, weir_task *task, weir_bytes *message);

/* No more messages: after those in the pipe the stream ends, with END for OK, else with the status,
 * which moves in. Only the first close counts. */
WEIR_API void weir_pipe_close(weir_pipe *pipe, weir_status status);

/* Messages that DROP_OLDEST and LATEST dropped so far. */
WEIR_API uint64_t weir_pipe_dropped(const weir_pipe *pipe);

/*
 * One source, many subscribers on any threads, each with a bound and a policy of its own for when
 * it is slow. BLOCK makes the source wait for that subscriber, and so all others with it; its
 * max_bytes may be crossed by one message, whose size nobody knew. FAIL ends that subscriber alone,
 * behind what it holds. A subscriber sees the messages from its subscription on, then the source's
 * end.
 *
 * The source is polled, under a lock, by whichever subscriber finds nothing that waits for it, so
 * their tasks must share one clock, and the source must not use the broadcast itself. The broadcast
 * owns the source and releases it when it ended, or with its own last reference.
 */
typedef struct weir_broadcast weir_broadcast;

/* NULL when memory is out; the source is then released. */
WEIR_API weir_broadcast *weir_broadcast_create(weir_stream source);
WEIR_API weir_stream weir_broadcast_subscribe(weir_broadcast *broadcast,
                                              const weir_pipe_options *options);
/* Counted; subscribers hold references of their own, so the creator may leave first. */
WEIR_API weir_broadcast *weir_broadcast_ref(weir_broadcast *broadcast);
WEIR_API void weir_broadcast_unref(weir_broadcast *broadcast);

#ifdef __cplusplus
}
#endif

#endif
