/* SPDX-License-Identifier: MIT */
/*
 * ending.c - how a connection ends: in good order, at once, and because of what the guard says.
 *
 * In good order: notice, GOAWAY, the end of the last call, or of the grace. At once: a GOAWAY that
 * says why, and a second for it to leave.
 */
#include "conn/ending.h"

#include "base/clock.h"
#include "conn/report.h"

/* After the grace of a shutdown, or an error, for the last output to leave. */
#define LINGER_NS WEIR_SECONDS(1)
/* How long a peer that does not answer the ping behind a notice may open streams. */
#define NOTICE_NS WEIR_SECONDS(5)
#define KEEPALIVE_PING UINT64_C(0x77656972616c6976)

/* Not when it breaks: the clock stands still between two turns, and may be far behind. */
void connection_linger(weir_connection *c)
{
    c->lingering = true;
    loop_timer_set(c->loop, &c->grace, c->loop->now + LINGER_NS);
}

/* The calls end and a GOAWAY says why; after a while a peer that does not read even that is
 * left. */
static void cut(weir_connection *c, uint32_t error, const char *debug)
{
    connection_linger(c);
    if (error != HTTP2_NO_ERROR)
        report_cut(c, error, debug);
    http2_terminate(c->session, error, debug);
    connection_lose(c, error == HTTP2_NO_ERROR ? WEIR_CANCELLED : WEIR_UNAVAILABLE,
                    debug != NULL ? debug : "shut down", false);
    connection_name(c);
}

/* The peer knows that it must not open streams any more: now it is told so. */
void connection_end_notice(weir_connection *c)
{
    c->drain = DRAIN_GOAWAY;
    if (c->client) {
        connection_start_queued(c);
        connection_make_runnable(c);
    } else {
        http2_shutdown(c->session, c->farewell);
    }
    loop_timer_set(c->loop, &c->grace, c->grace_end);
    connection_name(c);
}

void connection_grace_over(struct loop_timer *timer)
{
    weir_connection *c = LIST_MEMBER(timer, weir_connection, grace);

    if (c->lingering)
        connection_end(c, "shut down");
    else if (c->drain == DRAIN_NOTICE && c->loop->now < c->grace_end)
        connection_end_notice(c);
    else
        cut(c, HTTP2_NO_ERROR, NULL);
}

/*
 * A single GOAWAY would lose the calls that are on their way to us: the first one is but a notice,
 * and its ping comes back behind the last stream that was opened before it was read.
 */
static void begin_notice(weir_connection *c)
{
    c->drain = DRAIN_NOTICE;
    c->notice_end = clock_after(c->loop->now, NOTICE_NS);
    http2_notice(c->session, CONNECTION_DRAIN_PING);
}

/* May be asked for again; the shorter grace counts. */
void connection_drain(weir_connection *c, uint64_t grace_ns, const char *farewell)
{
    uint64_t grace_end = clock_after(c->loop->now, grace_ns);

    if (c->lingering)
        return;
    if (c->drain == DRAIN_NOT || grace_end < c->grace_end)
        c->grace_end = grace_end;
    if (farewell != NULL)
        c->farewell = farewell;
    if (c->drain != DRAIN_GOAWAY && (c->client || grace_ns == 0))
        connection_end_notice(c);
    else if (c->drain == DRAIN_NOT)
        begin_notice(c);
    loop_timer_set(c->loop, &c->grace,
                   c->drain == DRAIN_NOTICE && c->notice_end < c->grace_end ? c->notice_end
                                                                            : c->grace_end);
    connection_name(c);
}

/* ---- what the guard says ---- */

static void obey(weir_connection *c, enum guard_verdict verdict)
{
    switch (verdict) {
    case GUARD_FINE:
        break;
    case GUARD_PING:
        http2_ping(c->session, KEEPALIVE_PING);
        metrics_bump(&c->record.keepalives_sent, 1);
        break;
    case GUARD_DEAD:
        connection_end(c, "keepalive timed out");
        break;
    case GUARD_LATE:
        /* Without TLS's handshake there is nothing that a GOAWAY could be said in. */
        if (c->client)
            connection_end(c, connection_late(c));
        else if (c->opened)
            cut(c, HTTP2_SETTINGS_TIMEOUT, "handshake_timeout");
        else
            connection_end(c, "the handshake took too long");
        break;
    case GUARD_SLOW:
        cut(c, HTTP2_ENHANCE_YOUR_CALM, "header_timeout");
        break;
    case GUARD_IDLE:
        connection_tell_owner(c);
        connection_drain(c, WEIR_NEVER, "max_idle");
        break;
    case GUARD_OLD:
        connection_tell_owner(c);
        connection_drain(c, c->max_age_grace, "max_age");
        break;
    case GUARD_PINGS:
        cut(c, HTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
        break;
    case GUARD_GLITCHES:
        cut(c, HTTP2_ENHANCE_YOUR_CALM, "too_many_glitches");
        break;
    case GUARD_FAULTS:
        cut(c, HTTP2_ENHANCE_YOUR_CALM, "too_many_resets");
        break;
    case GUARD_CANCELS:
        cut(c, HTTP2_ENHANCE_YOUR_CALM, "too_many_cancels");
        break;
    }
}

void connection_keep_watch(weir_connection *c)
{
    bool calls = c->exchange_count != 0;

    if (connection_is_ending(c) || c->resting ||
        (!c->opened && c->guard.options.handshake == WEIR_NEVER))
        return;
    c->guard.reading = weir_connection_wants_input(c);
    obey(c, guard_look(&c->guard, http2_counts(c->session), calls, c->loop->now));
    loop_timer_set(c->loop, &c->watch,
                   connection_is_ending(c) ? WEIR_NEVER : guard_next(&c->guard, calls));
}

void connection_watch_over(struct loop_timer *timer)
{
    weir_connection *c = LIST_MEMBER(timer, weir_connection, watch);

    connection_keep_watch(c);
    connection_name(c);
}

/* A client's GOAWAY would overtake the requests that wait for room, and a server to which it says
 * that there are no calls is done: so it is said when there are none. */
void connection_part(weir_connection *c)
{
    if (!c->client || c->drain != DRAIN_GOAWAY || c->parted || c->exchange_count != 0 ||
        connection_is_ending(c))
        return;
    c->parted = true;
    http2_shutdown(c->session, c->farewell);
}
