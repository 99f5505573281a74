/* SPDX-License-Identifier: MIT */
/*
 * call.h - the inside of a call: context that is counted, and never transport.
 *
 * What one side may still add to (its own metadata and trailers) is under the lock, because a
 * deadline may end a call on the loop while a blocking function is adding to it. Everything else
 * belongs to whoever owns the call's streams, as <weir/call.h> says.
 */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include <weir/call.h>

#include "base/arena.h"
#include "base/cache.h"
#include "metadata/metadata.h"
#include "stream/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

/* With this a call stays below what malloc serves from its fast lists. */
#define CALL_INLINE_MEMORY 512

/* What another thread asked of the call's transport. */
enum { CALL_ASKED_CANCEL = 1, CALL_ASKED_HEADERS = 2 };

struct weir_call {
    atomic_size_t references;
    atomic_uint asked;
    atomic_bool over;
    bool server;
    bool made;  /* client: handed to a channel */
    bool sent;  /* under the lock: our metadata left, and can no longer be added to */
    bool ended; /* under the lock: our trailers left */
    bool wait_for_ready;
    bool method_is_ours; /* client: the program's own code says it, in the type of the call */
    pthread_mutex_t lock;
    const char *method;
    const char *authority;
    const char *subtype; /* server: what follows "application/grpc+"; NULL: nothing does */
    weir_peer peer;
    weir_bytes tls_peer; /* holds peer.tls */
    uint64_t timeout_ns;
    uint64_t deadline;
    size_t max_receive_size;
    int compression; /* under the lock on a server; -1: nobody chose yet */
    unsigned request_flags;
    struct weir_metadata request;
    struct weir_metadata response;             /* server: ours, under the lock */
    struct weir_metadata trailers;             /* server: ours, under the lock */
    const struct weir_metadata *seen_response; /* client: what came; it lives with `poke` */
    const struct weir_metadata *seen_trailers;
    weir_status status;
    _Atomic(struct weir_cell *) poke; /* wakes the transport; set once, maybe amid a cancel */
    atomic_uint functions;            /* server: leftovers.c */
    struct leftovers *leftovers;      /* where those of a call that is over count */
    struct call_budget *budget;       /* what it holds; lives with `poke` */
    void *pool;                       /* server: where blocking functions run */
    size_t max_message_memory;        /* of one message, unpacked or built; SIZE_MAX: no bound */
    struct weir_arena *message_arena; /* where messages are built now; NULL: in the call's own */
    struct cache *home;
    struct weir_arena arena;
    uint64_t memory[CALL_INLINE_MEMORY / sizeof(uint64_t)];
};

/* A call with one reference and an empty method; NULL when memory is out. `cache`: of calls; may be
 * NULL. */
weir_call *call_create(struct cache *cache, bool server);

/* What a message of `max_receive_size` bytes may take in memory, where no option says: 4 MiB of
 * empty submessages would take some sixteen times that. */
static inline size_t call_message_memory(size_t max_receive_size)
{
    return max_receive_size < SIZE_MAX / 32 ? max_receive_size * 16 : SIZE_MAX / 2;
}

/* Keeps a reference to `cell` as the way to reach the call's transport; `budget` lives as long as
 * that. */
void call_connect(weir_call *call, struct weir_cell *cell, struct call_budget *budget);

/* What the pipe, in which there is nothing yet, will hold counts as held by the call, if that was
 * made. `pipe` may be NULL. */
void call_own_pipe(const weir_call *call, weir_pipe *pipe);

/* `bytes` are a struct weir_tls_peer, of which it takes a reference; or empty. */
void call_set_tls_peer(weir_call *call, const weir_bytes *bytes);

/* A NUL-terminated copy in the call's arena; NULL when memory is out. */
const char *call_copy(weir_call *call, weir_slice text);

#endif
