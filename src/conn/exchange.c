/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - one call on one HTTP/2 stream, seen from one end.
 *
 * The outgoing stream is polled for a message only when the one before it has left, and while the
 * peer's window is closed for one message at most: then only END, ERROR and timers are of interest.
 */
#include "conn/exchange.h"

#include "base/alloc.h"
#include "bytes/buffer.h"
#include "conn/admission.h"
#include "conn/connection.h"
#include "conn/headers.h"
#include "framing/compression.h"
#include "framing/prefix.h"

/* Larger pieces are referred to, smaller ones copied. */
#define SHARE_ABOVE ((size_t)1024)

/* The ways around memory.c where nothing is to be done there, which is most often so. */
static void count_held(struct exchange *e)
{
    if (e->held_charged != 0 || (e->holding && e->held.message.size > MEMORY_SMALL))
        memory_count_held(e);
}

static bool lets_poll(struct exchange *e, bool ahead)
{
    return !budget_is_short(e->connection->budget) || memory_lets_poll(e, ahead);
}

static void exchange_woken(void *target)
{
    struct exchange *e = target;

    e->out_pending = false;
    exchange_schedule(e, EXCHANGE_POLL);
}

static void arm_timer(struct exchange *e)
{
    uint64_t when = e->task.wake_at < e->deadline ? e->task.wake_at : e->deadline;

    loop_timer_set(e->loop, &e->timer, when);
}

/* The task's time has come, or the deadline, which must not be forgotten over the other. */
static void exchange_timer(struct loop_timer *timer)
{
    struct exchange *e = LIST_MEMBER(timer, struct exchange, timer);

    e->task.wake_at = WEIR_NEVER;
    if (e->loop->now >= e->deadline)
        exchange_schedule(e, EXCHANGE_DEADLINE);
    else
        arm_timer(e);
    exchange_woken(e);
}

struct exchange *exchange_create(weir_loop *loop, struct budget *budget, weir_call *call,
                                 bool client, size_t max_receive_size)
{
    struct cache *home;
    struct exchange *e = cache_zalloc(loop->exchanges, sizeof *e, &home);

    if (e == NULL)
        return NULL;
    e->in = inbound_create(loop, budget, e, max_receive_size);
    if (e->in == NULL) {
        cache_free(home, e);
        return NULL;
    }
    e->loop = loop;
    e->home = home;
    e->call = weir_call_ref(call);
    e->deadline = WEIR_NEVER;
    e->in->client = client;
    list_init(&e->link);
    list_init(&e->work_link);
    list_init(&e->queue_link);
    list_init(&e->room_link);
    call_state_init(&e->state, client ? CALL_CLIENT : CALL_SERVER);
    task_init(&e->task, loop->mailbox, exchange_woken, e);
    call_connect(call, &e->in->poke, &e->in->memory);
    return e;
}

bool exchange_bind(struct exchange *e, weir_connection *connection)
{
    if (!loop_timer_open(e->loop, &e->timer, exchange_timer))
        return false;
    e->connection = connection;
    list_append(&connection->exchanges, &e->link);
    connection->exchange_count++;
    memory_join(e);
    arm_timer(e);
    return true;
}

/* Slices of it that wait for the socket keep all of it. */
static void drop_held(struct exchange *e)
{
    const weir_bytes *message = &e->held.message;

    if (e->held_sent > sizeof e->prefix && message->size > SHARE_ABOVE && message->buffer != NULL &&
        e->connection != NULL)
        output_keep(&e->connection->output, message->size);
    weir_item_clear(&e->held);
    e->holding = false;
    e->held_sent = 0;
}

/* A server may end a call at its deadline before the client's own timer fires. */
static void judge_cancel(struct exchange *e)
{
    if (e->loop->now >= e->deadline)
        e->status.code = WEIR_DEADLINE_EXCEEDED;
    inbound_finish(e->in, weir_status_ref(&e->status));
}

static void leave_connection(struct exchange *e)
{
    list_remove(&e->link);
    list_remove(&e->work_link);
    if (e->connection == NULL)
        return;
    memory_leave(e);
    connection_dequeue(e->connection, e);
    e->connection->exchange_count--;
    e->connection->widened -= e->in->window - WINDOW_FIRST;
    loop_timer_close(e->loop, &e->timer);
    e->connection = NULL;
}

void exchange_unbind(struct exchange *e)
{
    measure_moved(e);
    leave_connection(e);
    e->in->window = WINDOW_FIRST;
    e->work = 0;
    e->headers_out = e->unsent = e->deferred = false;
    e->state.headers_sent = false;
}

void exchange_destroy(struct exchange *e)
{
    if (e->work & EXCHANGE_JUDGE)
        judge_cancel(e);
    e->id = 0;
    if (!e->state.done)
        exchange_step(e, CALL_LOST, weir_status_make(WEIR_CANCELLED, "the call was dropped"));
    measure_end(e);
    if (e->connection != NULL && !e->in->client)
        admission_leave(e->connection, e);
    leave_connection(e);
    atomic_store_explicit(&e->call->over, true, memory_order_release);
    weir_stream_release(&e->out);
    drop_held(e);
    count_held(e);
    task_detach(&e->task);
    weir_call_unref(e->call);
    inbound_close(e->in);
    weir_status_clear(&e->status);
    weir_status_clear(&e->refusal);
    weir_status_clear(&e->reply);
    cache_free(e->home, e);
}

void exchange_schedule(struct exchange *e, unsigned work)
{
    if (e->connection == NULL)
        return;
    e->work |= work;
    if (list_is_empty(&e->work_link))
        connection_add_work(e->connection, &e->work_link);
}

void exchange_poked(void *exchange)
{
    struct exchange *e = exchange;
    void (*start)(void *channel, struct exchange *exchange) = e->start;

    e->start = NULL;
    if (start != NULL)
        start(e->channel, e);
    else
        exchange_schedule(e, EXCHANGE_POKED);
}

void exchange_refuse(struct exchange *e, weir_code code, const char *format, ...)
{
    va_list arguments;

    if (e->refused)
        return;
    e->refused = true;
    e->refusal.code = code;
    va_start(arguments, format);
    e->refusal.message = bytes_vformat(format, arguments);
    va_end(arguments);
}

void exchange_keep_header(struct exchange *e, struct weir_metadata *metadata, weir_slice name,
                          weir_slice value)
{
    weir_code code =
        e->refused ? WEIR_OK
                   : metadata_append_wire(metadata, name.data, name.size, value.data, value.size);

    if (code == WEIR_OK)
        return;
    exchange_refuse(e, code, "%s metadata %.*s",
                    code == WEIR_INTERNAL ? "broken base64 in" : "out of memory for",
                    (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
}

bool exchange_has_room(struct exchange *e)
{
    if (e->header_size <= e->connection->max_header_size)
        return true;
    exchange_refuse(e, WEIR_RESOURCE_EXHAUSTED, "metadata of more than %zu bytes",
                    e->connection->max_header_size);
    return false;
}

/* ---- doing what the state machine says ---- */

/* A header block was handed to the session; where it could not be, the call cannot go on. */
static void end_headers(struct exchange *e, struct headers *headers, bool submitted)
{
    if (!submitted)
        http2_reset(e->connection->session, e->id, HTTP2_INTERNAL_ERROR);
    headers_clear(headers);
    e->headers_out = true;
}

weir_compression exchange_fix_compression(struct exchange *e)
{
    if (e->compression_fixed)
        return e->compression;
    pthread_mutex_lock(&e->call->lock);
    if (e->call->compression > 0 &&
        (e->in->client || (e->accepted & 1u << e->call->compression) != 0))
        e->compression = compression_known((weir_compression)e->call->compression);
    pthread_mutex_unlock(&e->call->lock);
    e->compression_fixed = true;
    return e->compression;
}

void exchange_add_encoding(struct exchange *e, struct headers *headers)
{
    weir_compression compression = exchange_fix_compression(e);

    if (compression != WEIR_IDENTITY)
        headers_add_literal(headers, "grpc-encoding", compression_name(compression));
}

static void send_response_headers(struct exchange *e)
{
    struct headers headers;

    headers_init(&headers);
    headers_add_response(&headers);
    exchange_add_encoding(e, &headers);
    pthread_mutex_lock(&e->call->lock);
    headers_add_metadata(&headers, &e->call->response);
    e->call->sent = true;
    pthread_mutex_unlock(&e->call->lock);
    end_headers(e, &headers,
                !headers.failed &&
                    http2_respond(e->connection->session, e->id, headers.items, headers.count));
}

static bool has_response_metadata(struct exchange *e)
{
    bool any;

    pthread_mutex_lock(&e->call->lock);
    any = e->call->response.count != 0;
    pthread_mutex_unlock(&e->call->lock);
    return any;
}

/* Trailers alone are a whole response, as long as no other metadata has to come before them. */
static void send_trailers(struct exchange *e, bool only)
{
    struct headers headers;

    e->call->status = weir_status_ref(&e->status);
    if (only && has_response_metadata(e)) {
        send_response_headers(e);
        only = false;
    }
    headers_init(&headers);
    if (only)
        headers_add_response(&headers);
    if (e->unsupported_encoding)
        headers_add_literal(&headers, "grpc-accept-encoding", compression_accepted);
    headers_add_status(&headers, &e->status);
    pthread_mutex_lock(&e->call->lock);
    headers_add_metadata(&headers, &e->call->trailers);
    e->call->sent = e->call->ended = true;
    pthread_mutex_unlock(&e->call->lock);
    end_headers(e, &headers,
                !headers.failed &&
                    http2_finish(e->connection->session, e->id, headers.items, headers.count));
}

/* Not gRPC: an HTTP status and a short body, for people and for other programs. */
static void send_http_answer(struct exchange *e)
{
    struct headers headers;
    const char *body = strcmp(e->http_answer, "405") == 0
                           ? "gRPC requests are POST requests.\n"
                           : "gRPC requests have the content-type application/grpc.\n";

    headers_init(&headers);
    headers_add_literal(&headers, ":status", e->http_answer);
    headers_add_literal(&headers, "content-type", "text/plain");
    end_headers(e, &headers,
                http2_answer(e->connection->session, e->id, headers.items, headers.count, body));
}

/* Input comes with the clock of the turn before it, which may lie before the deadline, so whether
 * the deadline has passed is seen in the turn that follows. */
static bool is_to_judge(const struct exchange *e, enum call_event event)
{
    return e->in->client && e->status.code == WEIR_CANCELLED && e->deadline != WEIR_NEVER &&
           (event == CALL_TRAILERS_IN || event == CALL_CLOSED);
}

static void act_on_in(struct exchange *e, enum call_event event, unsigned actions)
{
    if (actions & CALL_ABORT_IN) {
        atomic_store_explicit(&e->call->over, true, memory_order_release);
        inbound_abort(e->in, weir_status_ref(&e->status));
    } else if ((actions & CALL_FINISH_IN) && event != CALL_IN_END) {
        if (is_to_judge(e, event))
            exchange_schedule(e, EXCHANGE_JUDGE);
        else
            inbound_finish(e->in, weir_status_ref(&e->status));
    }
}

/* Client: its request lies in the session, and never left. */
static bool lies_in_session(const struct exchange *e)
{
    return e->in->client && e->id != 0 && !http2_is_open(e->connection->session, e->id);
}

bool exchange_take_back(struct exchange *e)
{
    if (!lies_in_session(e))
        return false;
    http2_reset(e->connection->session, e->id, HTTP2_CANCEL);
    http2_forget(e->connection->session, e->id);
    e->id = 0;
    connection_stream_ended(e->connection);
    return true;
}

static void act_on_out(struct exchange *e, unsigned actions)
{
    struct http2_session *session;

    if (actions & CALL_RELEASE_OUT) {
        e->out_ended = true;
        drop_held(e);
        count_held(e);
        if (e->connection != NULL && e->connection->output.kept != 0)
            memory_count_output(e->connection);
        exchange_schedule(e, EXCHANGE_RELEASE);
    }
    if (e->id == 0)
        return;
    session = e->connection->session;
    if ((actions & CALL_SEND_HEADERS) && !e->in->client)
        send_response_headers(e);
    if ((actions & CALL_SEND_TRAILERS_ONLY) && e->http_answer != NULL)
        send_http_answer(e);
    else if (actions & (CALL_SEND_TRAILERS | CALL_SEND_TRAILERS_ONLY))
        send_trailers(e, (actions & CALL_SEND_TRAILERS_ONLY) != 0);
    if ((actions & CALL_RESET_NO_ERROR) && e->http_answer == NULL)
        http2_reset(session, e->id, HTTP2_NO_ERROR);
    /* It might lie there for ever: the server need not let it go, not even to be forgotten. */
    if ((actions & CALL_RESET_CANCEL) && exchange_take_back(e))
        exchange_step(e, CALL_CLOSED, (weir_status){0});
    else if (actions & CALL_RESET_CANCEL)
        http2_reset(session, e->id,
                    !e->in->client && e->status.code == WEIR_RESOURCE_EXHAUSTED
                        ? HTTP2_ENHANCE_YOUR_CALM
                        : HTTP2_CANCEL);
}

void exchange_step(struct exchange *e, enum call_event event, weir_status status)
{
    unsigned actions;

    e->state.message_cut = e->holding && e->held_sent != 0;
    actions = call_step(&e->state, event);
    if ((actions & CALL_FIX_STATUS) && event == CALL_FAULT)
        report_limit(e, &status);
    if (actions & CALL_FIX_STATUS)
        e->status = status;
    else
        weir_status_clear(&status);
    act_on_in(e, event, actions);
    act_on_out(e, actions);
    if (actions & CALL_DONE)
        exchange_schedule(e, EXCHANGE_CLOSED);
}

/* ---- the outgoing stream ---- */

/* Compresses the held message where that is wanted and worth it: the flag of its prefix. */
static unsigned compress_held(struct exchange *e)
{
    weir_compression compression = exchange_fix_compression(e);
    struct deflater *deflater;
    weir_bytes smaller;

    if (compression == WEIR_IDENTITY || (e->held.flags & WEIR_ITEM_UNCOMPRESSED) != 0)
        return 0;
    deflater = loop_deflater(e->loop);
    if (deflater == NULL || !deflater_run(deflater, compression, &e->held.message, &smaller))
        return 0;
    weir_bytes_unref(&e->held.message);
    e->held.message = smaller;
    return 1;
}

static weir_poll poll_out(struct exchange *e)
{
    unsigned news = atomic_load_explicit(&e->in->news, memory_order_relaxed);
    weir_poll poll;
    unsigned flag;

    task_start(&e->task, e->loop->now);
    poll = weir_stream_poll(&e->out, &e->task, &e->held);
    if (poll == WEIR_PENDING) {
        e->out_pending = true;
        arm_timer(e);
    } else if (poll == WEIR_READY) {
        if (e->held.message.size > UINT32_MAX) {
            weir_item_clear(&e->held);
            weir_stream_release(&e->out);
            weir_fail(&e->held.status, WEIR_INTERNAL, "a message of more than 4 GiB");
            return WEIR_ERROR;
        }
        flag = compress_held(e);
        prefix_write(e->prefix, flag, (uint32_t)e->held.message.size);
        e->holding = true;
        e->held_sent = 0;
        e->news_seen = news;
    }
    return poll;
}

static weir_status cancelled(void)
{
    return weir_status_make(WEIR_CANCELLED, "the call was cancelled");
}

/* What the reader found wrong comes before whatever it made of that. */
static void step_fault(struct exchange *e)
{
    weir_status status;

    if (inbound_take_fault(e->in, &status))
        exchange_step(e, CALL_FAULT, status);
}

/* The outgoing stream is over: a server's trailers, a client's half-close or reset. */
static enum http2_pull end_out(struct exchange *e, weir_poll poll)
{
    weir_status status = e->held.status;

    e->held.status = (weir_status){0};
    e->out_ended = true;
    /* A cancel that was asked for before the end was seen comes first, wherever it was asked. */
    if (atomic_load_explicit(&e->call->asked, memory_order_acquire) & CALL_ASKED_CANCEL) {
        weir_status_clear(&status);
        status = cancelled();
        poll = WEIR_ERROR;
    }
    step_fault(e);
    exchange_step(e, poll == WEIR_END ? CALL_OUT_END : CALL_OUT_ERROR, status);
    if (!e->in->client)
        return HTTP2_PULL_TRAILERS;
    return poll == WEIR_END ? HTTP2_PULL_END : HTTP2_PULL_PENDING;
}

static size_t write_piece(struct exchange *e, struct output *output, size_t max)
{
    const weir_bytes *message = &e->held.message;
    size_t offset, size;

    if (e->held_sent < sizeof e->prefix) {
        size = sizeof e->prefix - e->held_sent;
        size = size < max ? size : max;
        output_write(output, e->prefix + e->held_sent, size);
        return size;
    }
    offset = e->held_sent - sizeof e->prefix;
    size = message->size - offset < max ? message->size - offset : max;
    if (size > SHARE_ABOVE)
        output_share(output, message, offset, size);
    else
        output_write(output, message->data + offset, size);
    return size;
}

static size_t write_held(struct exchange *e, struct output *output, size_t max)
{
    size_t all = sizeof e->prefix + e->held.message.size;
    size_t written = 0;

    while (written < max && e->held_sent < all) {
        size_t size = write_piece(e, output, max - written);

        written += size;
        e->held_sent += size;
    }
    if (e->held_sent == all) {
        measure_sent(e, e->held.message.size);
        drop_held(e);
    }
    return written;
}

/* It may send: what it waited for until now. */
static void begin_pull(struct exchange *e)
{
    uint64_t socket_ns = e->connection->socket_ns;

    if (e->blocked == BLOCKED_BY_PEER)
        memory_unblock(e);
    else if (e->blocked == BLOCKED_NOT && socket_ns != e->socket_mark)
        memory_add_blocked(e, BLOCKED_BY_SOCKET, socket_ns - e->socket_mark);
    e->socket_mark = socket_ns;
}

static void end_pull(struct exchange *e, size_t size, size_t max)
{
    if (size != 0)
        memory_sent(e, size);
    count_held(e);
    if (size != max || http2_window(e->connection->session, e->id) > (int32_t)size)
        return;
    /* The window is used up: nobody pulls again, but behind a whole message the end may be next. */
    if (e->holding)
        memory_block(e, BLOCKED_BY_PEER);
    else
        exchange_schedule(e, EXCHANGE_POLL);
}

size_t exchange_pull(struct exchange *e, struct output *output, size_t max, enum http2_pull *more)
{
    size_t size = 0;

    begin_pull(e);
    *more = HTTP2_PULL_MORE;
    while (size < max) {
        weir_poll poll;

        if (e->holding) {
            size += write_held(e, output, max - size);
            continue;
        }
        if (e->out_pending || e->out_ended) {
            /* Requests that failed have ended, too, but the server must not take them for whole. */
            *more = e->in->client && e->state.end_asked ? HTTP2_PULL_END : HTTP2_PULL_PENDING;
            break;
        }
        if (!lets_poll(e, false)) {
            *more = HTTP2_PULL_PENDING;
            break;
        }
        poll = poll_out(e);
        if (poll == WEIR_PENDING)
            *more = HTTP2_PULL_PENDING;
        else if (poll != WEIR_READY)
            *more = end_out(e, poll);
        if (poll != WEIR_READY)
            break;
    }
    e->deferred = size == 0 && *more == HTTP2_PULL_PENDING;
    end_pull(e, size, max);
    return size;
}

/* ---- the run phase ---- */

/* What that gives cannot leave at once. */
static void poll_outside(struct exchange *e)
{
    weir_poll poll = poll_out(e);

    if (poll == WEIR_READY) {
        count_held(e);
        e->socket_mark = e->connection->socket_ns;
        if (e->headers_out || http2_starts_closed(e->connection->session))
            memory_block(e, BLOCKED_BY_PEER);
        if (!e->headers_out)
            exchange_step(e, CALL_SEND_HEADERS_NOW, (weir_status){0});
    } else if (poll == WEIR_END || poll == WEIR_ERROR) {
        end_out(e, poll);
    }
}

/*
 * Polls outside a pull: until the headers are out, and while the peer's window is closed. What that
 * finds is pulled when the window opens, so the session must not think that the stream waits for
 * us.
 */
static void advance(struct exchange *e)
{
    struct http2_session *session = e->connection->session;
    bool ahead;

    if (e->id == 0 || e->holding)
        return;
    ahead = e->headers_out && http2_window(session, e->id) <= 0;
    if ((!e->headers_out || ahead) && !e->out_ended && !e->out_pending && lets_poll(e, ahead))
        poll_outside(e);
    if (e->deferred && e->id != 0) {
        e->deferred = false;
        e->socket_mark = e->connection->socket_ns;
        http2_resume(session, e->id);
    }
}

static void look_at_pokes(struct exchange *e)
{
    unsigned asked = atomic_load(&e->call->asked);
    bool released;
    size_t credit = inbound_take_credit(e->in, &released);

    step_fault(e);
    if (e->debt != 0)
        memory_taken(e);
    if (credit != 0 && e->id != 0)
        connection_credit(e->connection, e, credit);
    if ((asked & CALL_ASKED_CANCEL) || (released && e->in->client))
        exchange_step(e, CALL_CANCEL, cancelled());
    else if ((asked & CALL_ASKED_HEADERS) && !e->headers_out)
        exchange_step(e, CALL_SEND_HEADERS_NOW, (weir_status){0});
}

static void pass_deadline(struct exchange *e)
{
    exchange_step(e, CALL_DEADLINE,
                  weir_status_make(WEIR_DEADLINE_EXCEEDED, "the deadline passed"));
}

void exchange_run(struct exchange *e)
{
    unsigned work = e->work;

    e->work = 0;
    if ((work & EXCHANGE_START) && e->id != 0 && !e->in->client)
        request_start(e);
    if ((work & EXCHANGE_START) && e->in->client)
        response_start(e);
    if (e->connection == NULL)
        return;
    if (work & EXCHANGE_POKED)
        look_at_pokes(e);
    if (work & EXCHANGE_DEADLINE)
        pass_deadline(e);
    if (work & EXCHANGE_JUDGE)
        judge_cancel(e);
    if (work & EXCHANGE_EXCESS)
        memory_end(e, e->in->client ? "the channel is out of memory for this message"
                                    : "the server is out of memory for this message");
    if (work & (EXCHANGE_START | EXCHANGE_POLL))
        advance(e);
    if ((work | e->work) & EXCHANGE_RELEASE)
        weir_stream_release(&e->out);
    if ((work | e->work) & EXCHANGE_CLOSED)
        exchange_destroy(e);
}

void exchange_set_deadline(struct exchange *e, uint64_t deadline)
{
    e->deadline = deadline;
    e->task.wake_at = WEIR_NEVER;
    arm_timer(e);
}
