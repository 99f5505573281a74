/* SPDX-License-Identifier: MIT */
/*
 * registry.h - the connections of one server or channel, for who looks from other threads.
 *
 * A connection's loop counts in its record, as in a shard of metrics: nobody else writes there. The
 * lock is for the list, and for what is not a number.
 */
#ifndef CONN_REGISTRY_H
#define CONN_REGISTRY_H

#include <weir/inspect.h>

#include "base/list.h"
#include "metrics/metrics.h"

struct record {
    struct list link;
    uint64_t number;
    atomic_int state;
    metrics_count streams_started;
    metrics_count streams_succeeded;
    metrics_count streams_failed;
    metrics_count calls_succeeded;
    metrics_count calls_failed;
    metrics_count messages_sent;
    metrics_count messages_received;
    metrics_count keepalives_sent;
    metrics_count last_stream_ns;
    metrics_count last_sent_ns;
    metrics_count last_received_ns;
    _Atomic int64_t send_window;
    _Atomic int64_t receive_window;
    char *local;    /* under the lock, as is the connection's peer; NULL: unknown */
    weir_bytes tls; /* under the lock: of a struct weir_tls_peer */
};

struct registry {
    pthread_mutex_t lock;
    struct list records;  /* ascending */
    uint64_t count;       /* of connections so far */
    weir_calls_info gone; /* of a server's connections that are closed */
    /* A channel's calls, on its loop's thread: some never had a connection. */
    bool counts_calls;
    metrics_count started;
    metrics_count succeeded;
    metrics_count failed;
    metrics_count last_ns;
};

/* False: no lock could be made. */
bool registry_init(struct registry *registry, bool counts_calls);
void registry_clear(struct registry *registry);

void registry_add(struct registry *registry, weir_connection *c);
void registry_remove(weir_connection *c);

/* Its peer's address, which moves in, its own (copied), and what TLS said. */
void registry_set_peer(weir_connection *c, char *peer);
void registry_set_local(weir_connection *c, const char *local);
void registry_set_tls(weir_connection *c, const weir_bytes *peer);

static inline void registry_set_state(struct record *record, weir_connection_state state)
{
    atomic_store_explicit(&record->state, (int)state, memory_order_relaxed);
}

size_t registry_read(struct registry *registry, uint64_t first, weir_connection_info *out,
                     size_t max);
void registry_calls(struct registry *registry, weir_calls_info *out);

#endif
