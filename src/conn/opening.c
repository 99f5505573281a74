/* SPDX-License-Identifier: MIT */
/*
 * opening.c - how a connection opens: a socket, TLS's handshake, the peer's hello.
 *
 * A client's connection counts as open when its server has said hello. Whatever ends it before
 * that was a try that failed: its calls end, but those that wait for ready stay, on a session that
 * never spoke to anybody. They were not sent, for what has left may have been carried out.
 */
#include "conn/ending.h"

#include "base/alloc.h"

void weir_connection_open(weir_connection *c, const char *peer_address)
{
    char *peer = mem_copy_string(peer_address);

    if (peer != NULL)
        registry_set_peer(c, peer);
    if (c->secure != NULL)
        secure_open(c);
    else
        connection_ready(c);
}

void connection_ready(weir_connection *c)
{
    if (c->secure != NULL)
        registry_set_tls(c, &c->secure->peer);
    c->opened = true;
    c->guard.read = true; /* what is waited for begins now */
    connection_make_runnable(c);
    if (!c->client) {
        measure_open(c);
        report_opened(c);
        registry_set_state(&c->record, WEIR_CONNECTION_READY);
    }
    connection_start_queued(c);
    connection_name(c);
}

void connection_greeted(weir_connection *c)
{
    c->guard.greeted = true;
    connection_make_runnable(c);
    if (!c->client)
        return;
    c->down = false;
    measure_open(c);
    report_opened(c);
    if (!c->told)
        registry_set_state(&c->record, WEIR_CONNECTION_READY);
    if (c->owner.opened != NULL)
        c->owner.opened(c->owner.self);
}

/* ---- tries that fail ---- */

static bool is_opening(const weir_connection *c)
{
    return c->client && !c->guard.greeted;
}

const char *connection_late(const weir_connection *c)
{
    if (c->opened)
        return "the server's SETTINGS did not come in time";
    if (c->secure != NULL && c->secure->session != NULL)
        return "the TLS handshake took too long";
    return "connecting took too long";
}

/* An error of HTTP/2 is told to the server first, if it reads. */
void connection_break(weir_connection *c, const char *reason)
{
    if (c->client && c->guard.greeted)
        connection_pass_on_unsent(c);
    c->broken = true;
    connection_name(c);
    if (is_opening(c))
        c->failure = reason;
    if (c->client && !c->opened)
        return;
    connection_make_runnable(c);
    connection_lose(c, WEIR_UNAVAILABLE, reason, is_opening(c));
}

static void fail(weir_connection *c, const char *reason)
{
    c->broken = c->failed = true;
    if (c->failure == NULL)
        c->failure = reason;
    connection_name(c);
}

/* What was said to one server is not what the next one should hear. */
static bool renew(weir_connection *c)
{
    struct http2_session *session;

    if (!c->opened)
        return true;
    session = connection_new_session(c);
    if (session == NULL)
        return false;
    http2_free(c->session);
    c->session = session;
    output_clear(&c->output);
    c->streams = 0;
    c->opened = c->lingering = false;
    c->report.sent_goaway = false;
    loop_timer_set(c->loop, &c->grace, WEIR_NEVER);
    return true;
}

static void rest(weir_connection *c)
{
    c->broken = c->failed = false;
    c->failure = NULL;
    c->resting = true;
    loop_timer_set(c->loop, &c->watch, WEIR_NEVER);
}

/* The calls that do not wait end. True: some do, and it is tried again. */
static bool wait_for_another_try(weir_connection *c, const char *reason)
{
    if (!is_opening(c) || c->told || c->owner.retry == NULL)
        return false;
    c->down = true;
    registry_set_state(&c->record, WEIR_CONNECTION_FAILED);
    report_failed(c, reason);
    connection_lose(c, WEIR_UNAVAILABLE, reason, true);
    /* Where the owner has another connection by now, they go there. */
    if (c->waiting == 0 || !renew(c) || !c->owner.retry(c->owner.self, c))
        return false;
    rest(c);
    return true;
}

void connection_try_again(weir_connection *c)
{
    const struct guard_options options = c->guard.options;

    c->resting = false;
    guard_init(&c->guard, &options);
    registry_set_state(&c->record, WEIR_CONNECTION_CONNECTING);
    connection_make_runnable(c);
}

/* ---- the socket's end ---- */

static void end(weir_connection *c, const char *reason)
{
    if (c->drain != DRAIN_NOT && http2_is_over(c->session))
        report_reason(c, "shut down");
    if (reason == NULL)
        reason = "end of file";
    if (c->secure != NULL)
        reason = secure_end(c, reason);
    if (c->failure != NULL)
        reason = c->failure;
    if (wait_for_another_try(c, reason))
        return;
    if (c->client)
        connection_pass_on_unsent(c);
    c->eof = true;
    memory_count_output(c);
    connection_lose(c, WEIR_UNAVAILABLE, reason, false);
    connection_name(c);
}

void connection_end(weir_connection *c, const char *reason)
{
    if (c->eof)
        return;
    if (is_opening(c))
        fail(c, reason);
    else
        end(c, reason);
}

void weir_connection_eof(weir_connection *c, const char *reason)
{
    if (!c->eof && !c->resting)
        end(c, reason);
    if (c->secure != NULL)
        output_clear(&c->secure->out);
    if (c->eof)
        output_clear(&c->output);
    memory_count_output(c);
}
