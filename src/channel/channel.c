/* SPDX-License-Identifier: MIT */
/*
 * channel.c - a client's way to a service: one connection to one address, made when needed.
 *
 * Calls are put on the connection at once, also before it is open: nothing of them leaves before
 * its transport takes output. When it cannot be made, calls fail, but for those that wait for
 * ready: they stay on it, and it is tried again.
 */
#include "channel/channel.h"

#include "base/alloc.h"
#include "base/defaults.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BACKOFF_NS WEIR_SECONDS(1)
#define MAX_BACKOFF_NS WEIR_SECONDS(120)
#define MIN_KEEPALIVE_NS WEIR_SECONDS(10)

static void channel_drop(weir_channel *channel)
{
    if (atomic_fetch_sub_explicit(&channel->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (channel->closer != NULL)
        cell_detach(channel->closer);
    if (channel->opener != NULL)
        cell_detach(channel->opener);
    memory_free(channel->memory);
    budget_total_unref(channel->budget);
    target_clear(&channel->target);
    tls_memory_clear(&channel->tls_memory);
    weir_tls_unref(channel->options.tls);
    metrics_close(channel->metrics);
    registry_clear(&channel->registry);
    mem_free(channel->tls_name);
    mem_free(channel->user_agent);
    mem_free(channel);
}

static void channel_hold(weir_channel *channel)
{
    atomic_fetch_add_explicit(&channel->holds, 1, memory_order_relaxed);
}

/* ---- its connection, on the loop's thread ---- */

static void connection_gone(void *self, weir_connection *connection)
{
    weir_channel *channel = self;

    if (channel->connection == connection)
        channel->connection = NULL;
}

static void connection_freed(void *self)
{
    channel_drop(self);
}

static void connect_again(struct loop_timer *timer)
{
    weir_channel *channel = LIST_MEMBER(timer, weir_channel, retry);
    const weir_transport *transport = channel->loop->transport;

    if (channel->connection == NULL)
        return;
    connection_try_again(channel->connection);
    transport->connect(transport->self, channel->connection, channel->target.address);
}

static bool has_own_socket(const weir_channel *channel)
{
    return channel->socket.address[0] != '\0';
}

/* The next try is 1 s later, then 1.6 times as long each, up to two minutes. */
static bool connection_retry(void *self, weir_connection *connection)
{
    weir_channel *channel = self;
    uint64_t backoff = channel->backoff_ns;

    if (channel->connection != connection || !channel->has_timer || has_own_socket(channel))
        return false;
    loop_timer_set(channel->loop, &channel->retry, channel->loop->now + backoff);
    channel->backoff_ns = backoff < MAX_BACKOFF_NS * 5 / 8 ? backoff * 8 / 5 : MAX_BACKOFF_NS;
    return true;
}

static void connection_opened(void *self)
{
    ((weir_channel *)self)->backoff_ns = FIRST_BACKOFF_NS;
}

/* A server that counts pings more strictly is pinged half as often from the next connection on. */
static void connection_calm(void *self)
{
    weir_channel *channel = self;

    if (channel->options.keepalive_ns < WEIR_NEVER / 2)
        channel->options.keepalive_ns *= 2;
}

static void start_soon(void *self, struct exchange *e);

static weir_connection *new_connection(weir_channel *channel)
{
    struct connection_options options = {
        .client = true,
        .max_header_size = channel->options.max_header_size,
        .max_receive_size = channel->options.max_receive_size,
        .max_window_size = channel->options.max_window_size,
        .user_agent = channel->user_agent,
        .tls = channel->options.tls,
        .tls_name = channel->tls_name,
        .tls_memory = &channel->tls_memory,
        .metrics = channel->metrics,
        .logger = &channel->logger,
        .registry = &channel->registry,
        .memory = channel->memory,
        .peer = channel->target.address,
        .guard = {.handshake = channel->options.connect_timeout_ns,
                  .header = WEIR_NEVER,
                  .keepalive = channel->options.keepalive_ns,
                  .keepalive_timeout = channel->options.keepalive_timeout_ns,
                  .keepalive_without_calls = channel->options.keepalive_without_calls,
                  .max_idle = WEIR_NEVER,
                  .max_age = WEIR_NEVER,
                  .cancels_per_second = UINT32_MAX},
        .owner = {.gone = connection_gone,
                  .freed = connection_freed,
                  .retry = connection_retry,
                  .opened = connection_opened,
                  .calm = connection_calm,
                  .again = start_soon,
                  .self = channel},
    };
    weir_connection *connection = connection_create(channel->loop, &options);

    if (connection == NULL)
        return NULL;
    if (!channel->has_timer)
        channel->has_timer = loop_timer_open(channel->loop, &channel->retry, connect_again);
    else
        loop_timer_set(channel->loop, &channel->retry, WEIR_NEVER);
    channel_hold(channel);
    list_append(&channel->connections, &connection->owner_link);
    channel->connection = connection;
    return connection;
}

/* *is_new: it has yet to be connected, once it has the call that it is for. */
static weir_connection *usable_connection(weir_channel *channel, bool *is_new)
{
    if (channel->connection != NULL && connection_takes_calls(channel->connection))
        return channel->connection;
    if (channel->connection != NULL)
        weir_connection_shutdown(channel->connection, WEIR_NEVER);
    channel->connection = NULL;
    *is_new =
        channel->loop->transport != NULL && (!has_own_socket(channel) || channel->socket.fd >= 0);
    return *is_new ? new_connection(channel) : NULL;
}

static void open_connection(weir_channel *channel, weir_connection *connection)
{
    const weir_transport *transport = channel->loop->transport;

    channel->socket.fd = -1;
    transport->connect(transport->self, connection, channel->target.address);
}

/* woken() of the opener's cell: once, and a call may have come first. */
static void open_socket(void *self)
{
    weir_channel *channel = self;
    weir_connection *connection = NULL;

    if (!channel->closed && channel->socket.fd >= 0)
        connection = new_connection(channel);
    if (connection != NULL)
        open_connection(channel, connection);
}

/* ---- calls ---- */

static void refuse(struct exchange *e, weir_status status)
{
    exchange_step(e, CALL_LOST, status);
    exchange_destroy(e);
}

static weir_status no_connection(const weir_channel *channel)
{
    if (has_own_socket(channel))
        return weir_status_make(WEIR_UNAVAILABLE, "the socket that was handed in is lost");
    return weir_status_make(WEIR_UNAVAILABLE, "no transport to %s", channel->target.address);
}

static void begin_call(struct exchange *e)
{
    measure_attempt(e);
    exchange_schedule(e, EXCHANGE_START | EXCHANGE_POKED);
}

/* Names that the program's own code has: those of others, which a proxy sends on, are not kept. */
static struct metrics_method *counted_as(weir_channel *channel, const weir_call *call)
{
    unsigned number = 0;

    if (channel->metrics == NULL)
        return NULL;
    if (call->method_is_ours)
        number = metrics_add(channel->metrics->metrics, call->method);
    else
        number = metrics_find(channel->metrics->metrics, call->method);
    return metrics_method(channel->metrics, number);
}

static void start_call(void *self, struct exchange *e)
{
    weir_channel *channel = self;
    weir_connection *connection = NULL;
    bool is_new = false;

    measure_call(e, &channel->registry);
    measure_start(e, counted_as(channel, e->call));
    if (channel->closed)
        refuse(e, weir_status_make(WEIR_CANCELLED, "the channel was closed"));
    else if ((connection = usable_connection(channel, &is_new)) == NULL)
        refuse(e, no_connection(channel));
    else if (connection_is_down(connection) && !e->call->wait_for_ready)
        refuse(e,
               weir_status_make(WEIR_UNAVAILABLE, "%s cannot be reached", channel->target.address));
    else if (!exchange_bind(e, connection))
        refuse(e, weir_status_make(WEIR_RESOURCE_EXHAUSTED, "out of memory for a call"));
    else if (!memory_admits(e))
        refuse(e,
               weir_status_make(WEIR_RESOURCE_EXHAUSTED, "the channel is out of memory for calls"));
    else
        begin_call(e);
    if (connection != NULL && is_new)
        open_connection(channel, connection);
    channel_drop(channel);
}

/* In the loop's next turn. */
static void start_soon(void *self, struct exchange *e)
{
    channel_hold(self);
    e->start = start_call;
    e->channel = self;
    cell_wake(&e->in->poke);
}

static bool method_is_valid(const char *method)
{
    if (method[0] != '/')
        return false;
    for (const char *c = method; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return true;
}

/* `call` has its status from this; NULL: it is another's call, or was made before. */
static weir_stream refuse_at_once(weir_call *call, weir_stream requests, weir_code code,
                                  const char *why)
{
    weir_status status = {.code = code, .message = weir_bytes_static(why, strlen(why))};

    weir_stream_release(&requests);
    if (call != NULL)
        call->status = status;
    return weir_stream_error(status);
}

weir_stream weir_channel_call(weir_channel *channel, weir_call *call, weir_stream requests)
{
    size_t max_receive_size = channel->options.max_receive_size;
    struct exchange *e;
    weir_stream responses;

    if (call == NULL)
        return refuse_at_once(NULL, requests, WEIR_RESOURCE_EXHAUSTED, "out of memory for a call");
    if (call->max_receive_size != 0)
        max_receive_size = call->max_receive_size;
    if (call->made || call->server)
        return refuse_at_once(NULL, requests, WEIR_FAILED_PRECONDITION, "a call can be made once");
    if (!method_is_valid(call->method))
        return refuse_at_once(call, requests, WEIR_INVALID_ARGUMENT,
                              "the call's method is no path");
    call->made = true;
    call->max_message_memory = channel->options.max_message_memory;
    if (call->compression < 0)
        call->compression = (int)channel->options.compression;
    call->authority =
        arena_copy(&call->arena, channel->target.authority, strlen(channel->target.authority));
    e = exchange_create(channel->loop, channel->memory->budget, call, true, max_receive_size);
    if (e == NULL || call->authority == NULL) {
        call->authority = "";
        if (e != NULL)
            exchange_destroy(e);
        return refuse_at_once(call, requests, WEIR_RESOURCE_EXHAUSTED, "out of memory for a call");
    }
    e->out = requests;
    responses = inbound_stream(e->in, call);
    start_soon(channel, e);
    return responses;
}

/* ---- for who looks from elsewhere ---- */

size_t weir_channel_connections(weir_channel *channel, uint64_t first, weir_connection_info *out,
                                size_t max)
{
    return registry_read(&channel->registry, first, out, max);
}

void weir_channel_calls(weir_channel *channel, weir_calls_info *out)
{
    registry_calls(&channel->registry, out);
}

const char *weir_channel_target(const weir_channel *channel)
{
    return channel->target.uri;
}

/* ---- life ---- */

static void close_channel(void *self)
{
    weir_channel *channel = self;
    struct list *link;

    channel->closed = true;
    channel->connection = NULL;
    if (channel->has_timer)
        loop_timer_close(channel->loop, &channel->retry);
    channel->has_timer = false;
    if (has_own_socket(channel) && channel->socket.fd >= 0)
        channel->socket.close(channel->socket.fd);
    for (link = channel->connections.next; link != &channel->connections; link = link->next)
        weir_connection_shutdown(LIST_MEMBER(link, weir_connection, owner_link), 0);
    channel_drop(channel);
}

static char *make_user_agent(const char *prefix)
{
    char text[256];

    if (prefix != NULL)
        snprintf(text, sizeof text, "%s grpc-c-weir/" WEIR_VERSION, prefix);
    else
        snprintf(text, sizeof text, "grpc-c-weir/" WEIR_VERSION);
    return mem_copy_string(text);
}

/* Whom TLS asks for: "[::1]:443" is ::1 then. */
static char *make_tls_name(const weir_tls *tls, const char *authority)
{
    const char *given = tls_server_name(tls);
    bool bracket = authority[0] == '[';
    char *name = mem_copy_string(given != NULL ? given : authority + bracket);
    char *end = name != NULL && given == NULL ? strrchr(name, bracket ? ']' : ':') : NULL;

    if (end != NULL)
        *end = '\0';
    return name;
}

static void set_defaults(weir_channel_options *options)
{
    SET_DEFAULT(options->max_receive_size, (size_t)4 << 20);
    SET_DEFAULT(options->max_message_memory, call_message_memory(options->max_receive_size));
    SET_DEFAULT(options->max_header_size, (size_t)16 << 10);
    SET_DEFAULT(options->connect_timeout_ns, WEIR_SECONDS(20));
    SET_DEFAULT(options->keepalive_ns, WEIR_NEVER);
    SET_DEFAULT(options->keepalive_timeout_ns, WEIR_SECONDS(20));
    SET_DEFAULT(options->memory_limit, UINT64_MAX);
    SET_DEFAULT(options->stall_timeout_ns, WEIR_SECONDS(10));
    if (options->keepalive_ns < MIN_KEEPALIVE_NS)
        options->keepalive_ns = MIN_KEEPALIVE_NS;
}

static void set_options(weir_channel *channel, const weir_channel_options *options)
{
    if (options != NULL)
        channel->options = *options;
    set_defaults(&channel->options);
    channel->logger.log = channel->options.log;
    if (channel->options.authority != NULL) {
        mem_free(channel->target.authority);
        channel->target.authority = mem_copy_string(channel->options.authority);
    }
    channel->user_agent = make_user_agent(channel->options.user_agent);
    channel->options.authority = channel->options.user_agent = NULL;
    if (channel->options.tls == NULL)
        return;
    weir_tls_ref(channel->options.tls);
    if (channel->target.authority != NULL)
        channel->tls_name = make_tls_name(channel->options.tls, channel->target.authority);
}

/* False: memory is out. */
static bool open_metrics(weir_channel *channel)
{
    if (channel->options.metrics == NULL)
        return true;
    channel->metrics = metrics_open(channel->options.metrics, channel->target.uri);
    return channel->metrics != NULL;
}

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a channel");
}

/* `target` moves in. */
static weir_code create(struct target *target, const weir_channel_options *options, weir_loop *loop,
                        weir_channel **out, weir_status *why)
{
    weir_channel *channel = mem_zalloc(sizeof *channel);

    if (channel == NULL || !registry_init(&channel->registry, true)) {
        mem_free(channel);
        target_clear(target);
        return out_of_memory(why);
    }
    atomic_init(&channel->references, 1);
    atomic_init(&channel->holds, 1);
    list_init(&channel->connections);
    channel->loop = loop;
    channel->target = *target;
    channel->backoff_ns = FIRST_BACKOFF_NS;
    set_options(channel, options);
    channel->budget = memory_total_create(channel->options.memory_limit);
    if (channel->budget != NULL)
        channel->memory = memory_create(loop, channel->budget, channel->options.stall_timeout_ns);
    channel->closer = cell_create(loop->mailbox, close_channel, channel);
    if (channel->closer == NULL || channel->memory == NULL || channel->user_agent == NULL ||
        !open_metrics(channel) || channel->target.authority == NULL ||
        (channel->options.tls != NULL && channel->tls_name == NULL)) {
        channel_drop(channel);
        return out_of_memory(why);
    }
    *out = channel;
    return WEIR_OK;
}

weir_code channel_create(const char *target, const weir_channel_options *options, weir_loop *loop,
                         weir_channel **out, weir_status *why)
{
    struct target parsed;
    weir_code code = target_parse(target, &parsed, why);

    *out = NULL;
    return code == WEIR_OK ? create(&parsed, options, loop, out, why) : code;
}

weir_code channel_create_on(const struct channel_socket *socket,
                            const weir_channel_options *options, weir_loop *loop,
                            weir_channel **out, weir_status *why)
{
    struct target target = {
        .address = mem_copy_string(socket->address),
        .authority = mem_copy_string("localhost"),
        .uri = mem_copy_string(socket->address),
    };
    weir_channel *channel;

    *out = NULL;
    if (target.address == NULL || target.authority == NULL || target.uri == NULL) {
        target_clear(&target);
        return out_of_memory(why);
    }
    if (create(&target, options, loop, &channel, why) != WEIR_OK)
        return WEIR_RESOURCE_EXHAUSTED;
    channel->opener = cell_create(loop->mailbox, open_socket, channel);
    if (channel->opener == NULL) {
        channel_drop(channel);
        return out_of_memory(why);
    }
    channel->socket = *socket;
    cell_wake(channel->opener);
    *out = channel;
    return WEIR_OK;
}

#ifndef WEIR_UV
/* The driver's can make a thread, too, and it has sockets. */
weir_code weir_channel_create(const char *target, const weir_channel_options *options,
                              weir_channel **out, weir_status *why)
{
    if (options != NULL && options->loop != NULL)
        return channel_create(target, options, options->loop, out, why);
    *out = NULL;
    return weir_fail(why, WEIR_INVALID_ARGUMENT, "a channel needs a loop: no driver was built");
}

weir_code weir_channel_create_fd(int fd, const weir_channel_options *options, weir_channel **out,
                                 weir_status *why)
{
    (void)fd, (void)options;
    *out = NULL;
    return weir_fail(why, WEIR_UNIMPLEMENTED, "no sockets: no driver was built");
}
#endif

void weir_channel_usage(weir_channel *channel, weir_total_usage *out)
{
    *out = (weir_total_usage){.limit = channel->options.memory_limit};
    memory_add_usage(channel->memory, out);
    out->held = budget_total_held(channel->budget);
}

weir_channel *weir_channel_ref(weir_channel *channel)
{
    atomic_fetch_add_explicit(&channel->references, 1, memory_order_relaxed);
    return channel;
}

void weir_channel_unref(weir_channel *channel)
{
    void (*stop_driver)(void *driver);
    void *driver;

    if (channel == NULL ||
        atomic_fetch_sub_explicit(&channel->references, 1, memory_order_acq_rel) != 1)
        return;
    stop_driver = channel->stop_driver;
    driver = channel->driver;
    cell_wake(channel->closer);
    if (stop_driver != NULL)
        stop_driver(driver);
}
