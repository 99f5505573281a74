/* SPDX-License-Identifier: MIT */
/*
 * secure.c - TLS between a connection and its socket.
 *
 * What the driver moves is ciphertext then. Output is pulled from the connection when no ciphertext
 * waits, and all that was pulled is encrypted at once: so at most one fill of the output lies here
 * in either shape, and a slow socket stops the streams as it does without TLS.
 */
#include "conn/secure.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "conn/connection.h"

#include <stdio.h>
#include <string.h>

/* The payload of one record. */
#define RECORD_SIZE 16384
/* A fill of the output, encrypted, has less; beyond that it is what the peer makes us answer. */
#define FLOOD_SIZE (4 * OUTPUT_LIMIT)
#define SLICES 16
/* A key update costs us as much as so many frames. One in 2^24 records is honest. */
#define KEY_UPDATE_GLITCHES 50

static void secure_fail(weir_connection *c, const char *format, const char *reason)
{
    struct secure *s = c->secure;

    s->failed = true;
    snprintf(s->reason, sizeof s->reason, format, reason);
    report_tls_failed(c, s->reason);
    output_clear(&c->output);
    loop_timer_set(c->loop, &s->timer, WEIR_NEVER);
    connection_break(c, s->reason);
}

/* ---- the handshake ---- */

/* The loop's clock stands still between two turns: the timer fires at once in the next one, and is
 * set again there. */
static void on_time(struct loop_timer *timer)
{
    struct secure *s = LIST_MEMBER(timer, struct secure, timer);
    weir_connection *c = s->connection;

    if (s->timed) {
        secure_fail(c, "%s", "the TLS handshake took too long");
        return;
    }
    s->timed = true;
    loop_timer_set(c->loop, timer,
                   clock_after(c->loop->now, tls_handshake_timeout_ns(s->credentials)));
}

static bool begin(weir_connection *c)
{
    struct secure *s = c->secure;

    if (c->client)
        s->session = tls_connect(s->credentials, s->name, s->memory, &s->out);
    else
        s->session = tls_accept(s->credentials, &s->out);
    s->timed = false;
    if (!c->client) /* which has a time for all of connecting (guard.c) */
        loop_timer_set(c->loop, &s->timer, 0);
    return s->session != NULL;
}

static bool establish(weir_connection *c)
{
    struct secure *s = c->secure;

    if (!tls_peer(s->session, &s->peer)) {
        secure_fail(c, "%s", "out of memory for a TLS peer");
        return false;
    }
    s->established = true;
    loop_timer_set(c->loop, &s->timer, WEIR_NEVER);
    connection_ready(c);
    return true;
}

/* True: the connection's own bytes may follow. */
static bool shake_hands(weir_connection *c)
{
    struct secure *s = c->secure;

    switch (tls_handshake(s->session)) {
    case TLS_DONE:
        return establish(c);
    case TLS_WAIT:
        return false;
    case TLS_CLOSED:
        secure_fail(c, "%s", "the peer closed it during the TLS handshake");
        return false;
    default:
        secure_fail(c, "TLS handshake failed: %s", tls_reason(s->session));
        return false;
    }
}

/* ---- life ---- */

bool secure_create(weir_connection *c, const struct connection_options *options)
{
    struct secure *s = mem_zalloc(sizeof *s);

    if (s == NULL)
        return false;
    if (!loop_timer_open(c->loop, &s->timer, on_time)) {
        mem_free(s);
        return false;
    }
    s->connection = c;
    s->credentials = weir_tls_ref(options->tls);
    s->name = options->tls_name;
    s->memory = options->tls_memory;
    s->out.cache = c->loop->frame_buffers;
    c->secure = s;
    return c->client || begin(c);
}

void secure_free(weir_connection *c)
{
    struct secure *s = c->secure;

    if (s == NULL)
        return;
    tls_session_free(s->session);
    output_clear(&s->out);
    weir_bytes_unref(&s->peer);
    loop_timer_close(c->loop, &s->timer);
    weir_tls_unref(s->credentials);
    mem_free(s);
}

void secure_open(weir_connection *c)
{
    weir_bytes_unref(&c->secure->peer); /* of a try before this one */
    if (!begin(c))
        secure_fail(c, "%s", "out of memory for TLS");
    else
        shake_hands(c);
    connection_name(c);
}

const char *secure_end(weir_connection *c, const char *reason)
{
    struct secure *s = c->secure;

    /* Without close_notify the peer may have had more to say, and somebody else cut it off. */
    if (!s->failed && s->established && !s->peer_closed && !s->closed)
        snprintf(s->reason, sizeof s->reason, "%.200s, and TLS was not closed", reason);
    else if (!s->failed)
        snprintf(s->reason, sizeof s->reason, "%s", reason);
    tls_session_free(s->session);
    s->session = NULL;
    s->established = s->failed = s->closed = s->peer_closed = false;
    loop_timer_set(c->loop, &s->timer, WEIR_NEVER);
    return s->reason;
}

/* ---- bytes ---- */

/* Reads until all that was fed is used up; false: the connection is over. */
static bool decrypt(weir_connection *c)
{
    struct secure *s = c->secure;
    uint8_t plain[RECORD_SIZE];

    for (;;) {
        size_t got;

        switch (tls_read(s->session, plain, sizeof plain, &got)) {
        case TLS_DONE:
            if (!connection_receive(c, plain, got))
                return false;
            break;
        case TLS_WAIT:
            return true;
        case TLS_CLOSED:
            s->peer_closed = true;
            connection_break(c, "the peer closed it");
            return false;
        default:
            secure_fail(c, "TLS: %s", tls_reason(s->session));
            return false;
        }
    }
}

bool secure_receive(weir_connection *c, const uint8_t *data, size_t size)
{
    struct secure *s = c->secure;
    bool fine;

    if (s->session == NULL)
        return true;
    tls_feed(s->session, data, size);
    if (!s->established && !shake_hands(c))
        return !s->failed;
    fine = decrypt(c);
    c->guard.extra += (uint64_t)KEY_UPDATE_GLITCHES * tls_take_key_updates(s->session);
    return fine;
}

/* One record's worth from the front of the output; what is small is joined in `joined`. */
static weir_slice next_record(const weir_connection *c, uint8_t joined[RECORD_SIZE])
{
    weir_slice slices[SLICES];
    size_t count = output_peek(&c->output, slices, SLICES);
    size_t size = 0;

    if (count == 1 || slices[0].size >= RECORD_SIZE)
        return slices[0];
    for (size_t i = 0; i < count && size < RECORD_SIZE; i++) {
        size_t room = RECORD_SIZE - size;
        size_t part = slices[i].size < room ? slices[i].size : room;

        memcpy(joined + size, slices[i].data, part);
        size += part;
    }
    return (weir_slice){joined, size};
}

static void encrypt(weir_connection *c)
{
    struct secure *s = c->secure;
    uint8_t joined[RECORD_SIZE];

    while (c->output.queued != 0) {
        weir_slice record = next_record(c, joined);

        if (!tls_write(s->session, record.data, record.size)) {
            secure_fail(c, "TLS: %s", tls_reason(s->session));
            return;
        }
        output_drop(&c->output, record.size);
    }
}

size_t secure_send(weir_connection *c, weir_slice *slices, size_t max)
{
    struct secure *s = c->secure;

    if (s->out.queued == 0 && s->established && !s->failed && !s->closed) {
        if (!s->peer_closed)
            connection_pull(c);
        encrypt(c);
        if (!s->failed && (s->peer_closed || http2_is_over(c->session))) {
            s->closed = true;
            tls_close(s->session);
        }
    }
    return output_peek(&s->out, slices, max);
}

bool secure_is_flooded(const weir_connection *c)
{
    return c->secure->out.queued > FLOOD_SIZE;
}

bool secure_is_done(const weir_connection *c)
{
    const struct secure *s = c->secure;

    /* A client that never got so far need not wait for its alert to leave. */
    if (s->failed)
        return s->out.queued == 0 || (c->client && !c->opened);
    return s->closed && s->out.queued == 0;
}
