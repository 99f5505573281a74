/* SPDX-License-Identifier: MIT */
/*
 * call.h - what surrounds the messages of one call: method, peer, metadata, deadline, status.
 *
 * Server and client use the same type. A call is counted context and holds no connection: keeping
 * one keeps its metadata and its arena. Whoever owns the call's response stream (on a server: while
 * the handler builds or polls it) may use the call without locks; weir_call_cancel,
 * weir_call_cancelled, weir_call_ref and weir_call_unref work from any thread.
 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include <weir/arena.h>
#include <weir/metadata.h>
#include <weir/pipe.h>
#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_call weir_call;

/* A call to "/package.Service/Method", for weir_channel_call. NULL stands for the method that a
 * typed function (weir/typed.h, generated code) will set. NULL when memory is out. */
WEIR_API weir_call *weir_call_create(const char *method);
WEIR_API weir_call *weir_call_ref(weir_call *call);
WEIR_API void weir_call_unref(weir_call *call);

/* "/package.Service/Method", and the :authority it was or will be sent to ("" when not yet
 * known). */
WEIR_API const char *weir_call_method(const weir_call *call);
WEIR_API const char *weir_call_authority(const weir_call *call);

typedef struct weir_tls_peer weir_tls_peer;

/* The process at the other end of a Unix socket, as the kernel saw it when that connected or, for a
 * client, began to listen; of a pair of sockets, when that was made. 0 as the pid: one that this
 * process cannot see. */
typedef struct weir_peer_credentials {
    bool known; /* false: all zero; no Unix socket, or a system that does not tell (not Linux) */
    uint32_t uid;
    uint32_t gid;
    int32_t pid;
} weir_peer_credentials;

/* Who is at the other end; borrowed from the call. Strings are never NULL. */
typedef struct weir_peer {
    /* "127.0.0.1:50051", "[::1]:50051", "unix:/path", "unix-abstract:name", "unix:" for a Unix
     * socket without a name, or "" */
    const char *address;
    const weir_tls_peer *tls; /* weir/tls.h; NULL: plain text */
    weir_peer_credentials credentials;
    uint64_t reserved[5];
} weir_peer;
WEIR_API const weir_peer *weir_call_peer(const weir_call *call);

/* Metadata of the request (server: what came; client: what will be sent) and of the response. */
WEIR_API const weir_metadata *weir_call_request_metadata(const weir_call *call);
WEIR_API const weir_metadata *weir_call_response_metadata(const weir_call *call);
WEIR_API const weir_metadata *weir_call_trailers(const weir_call *call);

/*
 * Adds to what this side sends first: on a client the request's metadata (before the call is made),
 * on a server the response's (before its headers left: FAILED_PRECONDITION after that). Codes as
 * weir_metadata_add.
 */
WEIR_API weir_code weir_call_add_metadata(weir_call *call, const char *name, const void *value,
                                          size_t size) WEIR_MUST_USE;

/* Server: adds a trailer, until the response stream ended. */
WEIR_API weir_code weir_call_add_trailer(weir_call *call, const char *name, const void *value,
                                         size_t size) WEIR_MUST_USE;

/* Server: sends the response headers now and not with the first message, for clients that wait for
 * them. Later adds of metadata fail. Any thread. */
WEIR_API void weir_call_send_headers(weir_call *call);

/* The final status, once the response stream ended; until then OK. Borrowed. */
WEIR_API const weir_status *weir_call_status(const weir_call *call);

/* Client: the call ends with DEADLINE_EXCEEDED this long after it was made; the server is told. */
WEIR_API void weir_call_set_timeout(weir_call *call, uint64_t ns);

/* When the call ends by itself, on the clock of weir_task_now; WEIR_NEVER: never. */
WEIR_API uint64_t weir_call_deadline(const weir_call *call);

/* Client: wait for a connection, whose server has said hello, instead of failing with UNAVAILABLE
 * when one cannot be made. */
WEIR_API void weir_call_set_wait_for_ready(weir_call *call, bool wait);

/* Client: the largest message to receive in this call; 0 is the channel's. */
WEIR_API void weir_call_set_max_receive_size(weir_call *call, size_t size);

/*
 * Compresses the messages this side sends: a client's requests (before the call is made), a
 * server's responses (before its headers left, and only where the client accepts it). A message
 * that would not become smaller is sent as it is, and so is an item with WEIR_ITEM_UNCOMPRESSED.
 * The default is the channel's or server's, and theirs is IDENTITY.
 */
WEIR_API void weir_call_set_compression(weir_call *call, weir_compression compression);

/* The flags (weir/stream.h) of the request that a function of structures or of bytes got last; for
 * those that read items the item has them. */
WEIR_API unsigned weir_call_request_flags(const weir_call *call);

/* Ends the call with CANCELLED, from any thread, at either end. After its end: nothing. */
WEIR_API void weir_call_cancel(weir_call *call);

/* True once a cancel was asked for, or the call is over, however it ended: a cancel by either side,
 * its deadline, a lost connection, or its status. Any thread; what a long computation asks now and
 * then. */
WEIR_API bool weir_call_cancelled(const weir_call *call);

/* What a call waits for: its peer's window, the memory_limit of its server or channel. */
typedef enum weir_blocked {
    WEIR_BLOCKED_NOT,
    WEIR_BLOCKED_BY_PEER,
    WEIR_BLOCKED_BY_BUDGET
} weir_blocked;

/* What one call holds and waited for. Times are of waits that are over. */
typedef struct weir_usage {
    size_t held;            /* bytes now: messages not yet taken or sent, arenas, the call itself */
    uint64_t peer_ns;       /* with a message that the peer's window had no room for */
    uint64_t budget_ns;     /* for memory */
    uint64_t socket_ns;     /* for room in the output, as the peer did not read its socket */
    weir_blocked blocked;   /* what it waits for now ... */
    uint64_t blocked_since; /* ... since when, on the clock of weir_task_now */
    uint64_t reserved[4];
} weir_usage;

/* All zero before a client's call is made. By whoever owns one of the call's streams. */
WEIR_API void weir_call_usage(const weir_call *call, weir_usage *out);

/* The same for all calls of a server or a channel. */
typedef struct weir_total_usage {
    uint64_t held;    /* bytes, connections included */
    uint64_t limit;   /* UINT64_MAX: none */
    uint64_t calls;   /* that run now */
    uint64_t refused; /* calls that got RESOURCE_EXHAUSTED at the limit, so far */
    uint64_t
        ended; /* calls that were ended for others: they stalled, or had no room at the limit */
    uint64_t peer_ns; /* as above, of all calls so far */
    uint64_t budget_ns;
    uint64_t socket_ns;
    /* A server's: connections that were refused, as there were max_connections or memory was out,
     * and how often none could be accepted, for want of descriptors or memory. */
    uint64_t connections_refused;
    uint64_t accepts_failed;
    uint64_t reserved[6];
} weir_total_usage;

/* weir_pipe_create, and what the pipe holds counts as held by the call, if that was made. */
WEIR_API weir_pipe *weir_call_pipe(weir_call *call, const weir_pipe_options *options,
                                   weir_stream *reader);

/*
 * Memory to build a message from. In a typed plain function it lives until that has returned, and
 * in one that streams until the next message was written; elsewhere as long as the call, and
 * nothing is given back before that. It counts as a message in memory, which is bounded
 * (max_message_memory of the server or channel). NULL: past that, or memory is out. While a
 * function of the pool runs (weir_blocking), only that function may use it.
 */
WEIR_API void *weir_call_alloc(weir_call *call, size_t size);
/* A copy with a NUL behind it. */
WEIR_API char *weir_call_copy(weir_call *call, const void *data, size_t size);
WEIR_API char *weir_call_format(weir_call *call, const char *format, ...) WEIR_PRINTF(2, 3);
/* Where those come from; the call's. */
WEIR_API weir_arena *weir_call_arena(weir_call *call);

#ifdef __cplusplus
}
#endif

#endif
