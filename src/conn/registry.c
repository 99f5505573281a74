/* SPDX-License-Identifier: MIT */
/*
 * registry.c - the connections of one server or channel, for who looks from other threads.
 */
#include "conn/registry.h"

#include "base/alloc.h"
#include "conn/connection.h"

#include <stdio.h>
#include <string.h>

bool registry_init(struct registry *registry, bool counts_calls)
{
    list_init(&registry->records);
    registry->counts_calls = counts_calls;
    return pthread_mutex_init(&registry->lock, NULL) == 0;
}

void registry_clear(struct registry *registry)
{
    pthread_mutex_destroy(&registry->lock);
}

static uint64_t load(metrics_count *count)
{
    return atomic_load_explicit(count, memory_order_acquire);
}

static void add_calls(weir_calls_info *sum, struct record *record)
{
    uint64_t last = load(&record->last_stream_ns);

    sum->succeeded += load(&record->calls_succeeded);
    sum->failed += load(&record->calls_failed);
    sum->started += load(&record->streams_started);
    if (last > sum->last_ns)
        sum->last_ns = last;
}

void registry_add(struct registry *registry, weir_connection *c)
{
    if (registry == NULL)
        return;
    pthread_mutex_lock(&registry->lock);
    c->record.number = ++registry->count;
    list_append(&registry->records, &c->record.link);
    pthread_mutex_unlock(&registry->lock);
}

void registry_remove(weir_connection *c)
{
    if (c->registry == NULL)
        return;
    pthread_mutex_lock(&c->registry->lock);
    add_calls(&c->registry->gone, &c->record);
    list_remove(&c->record.link);
    pthread_mutex_unlock(&c->registry->lock);
    mem_free(c->record.local);
    weir_bytes_unref(&c->record.tls);
}

void registry_set_peer(weir_connection *c, char *peer)
{
    char *before = c->peer;

    if (c->registry != NULL)
        pthread_mutex_lock(&c->registry->lock);
    c->peer = peer;
    if (c->registry != NULL)
        pthread_mutex_unlock(&c->registry->lock);
    mem_free(before);
}

void registry_set_local(weir_connection *c, const char *local)
{
    char *copy = mem_copy_string(local);
    char *before = c->record.local;

    if (c->registry == NULL || copy == NULL) {
        mem_free(copy);
        return;
    }
    pthread_mutex_lock(&c->registry->lock);
    c->record.local = copy;
    pthread_mutex_unlock(&c->registry->lock);
    mem_free(before);
}

void registry_set_tls(weir_connection *c, const weir_bytes *peer)
{
    weir_bytes before = c->record.tls;

    if (c->registry == NULL)
        return;
    pthread_mutex_lock(&c->registry->lock);
    c->record.tls = weir_bytes_ref(peer);
    pthread_mutex_unlock(&c->registry->lock);
    weir_bytes_unref(&before);
}

/* ---- from other threads ---- */

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* Under the lock. Ends are read before starts. */
static void read_record(struct record *r, const weir_connection *c, weir_connection_info *out)
{
    const weir_tls_peer *tls = (const weir_tls_peer *)r->tls.data;

    *out = (weir_connection_info){
        .number = r->number,
        .state = (weir_connection_state)atomic_load_explicit(&r->state, memory_order_relaxed),
        .tls = c->secure != NULL,
        .streams_succeeded = load(&r->streams_succeeded),
        .streams_failed = load(&r->streams_failed),
        .messages_sent = load(&r->messages_sent),
        .messages_received = load(&r->messages_received),
        .keepalives_sent = load(&r->keepalives_sent),
        .last_stream_ns = load(&r->last_stream_ns),
        .last_sent_ns = load(&r->last_sent_ns),
        .last_received_ns = load(&r->last_received_ns),
        .send_window = atomic_load_explicit(&r->send_window, memory_order_relaxed),
        .receive_window = atomic_load_explicit(&r->receive_window, memory_order_relaxed),
    };
    out->streams_started = load(&r->streams_started);
    copy_text(out->local, sizeof out->local, r->local);
    copy_text(out->peer, sizeof out->peer, c->peer);
    copy_text(out->tls_cipher, sizeof out->tls_cipher, tls != NULL ? tls->cipher : NULL);
}

size_t registry_read(struct registry *registry, uint64_t first, weir_connection_info *out,
                     size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&registry->lock);
    for (struct list *link = registry->records.next; link != &registry->records && count != max;
         link = link->next) {
        struct record *record = LIST_MEMBER(link, struct record, link);

        if (record->number >= first)
            read_record(record, LIST_MEMBER(record, weir_connection, record), &out[count++]);
    }
    pthread_mutex_unlock(&registry->lock);
    return count;
}

void registry_calls(struct registry *registry, weir_calls_info *out)
{
    if (registry->counts_calls) {
        out->succeeded = load(&registry->succeeded);
        out->failed = load(&registry->failed);
        out->started = load(&registry->started);
        out->last_ns = load(&registry->last_ns);
        return;
    }
    pthread_mutex_lock(&registry->lock);
    *out = registry->gone;
    for (struct list *link = registry->records.next; link != &registry->records; link = link->next)
        add_calls(out, LIST_MEMBER(link, struct record, link));
    pthread_mutex_unlock(&registry->lock);
}
