/* SPDX-License-Identifier: MIT */
/*
 * call.c - what surrounds the messages of one call.
 *
 * A call never touches its transport. What it asks of it (a cancel, early headers) is a flag and a
 * poke: the transport looks at the flags on its own loop.
 */
#include "call/call.h"

#include "base/alloc.h"
#include "base/budget.h"
#include "stream/pipe.h"

#include <string.h>

weir_call *call_create(struct cache *cache, bool server)
{
    struct cache *home;
    weir_call *call = cache_alloc(cache, sizeof *call, &home);

    if (call == NULL)
        return NULL;
    memset(call, 0, offsetof(weir_call, memory));
    if (pthread_mutex_init(&call->lock, NULL) != 0) {
        cache_free(home, call);
        return NULL;
    }
    atomic_init(&call->references, 1);
    call->home = home;
    atomic_init(&call->asked, 0);
    atomic_init(&call->over, false);
    atomic_init(&call->functions, 0);
    call->server = server;
    call->method = call->authority = call->peer.address = "";
    call->timeout_ns = call->deadline = WEIR_NEVER;
    call->max_message_memory = SIZE_MAX;
    call->compression = -1;
    arena_init(&call->arena, call->memory, sizeof call->memory);
    metadata_init(&call->request, &call->arena);
    metadata_init(&call->response, &call->arena);
    metadata_init(&call->trailers, &call->arena);
    call->seen_response = &call->response;
    call->seen_trailers = &call->trailers;
    return call;
}

weir_call *weir_call_create(const char *method)
{
    weir_call *call = call_create(NULL, false);

    if (call == NULL || method == NULL)
        return call;
    call->method = arena_copy(&call->arena, method, strlen(method));
    if (call->method == NULL) {
        weir_call_unref(call);
        return NULL;
    }
    return call;
}

weir_call *weir_call_ref(weir_call *call)
{
    atomic_fetch_add_explicit(&call->references, 1, memory_order_relaxed);
    return call;
}

void weir_call_unref(weir_call *call)
{
    struct weir_cell *poke;

    if (call == NULL || atomic_fetch_sub_explicit(&call->references, 1, memory_order_acq_rel) != 1)
        return;
    weir_status_clear(&call->status);
    weir_bytes_unref(&call->tls_peer);
    arena_clear(&call->arena);
    poke = atomic_load_explicit(&call->poke, memory_order_relaxed);
    if (poke != NULL)
        cell_unref(poke);
    pthread_mutex_destroy(&call->lock);
    cache_free(call->home, call);
}

void call_connect(weir_call *call, struct weir_cell *cell, struct call_budget *budget)
{
    cell_ref(cell);
    call->budget = budget;
    arena_charge(&call->arena, budget);
    atomic_store(&call->poke, cell);
}

void call_set_tls_peer(weir_call *call, const weir_bytes *bytes)
{
    if (bytes->buffer == NULL || call->tls_peer.buffer != NULL)
        return;
    call->tls_peer = weir_bytes_ref(bytes);
    call->peer.tls = (const weir_tls_peer *)call->tls_peer.data;
}

const char *call_copy(weir_call *call, weir_slice text)
{
    return arena_copy(&call->arena, text.data, text.size);
}

const char *weir_call_method(const weir_call *call)
{
    return call->method;
}

const char *weir_call_authority(const weir_call *call)
{
    return call->authority;
}

const weir_peer *weir_call_peer(const weir_call *call)
{
    return &call->peer;
}

const weir_metadata *weir_call_request_metadata(const weir_call *call)
{
    return &call->request;
}

const weir_metadata *weir_call_response_metadata(const weir_call *call)
{
    return call->seen_response;
}

const weir_metadata *weir_call_trailers(const weir_call *call)
{
    return call->seen_trailers;
}

const weir_status *weir_call_status(const weir_call *call)
{
    return &call->status;
}

weir_code weir_call_add_metadata(weir_call *call, const char *name, const void *value, size_t size)
{
    weir_code code = WEIR_FAILED_PRECONDITION;

    pthread_mutex_lock(&call->lock);
    if (!call->sent && !call->made)
        code =
            weir_metadata_add(call->server ? &call->response : &call->request, name, value, size);
    pthread_mutex_unlock(&call->lock);
    return code;
}

weir_code weir_call_add_trailer(weir_call *call, const char *name, const void *value, size_t size)
{
    weir_code code = WEIR_FAILED_PRECONDITION;

    pthread_mutex_lock(&call->lock);
    if (call->server && !call->ended)
        code = weir_metadata_add(&call->trailers, name, value, size);
    pthread_mutex_unlock(&call->lock);
    return code;
}

static void ask(weir_call *call, unsigned what)
{
    struct weir_cell *poke;

    /* In one order with call_connect: one that sees no poke is seen when the call starts. */
    atomic_fetch_or(&call->asked, what);
    poke = atomic_load(&call->poke);
    if (poke != NULL)
        cell_wake(poke);
}

void weir_call_send_headers(weir_call *call)
{
    ask(call, CALL_ASKED_HEADERS);
}

void weir_call_cancel(weir_call *call)
{
    ask(call, CALL_ASKED_CANCEL);
}

bool weir_call_cancelled(const weir_call *call)
{
    return atomic_load_explicit(&call->over, memory_order_acquire) ||
           (atomic_load_explicit(&call->asked, memory_order_acquire) & CALL_ASKED_CANCEL) != 0;
}

static uint64_t blocked_ns(struct call_budget *budget, enum blocked why)
{
    return atomic_load_explicit(&budget->blocked_ns[why], memory_order_relaxed);
}

void weir_call_usage(const weir_call *call, weir_usage *out)
{
    struct call_budget *budget = call->budget;

    *out = (weir_usage){0};
    if (budget == NULL)
        return;
    out->held = atomic_load_explicit(&budget->held, memory_order_relaxed) +
                atomic_load_explicit(&budget->messages, memory_order_relaxed);
    out->peer_ns = blocked_ns(budget, BLOCKED_BY_PEER);
    out->budget_ns = blocked_ns(budget, BLOCKED_BY_BUDGET);
    out->socket_ns = blocked_ns(budget, BLOCKED_BY_SOCKET);
    out->blocked = (weir_blocked)atomic_load_explicit(&budget->blocked, memory_order_relaxed);
    out->blocked_since = atomic_load_explicit(&budget->blocked_since, memory_order_relaxed);
}

void call_own_pipe(const weir_call *call, weir_pipe *pipe)
{
    if (pipe != NULL && call->budget != NULL)
        pipe_charge(pipe, call->budget, atomic_load(&call->poke));
}

weir_pipe *weir_call_pipe(weir_call *call, const weir_pipe_options *options, weir_stream *reader)
{
    weir_pipe *pipe = weir_pipe_create(options, reader);

    call_own_pipe(call, pipe);
    return pipe;
}

void weir_call_set_timeout(weir_call *call, uint64_t ns)
{
    call->timeout_ns = ns;
}

uint64_t weir_call_deadline(const weir_call *call)
{
    return call->deadline;
}

void weir_call_set_wait_for_ready(weir_call *call, bool wait)
{
    call->wait_for_ready = wait;
}

void weir_call_set_max_receive_size(weir_call *call, size_t size)
{
    call->max_receive_size = size;
}

void weir_call_set_compression(weir_call *call, weir_compression compression)
{
    pthread_mutex_lock(&call->lock);
    call->compression = (int)compression;
    pthread_mutex_unlock(&call->lock);
}

unsigned weir_call_request_flags(const weir_call *call)
{
    return call->request_flags;
}

weir_arena *weir_call_arena(weir_call *call)
{
    return call->message_arena != NULL ? call->message_arena : &call->arena;
}

void *weir_call_alloc(weir_call *call, size_t size)
{
    return arena_alloc(weir_call_arena(call), size);
}

char *weir_call_copy(weir_call *call, const void *data, size_t size)
{
    return arena_copy(weir_call_arena(call), data, size);
}

char *weir_call_format(weir_call *call, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = arena_vformat(weir_call_arena(call), format, arguments);
    va_end(arguments);
    return text;
}
