/* SPDX-License-Identifier: MIT */
/*
 * server.c - methods and who serves them, without sockets.
 *
 * A shutdown is asked for on any thread and done on each loop: the loops' cells are poked.
 */
#include "server/server.h"

#include "base/alloc.h"
#include "base/defaults.h"
#include "call/call.h"

#include <assert.h>
#include <string.h>

static void set_defaults(weir_server_options *options)
{
    SET_DEFAULT(options->threads, 1);
    SET_DEFAULT(options->max_streams, 100);
    SET_DEFAULT(options->max_receive_size, (size_t)4 << 20);
    SET_DEFAULT(options->max_message_memory, call_message_memory(options->max_receive_size));
    SET_DEFAULT(options->max_header_size, (size_t)16 << 10);
    SET_DEFAULT(options->max_threads, 16);
    SET_DEFAULT(options->max_queue, 1024);
    SET_DEFAULT(options->max_cancels_per_second, 100);
    SET_DEFAULT(options->max_connections, SIZE_MAX);
    SET_DEFAULT(options->handshake_timeout_ns, WEIR_SECONDS(20));
    SET_DEFAULT(options->header_timeout_ns, WEIR_SECONDS(30));
    SET_DEFAULT(options->keepalive_ns, WEIR_SECONDS(2 * 60 * 60));
    SET_DEFAULT(options->keepalive_timeout_ns, WEIR_SECONDS(20));
    SET_DEFAULT(options->min_ping_interval_ns, WEIR_SECONDS(5 * 60));
    SET_DEFAULT(options->max_connection_idle_ns, WEIR_NEVER);
    SET_DEFAULT(options->max_connection_age_ns, WEIR_NEVER);
    SET_DEFAULT(options->max_connection_age_grace_ns, WEIR_NEVER);
    SET_DEFAULT(options->memory_limit, UINT64_MAX);
    SET_DEFAULT(options->stall_timeout_ns, WEIR_SECONDS(10));
}

static void read_usage(void *self, struct metrics_usage *out)
{
    weir_total_usage usage;

    weir_server_usage(self, &usage);
    *out = (struct metrics_usage){
        .held = usage.held,
        .limit = usage.limit,
        .refused = usage.refused,
        .ended = usage.ended,
        .waited_ns = {usage.peer_ns, usage.budget_ns, usage.socket_ns},
        .connections_refused = usage.connections_refused,
        .accepts_failed = usage.accepts_failed,
    };
}

static void open_metrics(weir_server *server)
{
    weir_metrics_ref(server->options.metrics);
    server->usage = (struct metrics_source){.read = read_usage, .self = server};
    metrics_attach(server->options.metrics, &server->usage);
}

weir_code weir_server_create(const weir_server_options *options, weir_server **out,
                             weir_status *why)
{
    weir_server *server = mem_zalloc(sizeof *server);

    *out = NULL;
    if (server != NULL) {
        if (options != NULL)
            server->options = *options;
        set_defaults(&server->options);
        server->budget = memory_total_create(server->options.memory_limit);
        if (server->budget != NULL)
            server->pool = pool_create(server->options.max_threads, server->options.max_queue);
    }
    if (server == NULL || server->pool == NULL || !registry_init(&server->registry, false)) {
        if (server != NULL) {
            pool_free(server->pool);
            budget_total_unref(server->budget);
        }
        mem_free(server);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a server");
    }
    pthread_mutex_init(&server->lock, NULL);
    atomic_init(&server->connections, 0);
    if (server->options.metrics != NULL)
        open_metrics(server);
    *out = server;
    return WEIR_OK;
}

weir_code weir_server_handle(weir_server *server, const char *method, weir_handler handler,
                             weir_status *why)
{
    unsigned number = 0;

    /* What is called by way of an asterisk is the peer's word. */
    if (server->options.metrics != NULL && strchr(method, '*') == NULL)
        number = metrics_add(server->options.metrics, method);
    return methods_add(&server->methods, method, handler, number, why);
}

/* ---- connections ---- */

static weir_stream dispatch(void *self, struct exchange *e, weir_stream requests)
{
    struct served_connection *served = self;
    weir_server *server = served->on->server;
    weir_call *call = e->call;
    const struct method *method = methods_find(&server->methods, weir_call_method(call));

    measure_start(e, metrics_method(served->on->metrics, method != NULL ? method->number : 0));
    if (method != NULL) {
        call->pool = server->pool;
        call->max_message_memory = server->options.max_message_memory;
        call->compression = (int)server->options.compression;
        arena_allow(&call->arena, call->max_message_memory);
        return method->handler.call(method->handler.self, call, requests);
    }
    weir_stream_release(&requests);
    return weir_stream_fail(WEIR_UNIMPLEMENTED, "unknown method %.200s", weir_call_method(call));
}

/* False: there are as many as there may be. */
static bool count_connection(weir_server *server)
{
    if (atomic_fetch_add(&server->connections, 1) < server->options.max_connections)
        return true;
    atomic_fetch_sub(&server->connections, 1);
    return false;
}

bool server_is_full(weir_server *server, size_t more)
{
    size_t count = atomic_load(&server->connections), max = server->options.max_connections;

    return count >= max || more >= max - count;
}

static void freed(void *self)
{
    struct served_connection *served = self;

    atomic_fetch_sub(&served->on->server->connections, 1);
    list_remove(&served->link);
    mem_free(served);
}

static void shut_down_loop(void *target)
{
    struct server_loop *on = target;
    weir_server *server = on->server;
    struct list *link;
    uint64_t grace_ns;

    pthread_mutex_lock(&server->lock);
    on->shut_down = server->shutting_down;
    grace_ns = server->grace_ns;
    pthread_mutex_unlock(&server->lock);
    if (!on->shut_down)
        return;
    for (link = on->connections.next; link != &on->connections; link = link->next)
        weir_connection_shutdown(LIST_MEMBER(link, struct served_connection, link)->connection,
                                 grace_ns);
}

static struct server_loop *find_loop(weir_server *server, const weir_loop *loop)
{
    struct server_loop *on = server->loops;

    while (on != NULL && on->loop != loop)
        on = on->next;
    return on;
}

static void free_loop(struct server_loop *on)
{
    if (on->cell != NULL)
        cell_detach(on->cell);
    metrics_close(on->metrics);
    memory_free(on->memory);
    mem_free(on);
}

static struct server_loop *add_loop(weir_server *server, weir_loop *loop)
{
    struct server_loop *on = mem_zalloc(sizeof *on);

    if (on == NULL)
        return NULL;
    on->memory = memory_create(loop, server->budget, server->options.stall_timeout_ns);
    on->cell = cell_create(loop->mailbox, shut_down_loop, on);
    if (on->cell != NULL && server->options.metrics != NULL)
        on->metrics = metrics_open(server->options.metrics, NULL);
    if (on->cell == NULL || on->memory == NULL ||
        (on->metrics == NULL && server->options.metrics != NULL)) {
        free_loop(on);
        return NULL;
    }
    on->server = server;
    on->loop = loop;
    on->logger.log = server->options.log;
    list_init(&on->connections);
    on->next = server->loops;
    server->loops = on;
    return on;
}

static struct server_loop *loop_of(weir_server *server, weir_loop *loop)
{
    struct server_loop *on;

    pthread_mutex_lock(&server->lock);
    on = find_loop(server, loop);
    if (on == NULL)
        on = add_loop(server, loop);
    if (on != NULL)
        on->shut_down = server->shutting_down;
    pthread_mutex_unlock(&server->lock);
    return on;
}

/* ---- connections that are none ---- */

static void tell(weir_server *server, weir_loop *loop, const struct log_fact *fact)
{
    struct server_loop *on = loop_of(server, loop);

    if (on != NULL)
        logger_tell(&on->logger, loop->now, fact);
}

void server_count_refused(weir_server *server)
{
    atomic_fetch_add_explicit(&server->connections_refused, 1, memory_order_relaxed);
}

void server_refuse(weir_server *server, weir_loop *loop, bool tls, const char *peer,
                   const char *reason)
{
    const struct log_fact fact = {
        .kind = WEIR_LOG_CONNECTION_REFUSED,
        .level = WEIR_LOG_WARNING,
        .tls = tls,
        .peer = log_text(peer),
        .reason = log_text(reason),
    };

    server_count_refused(server);
    tell(server, loop, &fact);
}

void server_cannot_accept(weir_server *server, weir_loop *loop, bool tls, const char *reason)
{
    const struct log_fact fact = {
        .kind = WEIR_LOG_ACCEPT_FAILED,
        .level = WEIR_LOG_WARNING,
        .tls = tls,
        .reason = log_text(reason),
    };

    atomic_fetch_add_explicit(&server->accepts_failed, 1, memory_order_relaxed);
    tell(server, loop, &fact);
}

/* ---- connections that are accepted ---- */

/* 10 % more or less, so that connections made together do not all end together. */
static uint64_t jittered(uint64_t ns, const void *seed, uint64_t now)
{
    uint64_t random = ((uint64_t)(uintptr_t)seed ^ now) * UINT64_C(0x9E3779B97F4A7C15) >> 44;

    return ns == WEIR_NEVER
               ? ns
               : ns / 10 * 9 + (uint64_t)((double)(ns / 5) * ((double)random / (1 << 20)));
}

static struct guard_options guard_of(const weir_server_options *options, const void *seed,
                                     uint64_t now)
{
    return (struct guard_options){
        .handshake = options->handshake_timeout_ns,
        .header = options->header_timeout_ns,
        .keepalive = options->keepalive_ns,
        .keepalive_timeout = options->keepalive_timeout_ns,
        .keepalive_without_calls = true,
        .max_idle = options->max_connection_idle_ns,
        .max_age = jittered(options->max_connection_age_ns, seed, now),
        .min_ping_interval =
            options->min_ping_interval_ns != WEIR_NEVER ? options->min_ping_interval_ns : 0,
        .pings_without_calls = options->permit_pings_without_calls,
        .cancels_per_second = options->max_cancels_per_second,
    };
}

static weir_connection *serve_connection(weir_server *server, struct server_loop *on, weir_tls *tls,
                                         const char *peer_address)
{
    struct served_connection *served = mem_zalloc(sizeof *served);
    struct connection_options options = {
        .max_streams = server->options.max_streams,
        .max_header_size = server->options.max_header_size,
        .max_receive_size = server->options.max_receive_size,
        .max_window_size = server->options.max_window_size,
        .peer = peer_address,
        .guard = guard_of(&server->options, served, on->loop->now),
        .max_age_grace = server->options.max_connection_age_grace_ns,
        .tls = tls,
        .metrics = on->metrics,
        .logger = &on->logger,
        .registry = &server->registry,
        .memory = on->memory,
        .owner = {.dispatch = dispatch, .freed = freed, .self = served},
    };

    if (served == NULL)
        return NULL;
    served->on = on;
    served->connection = connection_create(on->loop, &options);
    if (served->connection == NULL) {
        mem_free(served);
        return NULL;
    }
    list_append(&on->connections, &served->link);
    return served->connection;
}

static weir_code accept_connection(weir_server *server, weir_loop *loop, weir_tls *tls,
                                   const char *peer_address, weir_connection **out,
                                   weir_status *why)
{
    struct server_loop *on = loop_of(server, loop);

    *out = NULL;
    if (on != NULL && on->shut_down)
        return weir_fail(why, WEIR_UNAVAILABLE, "the server is shutting down");
    if (on != NULL && !count_connection(server)) {
        server_refuse(server, loop, tls != NULL, peer_address, SERVER_IS_FULL);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "the server has %zu connections already",
                         server->options.max_connections);
    }
    if (on != NULL)
        *out = serve_connection(server, on, tls, peer_address);
    if (*out != NULL)
        return WEIR_OK;
    if (on != NULL)
        atomic_fetch_sub(&server->connections, 1);
    server_refuse(server, loop, tls != NULL, peer_address, "out of memory");
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a connection");
}

weir_code weir_server_accept(weir_server *server, weir_loop *loop, const char *peer_address,
                             weir_connection **out, weir_status *why)
{
    return accept_connection(server, loop, NULL, peer_address, out, why);
}

weir_code weir_server_accept_tls(weir_server *server, weir_loop *loop, weir_tls *tls,
                                 const char *peer_address, weir_connection **out, weir_status *why)
{
    *out = NULL;
    if (!tls_can_serve(tls))
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "TLS: a server needs a certificate");
    return accept_connection(server, loop, tls, peer_address, out, why);
}

weir_connection *server_connection_on(weir_server *server, const weir_loop *loop)
{
    struct server_loop *on;

    pthread_mutex_lock(&server->lock);
    on = find_loop(server, loop);
    pthread_mutex_unlock(&server->lock);
    if (on == NULL || list_is_empty(&on->connections))
        return NULL;
    return LIST_MEMBER(on->connections.next, struct served_connection, link)->connection;
}

/* ---- for who looks from elsewhere ---- */

size_t weir_server_connections(weir_server *server, uint64_t first, weir_connection_info *out,
                               size_t max)
{
    return registry_read(&server->registry, first, out, max);
}

void weir_server_calls(weir_server *server, weir_calls_info *out)
{
    registry_calls(&server->registry, out);
}

/* ---- the end ---- */

static void release_hook(const struct shutdown_hook *hook)
{
    if (hook->release != NULL)
        hook->release(hook->self);
}

weir_code weir_server_on_shutdown(weir_server *server, void (*fn)(void *self), void *self,
                                  void (*release)(void *self), weir_status *why)
{
    const struct shutdown_hook hook = {NULL, fn, self, release};
    struct shutdown_hook *copy = mem_alloc(sizeof *copy);
    struct shutdown_hook **end = &server->hooks;

    if (copy == NULL) {
        release_hook(&hook);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a hook");
    }
    *copy = hook;
    while (*end != NULL)
        end = &(*end)->next;
    *end = copy;
    return WEIR_OK;
}

static void release_hooks(weir_server *server)
{
    struct shutdown_hook *hook;

    while ((hook = server->hooks) != NULL) {
        server->hooks = hook->next;
        release_hook(hook);
        mem_free(hook);
    }
}

void weir_server_shutdown(weir_server *server, uint64_t grace_ns)
{
    for (const struct shutdown_hook *hook = server->hooks; hook != NULL; hook = hook->next)
        hook->fn(hook->self);
    pthread_mutex_lock(&server->lock);
    server->shutting_down = true;
    server->grace_ns = grace_ns;
    for (struct server_loop *on = server->loops; on != NULL; on = on->next)
        cell_wake(on->cell);
    pthread_mutex_unlock(&server->lock);
    if (server->driver_ops != NULL)
        server->driver_ops->stop(server->driver);
}

void weir_server_usage(weir_server *server, weir_total_usage *out)
{
    *out = (weir_total_usage){.limit = server->options.memory_limit};
    pthread_mutex_lock(&server->lock);
    for (const struct server_loop *on = server->loops; on != NULL; on = on->next)
        memory_add_usage(on->memory, out);
    pthread_mutex_unlock(&server->lock);
    out->held = budget_total_held(server->budget);
    out->connections_refused =
        atomic_load_explicit(&server->connections_refused, memory_order_relaxed);
    out->accepts_failed = atomic_load_explicit(&server->accepts_failed, memory_order_relaxed);
}

void weir_server_wait(weir_server *server)
{
    if (server->driver_ops != NULL)
        server->driver_ops->wait(server->driver);
}

void weir_server_free(weir_server *server)
{
    struct server_loop *on;

    if (server == NULL)
        return;
    weir_server_shutdown(server, 0);
    if (server->driver_ops != NULL)
        server->driver_ops->free(server->driver);
    pool_free(server->pool);
    if (server->options.metrics != NULL)
        metrics_detach(server->options.metrics, &server->usage);
    while ((on = server->loops) != NULL) {
        server->loops = on->next;
        assert(list_is_empty(&on->connections));
        free_loop(on);
    }
    weir_metrics_unref(server->options.metrics);
    budget_total_unref(server->budget);
    methods_clear(&server->methods);
    release_hooks(server);
    registry_clear(&server->registry);
    pthread_mutex_destroy(&server->lock);
    mem_free(server);
}
