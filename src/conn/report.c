/* SPDX-License-Identifier: MIT */
/*
 * report.c - what of a connection is told to its owner's log.
 */
#include "conn/report.h"

#include "conn/connection.h"

#include <stdio.h>

static struct log_fact about(const weir_connection *c, weir_log_kind kind, bool warning)
{
    return (struct log_fact){
        .kind = kind,
        .level = warning ? WEIR_LOG_WARNING : WEIR_LOG_INFO,
        .connection = c->record.number,
        .client = c->client,
        .tls = c->secure != NULL,
        .peer = log_text(c->peer),
    };
}

static void tell(const weir_connection *c, const struct log_fact *fact)
{
    logger_tell(c->report.logger, c->loop->now, fact);
}

static void tell_reason(const weir_connection *c, weir_log_kind kind, const char *reason)
{
    struct log_fact fact = about(c, kind, kind != WEIR_LOG_CONNECTION_CLOSED);

    fact.reason = log_text(reason);
    tell(c, &fact);
}

void report_opened(weir_connection *c)
{
    const struct log_fact fact = about(c, WEIR_LOG_CONNECTION_OPENED, false);

    c->report.opened = true;
    tell(c, &fact);
}

void report_failed(weir_connection *c, const char *reason)
{
    tell_reason(c, WEIR_LOG_CONNECTION_FAILED, reason);
}

/* Farewells come before the end of the file that follows them. */
void report_reason(weir_connection *c, const char *reason)
{
    if (c->report.reason[0] == '\0')
        snprintf(c->report.reason, sizeof c->report.reason, "%s",
                 c->farewell != NULL ? c->farewell : reason);
}

/* A client's that was never open has failed, which was told. */
void report_closed(weir_connection *c)
{
    if (c->report.opened || !c->client)
        tell_reason(c, WEIR_LOG_CONNECTION_CLOSED, c->report.reason);
}

void report_cut(weir_connection *c, uint32_t error, const char *reason)
{
    struct log_fact fact = about(c, WEIR_LOG_CONNECTION_CUT, true);

    fact.error = error;
    fact.reason = log_text(reason);
    tell(c, &fact);
}

void report_tls_failed(weir_connection *c, const char *reason)
{
    tell_reason(c, WEIR_LOG_TLS_FAILED, reason);
}

/* The session says the same again when it ends. */
void report_goaway_sent(weir_connection *c, uint32_t error, weir_slice debug)
{
    struct log_fact fact = about(c, WEIR_LOG_GOAWAY_SENT, error != HTTP2_NO_ERROR);

    if (c->report.sent_goaway && c->report.error == error)
        return;
    c->report.sent_goaway = true;
    c->report.error = fact.error = error;
    fact.debug = debug;
    tell(c, &fact);
}

void report_goaway_received(weir_connection *c, uint32_t error, weir_slice debug)
{
    struct log_fact fact = about(c, WEIR_LOG_GOAWAY_RECEIVED, error != HTTP2_NO_ERROR);

    fact.error = error;
    fact.debug = debug;
    tell(c, &fact);
}

void report_limit(struct exchange *e, const weir_status *status)
{
    struct log_fact fact;

    if (status->code != WEIR_RESOURCE_EXHAUSTED || e->connection == NULL)
        return;
    fact = about(e->connection, WEIR_LOG_CALL_LIMITED, true);
    fact.method = log_text(e->call->method);
    fact.code = status->code;
    fact.reason = (weir_slice){status->message.data, status->message.size};
    tell(e->connection, &fact);
}
