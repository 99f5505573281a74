/* SPDX-License-Identifier: MIT */
/*
 * connection.c - an HTTP/2 connection that carries gRPC, without sockets, clock or threads.
 *
 * The session's events only keep books here and schedule work; the work is done in the run phase of
 * a loop's turn, when nothing of nghttp2 is on the stack.
 */
#include "conn/connection.h"
#include "conn/ending.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "call/leftovers.h"

/* Control frames that a peer may make us owe it before we stop reading what it sends. */
#define MAX_BACKLOG 1000
/* So many frames may wait for a turn to be looked at. */
#define FRAMES_UNSEEN 256
/* So many calls of one turn may wait to be refused. */
#define MAX_BURST 16
/* Headers of so many times the size that we take are not even refused in gRPC's terms: each one
 * costs to be looked at, and the table of HPACK makes thousands of bytes of one. */
#define HEADER_BOMB 16

static void name(weir_connection *c)
{
    if (list_is_empty(&c->named_link))
        list_append(&c->loop->named, &c->named_link);
}

void connection_name(weir_connection *c)
{
    name(c);
}

void connection_make_runnable(weir_connection *c)
{
    if (list_is_empty(&c->runnable_link))
        list_append(&c->loop->runnable, &c->runnable_link);
}

void connection_add_work(weir_connection *c, struct list *work_link)
{
    list_append(&c->work, work_link);
    connection_make_runnable(c);
}

weir_connection *connection_of_named_link(struct list *link)
{
    return LIST_MEMBER(link, weir_connection, named_link);
}

/* ---- the session's events ---- */

/* Past the limit of memory calls are refused with a status, when their turn comes. But a burst of
 * them takes memory until then: those get a reset, which means the same. */
static bool is_burst_past_limit(weir_connection *c)
{
    if (++c->begun <= MAX_BURST || !budget_is_full(c->budget) ||
        budget_admits(c->budget, c->exchange_count * MEMORY_CALL))
        return false;
    memory_count(&c->memory->refused, 1);
    return true;
}

static void *on_begin(void *self, int32_t id, uint32_t *error)
{
    weir_connection *c = self;
    struct exchange *e = NULL;
    weir_call *call;

    if (is_burst_past_limit(c)) {
        *error = HTTP2_ENHANCE_YOUR_CALM;
        return NULL;
    }
    call = call_create(c->loop->calls, true);
    if (call != NULL)
        e = exchange_create(c->loop, c->budget, call, false, c->max_receive_size);
    if (e != NULL && !exchange_bind(e, c)) {
        exchange_destroy(e);
        e = NULL;
    }
    if (e != NULL) {
        e->id = id;
        call->peer.address =
            call_copy(call, (weir_slice){(const uint8_t *)c->peer, strlen(c->peer)});
        if (call->peer.address == NULL)
            call->peer.address = "";
        call->peer.credentials = c->credentials;
        if (c->secure != NULL)
            call_set_tls_peer(call, &c->secure->peer);
    }
    weir_call_unref(call);
    return e;
}

static bool on_header(void *self, void *stream, weir_slice name, weir_slice value)
{
    weir_connection *c = self;
    struct exchange *e = stream;

    e->header_size += name.size + value.size + 32;
    if (c->client)
        response_header(e, name, value);
    else
        request_header(e, name, value);
    return e->header_size / HEADER_BOMB <= c->max_header_size;
}

static void end_request(struct exchange *e)
{
    weir_status why = {0};

    if (inbound_end(e->in, &why) != WEIR_OK)
        exchange_step(e, CALL_FAULT, why);
    exchange_step(e, CALL_IN_END, (weir_status){0});
}

static void on_headers(void *self, void *stream, bool last)
{
    weir_connection *c = self;
    struct exchange *e = stream;

    if (c->client) {
        response_headers(e, last);
        return;
    }
    if (!e->request_complete) {
        e->request_complete = true;
        if (e->refused) /* what its messages do wrong is no better answer */
            inbound_discard(e->in);
        exchange_schedule(e, EXCHANGE_START);
    }
    if (last)
        end_request(e);
}

static void on_data(void *self, void *stream, const uint8_t *data, size_t size)
{
    weir_connection *c = self;
    struct exchange *e = stream;
    weir_status why = {0};
    size_t credit;

    c->window.received += size;
    if (inbound_append(e->in, data, size, &credit, &why) != WEIR_OK)
        exchange_step(e, CALL_FAULT, why);
    measure_received(e);
    memory_received(e, size);
    if (credit != 0)
        connection_credit(c, e, credit);
}

static void on_end(void *self, void *stream)
{
    weir_connection *c = self;

    if (c->client)
        response_end(stream);
    else
        end_request(stream);
}

static void on_end_sent(void *self, void *stream)
{
    weir_connection *c = self;

    if (!c->client)
        measure_stream_ended(stream);
    exchange_step(stream, CALL_TRAILERS_SENT, (weir_status){0});
}

/* The status of a call whose HTTP/2 stream closed before it had one. */
static weir_status reset_status(const struct exchange *e, uint32_t error)
{
    weir_code code = e->in->client ? http2_error_status(error) : WEIR_CANCELLED;

    if (e->refused) /* and reset by us for that */
        return weir_status_ref(&e->refusal);
    return weir_status_make(code, "the peer reset the call: %s", http2_error_name(error));
}

static void on_unsent(void *self, void *stream)
{
    struct exchange *e = stream;

    (void)self;
    e->unsent = true;
}

static void on_closed(void *self, void *stream, uint32_t error)
{
    weir_connection *c = self;
    struct exchange *e = stream;

    e->id = 0;
    if (e->unsent && !e->state.status_fixed)
        exchange_schedule(e, EXCHANGE_START);
    else
        exchange_step(e, CALL_CLOSED,
                      e->state.status_fixed ? (weir_status){0} : reset_status(e, error));
    if (c->client)
        connection_stream_ended(c);
}

static size_t on_pull(void *self, void *stream, struct output *output, size_t max,
                      enum http2_pull *more)
{
    (void)self;
    return exchange_pull(stream, output, max, more);
}

void connection_tell_owner(weir_connection *c)
{
    registry_set_state(&c->record, WEIR_CONNECTION_CLOSING);
    if (c->owner.gone != NULL && !c->told) {
        c->told = true;
        c->owner.gone(c->owner.self, c);
    }
}

static void on_settings(void *self)
{
    weir_connection *c = self;

    if (!c->guard.greeted)
        connection_greeted(c);
    connection_start_queued(c);
}

/* What the session has not sent it may not send any more, and it would tell so in its turn, which
 * need not come. */
static void take_back_unsent(weir_connection *c)
{
    struct list *link;

    for (link = c->exchanges.next; link != &c->exchanges; link = link->next) {
        struct exchange *e = LIST_MEMBER(link, struct exchange, link);

        if (!e->state.status_fixed && exchange_take_back(e)) {
            e->unsent = true;
            exchange_schedule(e, EXCHANGE_START);
        }
    }
}

static void on_goaway(void *self, uint32_t error, weir_slice debug)
{
    weir_connection *c = self;

    if (error == HTTP2_ENHANCE_YOUR_CALM && HEADER_IS(debug, "too_many_pings") &&
        c->owner.calm != NULL)
        c->owner.calm(c->owner.self);
    report_goaway_received(c, error, debug);
    connection_tell_owner(c);
    connection_start_queued(c);
    if (c->client)
        take_back_unsent(c);
}

static void on_goaway_sent(void *self, uint32_t error, weir_slice debug)
{
    weir_connection *c = self;

    report_goaway_sent(c, error, debug);
    if (c->client && !c->guard.greeted && error != HTTP2_NO_ERROR && c->failure == NULL)
        c->failure = "what the server said is not HTTP/2";
}

static void on_ping(void *self, bool ack, uint64_t opaque)
{
    weir_connection *c = self;

    if (!ack)
        c->guard.pings++;
    else if (opaque == WINDOW_PING)
        window_answered(&c->window);
    else if (opaque == CONNECTION_DRAIN_PING && c->drain == DRAIN_NOTICE)
        connection_end_notice(c);
    connection_make_runnable(c);
}

static const struct http2_events session_events = {
    .begin = on_begin,
    .header = on_header,
    .headers = on_headers,
    .data = on_data,
    .end = on_end,
    .end_sent = on_end_sent,
    .unsent = on_unsent,
    .closed = on_closed,
    .pull = on_pull,
    .settings = on_settings,
    .goaway = on_goaway,
    .goaway_sent = on_goaway_sent,
    .ping = on_ping,
};

/* ---- life ---- */

static void connection_destroy(weir_connection *c)
{
    list_remove(&c->runnable_link);
    list_remove(&c->named_link);
    http2_free(c->session);
    leftovers_detach(c->leftovers);
    secure_free(c);
    output_clear(&c->output);
    memory_close(c);
    mem_free(c->peer);
    mem_free(c);
}

static void take_options(weir_connection *c, const struct connection_options *options)
{
    c->client = options->client;
    c->opened = !options->client && options->tls == NULL;
    c->owner = options->owner;
    c->metrics = options->metrics;
    c->report.logger = options->logger;
    c->registry = options->registry;
    c->max_streams = c->max_handlers = options->max_streams;
    c->max_header_size = options->max_header_size;
    c->max_receive_size = options->max_receive_size;
    c->user_agent = options->user_agent;
    c->max_age_grace = options->max_age_grace;
    window_init(&c->window, options->max_window_size);
    guard_init(&c->guard, &options->guard);
}

struct http2_session *connection_new_session(weir_connection *c)
{
    const struct http2_options options = {
        .client = c->client,
        .max_streams = c->max_streams,
        .max_header_size = (uint32_t)c->max_header_size,
        .window = (uint32_t)CONNECTION_WINDOW,
    };

    return http2_create(&options, &session_events, c);
}

weir_connection *connection_create(weir_loop *loop, const struct connection_options *options)
{
    weir_connection *c = mem_zalloc(sizeof *c);

    if (c == NULL)
        return NULL;
    c->loop = loop;
    c->output.cache = loop->frame_buffers;
    take_options(c, options);
    list_init(&c->owner_link);
    list_init(&c->exchanges);
    list_init(&c->work);
    list_init(&c->queue);
    list_init(&c->runnable_link);
    list_init(&c->named_link);
    c->peer = mem_copy_string(options->peer != NULL ? options->peer : "");
    c->session = connection_new_session(c);
    if (c->peer == NULL || c->session == NULL ||
        (options->tls != NULL && !secure_create(c, options)) ||
        !memory_open(c, options->memory, options->client) ||
        !loop_timer_open(loop, &c->grace, connection_grace_over)) {
        connection_destroy(c);
        return NULL;
    }
    if (!loop_timer_open(loop, &c->watch, connection_watch_over)) {
        loop_timer_close(loop, &c->grace);
        connection_destroy(c);
        return NULL;
    }
    loop->connections++;
    registry_add(c->registry, c);
    if (!c->client)
        measure_open(c);
    if (c->opened)
        report_opened(c);
    registry_set_state(&c->record, c->opened ? WEIR_CONNECTION_READY : WEIR_CONNECTION_CONNECTING);
    measure_windows(c);
    connection_make_runnable(c);
    name(c);
    return c;
}

/* The connection carries nothing any more: its calls end. */
void connection_lose(weir_connection *c, weir_code code, const char *reason, bool but_waiting)
{
    struct list *link, *next;

    c->waiting = 0;
    if (!but_waiting) {
        report_reason(c, reason);
        connection_tell_owner(c);
    }
    for (link = c->exchanges.next; link != &c->exchanges; link = next) {
        struct exchange *e = LIST_MEMBER(link, struct exchange, link);

        next = link->next;
        if (but_waiting && connection_keeps(c, e)) {
            c->waiting++;
            continue;
        }
        if (e->id != 0)
            http2_forget(c->session, e->id);
        e->id = 0;
        exchange_step(
            e, CALL_LOST,
            weir_status_make(c->client ? code : WEIR_CANCELLED, "connection lost: %s", reason));
    }
}

void weir_connection_free(weir_connection *c)
{
    struct list *link;

    if (c == NULL)
        return;
    if (c->client && !connection_can_request(c))
        connection_pass_on_unsent(c);
    connection_lose(c, WEIR_UNAVAILABLE, "closed", false);
    while ((link = list_take(&c->exchanges)) != NULL)
        exchange_destroy(LIST_MEMBER(link, struct exchange, link));
    loop_timer_close(c->loop, &c->grace);
    loop_timer_close(c->loop, &c->watch);
    c->loop->connections--;
    measure_gone(c);
    report_closed(c);
    memory_close(c); /* while its owner is there */
    registry_remove(c);
    list_remove(&c->owner_link);
    if (c->owner.freed != NULL)
        c->owner.freed(c->owner.self);
    connection_destroy(c);
}

void weir_connection_set_peer_credentials(weir_connection *c,
                                          const weir_peer_credentials *credentials)
{
    c->credentials = *credentials;
}

void weir_connection_set_driver(weir_connection *c, void *driver)
{
    c->driver = driver;
}

void weir_connection_set_local_address(weir_connection *c, const char *address)
{
    registry_set_local(c, address);
}

void *weir_connection_driver(const weir_connection *c)
{
    return c->driver;
}

/* ---- bytes ---- */

bool connection_receive(weir_connection *c, const uint8_t *data, size_t size)
{
    bool fine = http2_receive(c->session, data, size);

    if (!fine) {
        report_cut(c, http2_error(c->session), http2_error_name(http2_error(c->session)));
        connection_break(c, "HTTP/2 error");
    }
    return fine;
}

bool connection_is_ending(const weir_connection *c)
{
    return c->broken || c->eof || c->lingering;
}

static bool has_many_unseen(const weir_connection *c)
{
    return http2_counts(c->session)->frames - c->guard.seen.frames + c->guard.extra > FRAMES_UNSEEN;
}

/* Whether the guard has to look at what came, in the next turn. */
static bool needs_look(const weir_connection *c)
{
    return c->guard.options.keepalive != WEIR_NEVER || has_many_unseen(c) ||
           http2_counts(c->session)->partial;
}

weir_code weir_connection_input(weir_connection *c, const uint8_t *data, size_t size)
{
    bool fine;

    if (c->broken || c->eof)
        return WEIR_INTERNAL;
    loop_attach(c->loop);
    c->loop->mailbox->attended = true;
    c->guard.read = true;
    if (c->secure != NULL)
        fine = secure_receive(c, data, size);
    else
        fine = connection_receive(c, data, size);
    memory_count_output(c); /* what it owes by now: while its socket is full nobody asks for that */
    if (fine && (needs_look(c) || window_is_due(&c->window)))
        connection_make_runnable(c);
    name(c);
    return fine ? WEIR_OK : WEIR_INTERNAL;
}

bool weir_connection_wants_input(const weir_connection *c)
{
    if (c->broken || c->eof || (c->secure != NULL && secure_is_flooded(c)))
        return false;
    if (has_many_unseen(c) && !connection_is_ending(c)) /* until the next turn has looked at them */
        return false;
    /* Less than a full output may be stuck just as well. What a server makes a client owe it is
     * bounded by the client's calls and by nghttp2; and if both ends stopped they would for
     * ever. */
    return c->client || http2_backlog(c->session) < MAX_BACKLOG;
}

void connection_pull(weir_connection *c)
{
    bool crowded = connection_is_crowded(c);

    turn_start();
    memory_clock_output(c);
    if (!http2_send(c->session, &c->output) && !c->broken)
        connection_break(c, "HTTP/2 error");
    if (crowded && c->client && !connection_is_crowded(c))
        connection_start_queued(c);
    memory_clock_output(c);
    turn_stop();
    measure_windows(c);
}

size_t weir_connection_output(weir_connection *c, weir_slice *out, size_t max)
{
    size_t count;

    if (c->eof || c->failed)
        return 0;
    c->loop->mailbox->attended = true;
    if (c->secure != NULL) {
        count = secure_send(c, out, max);
    } else {
        connection_pull(c);
        count = output_peek(&c->output, out, max);
    }
    memory_count_output(c);
    return count;
}

void weir_connection_output_done(weir_connection *c, size_t size)
{
    output_drop(c->secure != NULL ? &c->secure->out : &c->output, size);
    memory_output_left(c, size);
    memory_count_output(c);
}

/* A call's end is to be judged by the clock, which is right in the next turn only. */
static bool has_to_judge(const weir_connection *c)
{
    for (const struct list *link = c->work.next; link != &c->work; link = link->next)
        if (LIST_MEMBER(link, struct exchange, work_link)->work & EXCHANGE_JUDGE)
            return true;
    return false;
}

bool weir_connection_done(const weir_connection *c)
{
    if (c->failed || (c->eof && !has_to_judge(c)))
        return true;
    /* A call that did not leave has yet to be moved. */
    if (!list_is_empty(&c->work))
        return false;
    if (c->secure != NULL)
        return secure_is_done(c);
    return c->output.queued == 0 && http2_is_over(c->session);
}

/* ---- the run phase ---- */

void weir_connection_shutdown(weir_connection *c, uint64_t grace_ns)
{
    if (c->broken || c->eof)
        return;
    connection_tell_owner(c);
    if (!c->opened) {
        c->eof = true;
        connection_lose(c, WEIR_CANCELLED, "shut down", false);
        name(c);
        return;
    }
    c->shutdown_asked = true;
    c->shutdown_grace = grace_ns;
    connection_make_runnable(c);
}

void connection_run_link(struct list *runnable_link)
{
    weir_connection *c = LIST_MEMBER(runnable_link, weir_connection, runnable_link);
    struct list *link;

    c->begun = 0;
    if (c->shutdown_asked && !c->broken && !c->eof)
        connection_drain(c, c->shutdown_grace, NULL);
    c->shutdown_asked = false;
    if (!list_is_empty(&c->withheld) || !list_is_empty(&c->turns))
        memory_serve(c);
    while ((link = list_take(&c->work)) != NULL)
        exchange_run(LIST_MEMBER(link, struct exchange, work_link));
    connection_keep_watch(c);
    if (!connection_is_ending(c))
        connection_measure_window(c);
    connection_part(c);
    if (c->broken && !c->failed && !c->lingering && (!c->client || c->opened))
        connection_linger(c);
    /* Most often the work was to forget calls that are over, and there is nothing to look at. */
    if (c->eof || c->output.queued != 0 || http2_wants_write(c->session) ||
        http2_is_over(c->session))
        name(c);
}
