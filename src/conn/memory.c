/* SPDX-License-Identifier: MIT */
/*
 * memory.c - what connections do about the byte budget.
 *
 * Withheld calls are in one of two lists of their connection. Those in `withheld` are owed windows,
 * or would run ahead, and go on when there is memory. Those in `turns` have a peer that takes what
 * they give: while memory is short they go on one at a time, so that replies leave and calls end.
 *
 * The heap of stalls is lazy. A call's place in it says when it last let something go, or earlier,
 * and is put right when the call comes to the top: what goes well pays nothing for it.
 */
#include "conn/memory.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "conn/connection.h"
#include "conn/report.h"

/* So many withheld calls go on in one run of their connection, then those of others. */
#define SERVED_AT_ONCE 16
/* Output is charged in such pieces; one small batch of replies costs nothing. */
#define OUTPUT_GRAIN ((size_t)8 * 1024)
/* A control frame that has no room there yet, as nghttp2 keeps it. */
#define WAITING_FRAME ((size_t)152)
/* Who lets so much go, or an eighth of what it holds, does not stall. */
#define ENOUGH ((size_t)16 * 1024)
/* In the heap of stalls those that only wait come behind all that hold something: their end lets
 * little go. */
#define ONLY_WAITS (UINT64_C(1) << 63)

/* ---- the longest-stalled call ---- */

/*
 * Those that may be stalled are in one heap: calls that hold messages, and connections whose output
 * waits for the socket, for there it may be that only the end of the connection lets something go.
 */
static void unwatch(struct memory *m, struct stall *stall)
{
    if (stall->node.place == 0)
        return;
    heap_set(&m->stalls, &stall->node, WEIR_NEVER);
    heap_unreserve(&m->stalls);
}

static struct exchange *call_of(struct stall *stall)
{
    return LIST_MEMBER(stall, struct exchange, stall);
}

static weir_connection *connection_of(struct stall *stall)
{
    return LIST_MEMBER(stall, weir_connection, stall);
}

static size_t held_in_messages(const struct exchange *e)
{
    return atomic_load_explicit(&e->in->memory.messages, memory_order_relaxed);
}

/* From now on it is to let something go. */
static void start_over(struct stall *stall, uint64_t now)
{
    stall->moved_at = now;
    stall->let_go = 0;
}

/* Of `held` bytes. A message is freed when it has left whole, so a byte now and then frees
 * nothing. */
static void let_go(struct stall *stall, size_t size, size_t held, uint64_t now)
{
    stall->let_go += size;
    if (stall->let_go >= ENOUGH || stall->let_go >= held / 8)
        start_over(stall, now);
}

/* What it held before is gone: true once. */
static bool holds_anew(struct exchange *e)
{
    atomic_bool *began = &e->in->memory.began;

    if (!atomic_load_explicit(began, memory_order_relaxed))
        return false;
    atomic_store_explicit(began, false, memory_order_relaxed);
    return true;
}

static bool is_withheld(const struct exchange *e)
{
    return !list_is_empty(&e->room_link);
}

/* Its place among those that stall: since when it lets nothing go, or waits for those who should.
 * WEIR_NEVER: it does neither. */
static uint64_t stalled_since(struct stall *stall)
{
    if (stall->is_connection)
        return connection_of(stall)->output_charged != 0 ? stall->moved_at : WEIR_NEVER;
    if (held_in_messages(call_of(stall)) == 0)
        return is_withheld(call_of(stall)) ? stall->moved_at | ONLY_WAITS : WEIR_NEVER;
    if (inbound_was_taken(call_of(stall)->in) || holds_anew(call_of(stall)))
        start_over(stall, call_of(stall)->loop->now);
    return stall->moved_at;
}

static struct stall *longest_stalled(struct memory *m)
{
    struct heap_node *node;

    while ((node = heap_first(&m->stalls)) != NULL) {
        struct stall *stall = LIST_MEMBER(node, struct stall, node);
        uint64_t since = stalled_since(stall);

        if (since == node->when)
            return stall;
        if (since == WEIR_NEVER)
            unwatch(m, stall);
        else
            heap_set(&m->stalls, node, since);
    }
    return NULL;
}

/* No byte came, and perhaps nothing else is to be done there: its driver is to send the reset. */
static void end_stalled_call(struct exchange *e)
{
    weir_connection *c = e->connection;

    memory_end(e, "memory is short, and the call stalled longest");
    connection_make_runnable(c);
}

static void end_stalled(struct memory *m, struct stall *stall)
{
    unwatch(m, stall);
    if (stall->is_connection) {
        memory_count(&m->ended, connection_of(stall)->exchange_count);
        connection_end(connection_of(stall), "memory is short, and the peer does not read");
        return;
    }
    end_stalled_call(call_of(stall));
}

void memory_end(struct exchange *e, const char *why)
{
    weir_status status = weir_status_make(WEIR_RESOURCE_EXHAUSTED, "%s", why);

    memory_count(&e->connection->memory->ended, 1);
    report_limit(e, &status);
    exchange_step(e, CALL_CANCEL, status);
}

/* Ends those that are due as long as memory is short, and sets the timer for the next one. */
static void look(struct memory *m)
{
    uint64_t due = WEIR_NEVER;

    while (budget_is_short(m->budget)) {
        struct stall *stall = longest_stalled(m);
        bool oldest, only_waits;

        budget_set_oldest(m->budget, stall != NULL ? stall->node.when : WEIR_NEVER);
        oldest = budget_is_oldest(m->budget);
        due = stall != NULL ? clock_after(stall->moved_at, m->stall_timeout) : WEIR_NEVER;
        if (due > m->loop->now)
            break;
        due = WEIR_NEVER;
        if (!oldest)
            break; /* the loop that has an older one was woken, and wakes this one later */
        only_waits = stall->node.when >= ONLY_WAITS;
        end_stalled(m, stall);
        if (only_waits) { /* what it takes itself goes in a turn, and may be enough */
            due = m->loop->now + 1;
            break;
        }
    }
    if (m->connections != 0)
        loop_timer_set(m->loop, &m->timer, due);
}

static void look_again(struct loop_timer *timer)
{
    look(LIST_MEMBER(timer, struct memory, timer));
}

static void look_when_woken(void *target)
{
    look(target);
}

/* `anew`: it held nothing, and waited for nothing, before. */
static void watch(struct memory *m, struct stall *stall, bool anew)
{
    if (anew)
        start_over(stall, m->loop->now);
    if (stall->node.place == 0) {
        if (!budget_is_limited(m->budget) || !heap_reserve(&m->stalls))
            return;
        start_over(stall, m->loop->now);
    } else if (stall->node.when <= stall->moved_at) {
        return; /* it is put right when it comes to the top */
    }
    heap_set(&m->stalls, &stall->node, stall->moved_at);
    if (heap_first(&m->stalls) != &stall->node)
        return;
    budget_set_oldest(m->budget, stall->moved_at);
    if (budget_is_short(m->budget))
        look(m);
}

static void watch_call(struct exchange *e)
{
    if (held_in_messages(e) != 0)
        watch(e->connection->memory, &e->stall, holds_anew(e));
}

/* ---- life ---- */

static void wake_cell(void *self)
{
    cell_wake(self);
}

struct memory *memory_create(weir_loop *loop, struct budget_total *total, uint64_t stall_timeout)
{
    struct memory *m = mem_zalloc(sizeof *m);

    if (m == NULL)
        return NULL;
    m->loop = loop;
    m->stall_timeout = stall_timeout;
    m->cell = cell_create(loop->mailbox, look_when_woken, m);
    if (m->cell != NULL)
        m->budget = budget_create_for_loop(total, wake_cell, m->cell);
    if (m->budget == NULL) {
        memory_free(m);
        return NULL;
    }
    return m;
}

void memory_free(struct memory *m)
{
    if (m == NULL)
        return;
    budget_close(m->budget);
    if (m->cell != NULL)
        cell_detach(m->cell);
    heap_clear(&m->stalls);
    mem_free(m);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

void memory_add_usage(const struct memory *m, weir_total_usage *out)
{
    out->calls += counted(&m->calls);
    out->refused += counted(&m->refused);
    out->ended += counted(&m->ended);
    out->peer_ns += counted(&m->blocked_ns[BLOCKED_BY_PEER]);
    out->budget_ns += counted(&m->blocked_ns[BLOCKED_BY_BUDGET]);
    out->socket_ns += counted(&m->blocked_ns[BLOCKED_BY_SOCKET]);
}

/* ---- connections that wait ---- */

static void connection_woken(void *target)
{
    weir_connection *c = target;

    c->waits = false;
    connection_make_runnable(c);
}

bool memory_open(weir_connection *c, struct memory *m, bool client)
{
    size_t own = MEMORY_CONNECTION + (c->secure != NULL ? MEMORY_TLS : 0);

    list_init(&c->withheld);
    list_init(&c->turns);
    c->stall.is_connection = true;
    if (m->connections == 0 && !loop_timer_open(c->loop, &m->timer, look_again))
        return false;
    m->connections++;
    c->memory = m;
    c->room = cell_create(c->loop->mailbox, connection_woken, c);
    if (c->room != NULL)
        c->budget = budget_create(m->budget, own, wake_cell, c->room);
    if (c->budget == NULL) {
        memory_close(c);
        return false;
    }
    c->budget->is_channels = client;
    return true;
}

void memory_close(weir_connection *c)
{
    struct memory *m = c->memory;

    if (m == NULL)
        return;
    if (c->budget != NULL)
        budget_let_go(c->budget, c->output_charged);
    budget_close(c->budget);
    if (c->room != NULL)
        cell_detach(c->room);
    unwatch(m, &c->stall);
    if (--m->connections == 0) {
        loop_timer_close(c->loop, &m->timer);
        budget_set_oldest(m->budget, WEIR_NEVER);
        (void)!budget_is_oldest(m->budget); /* those who waited for this loop go on */
    }
    c->memory = NULL;
    c->budget = NULL;
    c->room = NULL;
}

static enum budget_level level_of(const weir_connection *c)
{
    return budget_level(c->budget);
}

static bool may_serve(const weir_connection *c)
{
    enum budget_level level = level_of(c);

    if (level == BUDGET_PLENTY)
        return !list_is_empty(&c->withheld) || !list_is_empty(&c->turns);
    return level == BUDGET_SHORT && c->holding == 0 && !list_is_empty(&c->turns);
}

/* What waits is served in the next run, or when it is woken. */
static void wait_for_memory(weir_connection *c)
{
    if (!c->waits) {
        c->waits = true;
        budget_wait(c->budget, c->served);
        c->served = false;
    }
    if (may_serve(c))
        connection_make_runnable(c);
}

/* Where calls and their arenas alone fill the memory nobody holds a message, and those who wait are
 * the ones that stall. */
static void withhold(struct exchange *e, struct list *where)
{
    bool anew = !is_withheld(e) && held_in_messages(e) == 0;

    list_remove(&e->room_link);
    list_append(where, &e->room_link);
    watch(e->connection->memory, &e->stall, anew);
    if (e->blocked == BLOCKED_NOT)
        memory_block(e, BLOCKED_BY_BUDGET);
    wait_for_memory(e->connection);
}

static void pay(struct exchange *e, size_t size)
{
    if (size == 0)
        return;
    e->debt -= size;
    http2_credit_connection(e->connection->session, size);
}

/* Gives back what it is owed, and lets it run. */
static void go_on(struct exchange *e)
{
    size_t owed = e->owed;

    list_remove(&e->room_link);
    if (e->blocked == BLOCKED_BY_BUDGET)
        memory_unblock(e);
    if (level_of(e->connection) == BUDGET_PLENTY) {
        pay(e, e->debt);
        e->owed = 0;
        if (owed != 0 && e->id != 0)
            connection_credit(e->connection, e, owed);
    } else if (owed != 0 || e->debt != 0) {
        withhold(e, &e->connection->withheld);
    }
    exchange_schedule(e, EXCHANGE_POLL);
}

void memory_serve(weir_connection *c)
{
    size_t most = SERVED_AT_ONCE;

    while (most != 0 && may_serve(c)) {
        struct list *from = list_is_empty(&c->turns) ? &c->withheld : &c->turns;

        /* While memory is short the next one goes on when this one has left. */
        most = level_of(c) == BUDGET_PLENTY ? most - 1 : 0;
        c->served = true;
        go_on(LIST_MEMBER(from->next, struct exchange, room_link));
    }
    if (!list_is_empty(&c->withheld) || !list_is_empty(&c->turns))
        wait_for_memory(c);
}

void memory_count_output(weir_connection *c)
{
    size_t size = c->output.queued + c->output.kept + http2_backlog(c->session) * WAITING_FRAME;
    bool anew = c->output_charged == 0;

    if (c->secure != NULL)
        size += c->secure->out.queued;
    if (c->eof)
        size = 0; /* its driver drops it next */
    size -= size % OUTPUT_GRAIN;
    if (size > c->output_charged)
        budget_hold(c->budget, size - c->output_charged);
    else if (size < c->output_charged)
        budget_let_go(c->budget, c->output_charged - size);
    c->output_charged = size;
    if (size != 0)
        watch(c->memory, &c->stall, anew);
}

void memory_output_left(weir_connection *c, size_t size)
{
    let_go(&c->stall, size, c->output_charged, c->loop->now);
}

void memory_clock_output(weir_connection *c)
{
    bool full = c->output.queued >= OUTPUT_LIMIT;

    if (!full && !c->socket_full)
        return;
    if (c->socket_full)
        c->socket_ns += c->loop->now - c->full_since;
    c->socket_full = full;
    c->full_since = c->loop->now;
}

/* ---- calls ---- */

bool memory_admits(struct exchange *e)
{
    weir_connection *c = e->connection;

    if (budget_admits(c->budget, (c->exchange_count - 1) * MEMORY_CALL))
        return true;
    memory_count(&c->memory->refused, 1);
    return false;
}

/* It goes on, and is not withheld any more if there is nothing that it is owed. */
static bool may_poll(struct exchange *e)
{
    if (e->owed != 0 || e->debt != 0 || !is_withheld(e))
        return true;
    list_remove(&e->room_link);
    if (e->blocked == BLOCKED_BY_BUDGET)
        memory_unblock(e);
    return true;
}

bool memory_lets_poll(struct exchange *e, bool ahead)
{
    weir_connection *c = e->connection;
    enum budget_level level = level_of(c);

    if (level == BUDGET_PLENTY)
        return true;
    memory_count_held(e);
    if (inbound_has_news(e->in, e->news_seen)) {
        e->may_end = true;
        return may_poll(e);
    }
    if (level == BUDGET_SHORT && (e->may_end || (!ahead && c->holding == 0))) {
        e->may_end = false;
        return may_poll(e);
    }
    withhold(e, ahead ? &c->withheld : &c->turns);
    return false;
}

void memory_received(struct exchange *e, size_t size)
{
    weir_connection *c = e->connection;

    watch_call(e);
    if (level_of(c) == BUDGET_PLENTY) {
        http2_credit_connection(c->session, size);
        return;
    }
    e->debt += size;
    memory_taken(e);
    /* What is withheld may be polled now, for that lets go what came. */
    if (is_withheld(e))
        exchange_schedule(e, EXCHANGE_POLL);
    else
        withhold(e, &c->withheld);
}

void memory_taken(struct exchange *e)
{
    size_t unread = inbound_await_take(e->in);

    if (unread < e->debt)
        pay(e, e->debt - unread);
}

size_t memory_credit(struct exchange *e, size_t size)
{
    weir_connection *c = e->connection;

    e->owed += size;
    if (level_of(c) != BUDGET_PLENTY) {
        if (!is_withheld(e))
            withhold(e, &c->withheld);
        return 0;
    }
    pay(e, e->debt);
    size = e->owed;
    e->owed = 0;
    return size;
}

void memory_sent(struct exchange *e, size_t size)
{
    let_go(&e->stall, size, held_in_messages(e), e->loop->now);
}

void memory_count_held(struct exchange *e)
{
    weir_connection *c = e->connection;
    const weir_bytes *message = &e->held.message;
    bool counts = e->holding && message->buffer != NULL && message->size > MEMORY_SMALL;
    size_t size = counts ? message->size : 0;
    bool counted = e->held_charged != 0;
    bool was_full = c != NULL && budget_is_full(c->budget); /* without this message */

    if (size == e->held_charged)
        return;
    call_recharge(&e->in->memory, &e->held_charged, size);
    if (c == NULL || counts == counted)
        return;
    c->holding = counts ? c->holding + 1 : c->holding - 1;
    if (counts && was_full && level_of(c) != BUDGET_PLENTY)
        exchange_schedule(e, EXCHANGE_EXCESS);
    if (counts)
        watch_call(e);
    else if (c->holding == 0 && !list_is_empty(&c->turns))
        connection_make_runnable(c);
}

void memory_block(struct exchange *e, enum blocked why)
{
    if (e->blocked == why)
        return;
    if (e->blocked != BLOCKED_NOT)
        memory_unblock(e);
    e->blocked = why;
    e->blocked_since = e->loop->now;
    atomic_store_explicit(&e->in->memory.blocked_since, e->blocked_since, memory_order_relaxed);
    atomic_store_explicit(&e->in->memory.blocked, (int)why, memory_order_relaxed);
}

void memory_add_blocked(struct exchange *e, enum blocked why, uint64_t ns)
{
    memory_count(&e->in->memory.blocked_ns[why], ns);
    memory_count(&e->connection->memory->blocked_ns[why], ns);
}

void memory_unblock(struct exchange *e)
{
    if (e->connection != NULL)
        memory_add_blocked(e, e->blocked, e->loop->now - e->blocked_since);
    e->blocked = BLOCKED_NOT;
    atomic_store_explicit(&e->in->memory.blocked, BLOCKED_NOT, memory_order_relaxed);
}

void memory_join(struct exchange *e)
{
    weir_connection *c = e->connection;

    c->holding += e->held_charged != 0;
    e->socket_mark = c->socket_ns; /* what it waited before was not for this call */
    memory_count(&c->memory->calls, 1);
}

void memory_leave(struct exchange *e)
{
    weir_connection *c = e->connection;

    if (e->blocked != BLOCKED_NOT)
        memory_unblock(e);
    pay(e, e->debt);
    e->owed = 0;
    if (is_withheld(e))
        list_remove(&e->room_link);
    if (e->held_charged != 0 && --c->holding == 0 && !list_is_empty(&c->turns))
        connection_make_runnable(c);
    unwatch(c->memory, &e->stall);
    memory_count(&c->memory->calls, UINT64_MAX);
}
