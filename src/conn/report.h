/* SPDX-License-Identifier: MIT */
/*
 * report.h - what of a connection is told to its owner's log.
 */
#ifndef CONN_REPORT_H
#define CONN_REPORT_H

#include <weir/connection.h>

#include "log/log.h"

/* Of what happened to it first. */
#define REPORT_REASON_SIZE 120

struct exchange;

struct report {
    struct logger *logger; /* NULL: nobody listens */
    bool opened;
    bool sent_goaway;
    uint32_t error; /* of that */
    char reason[REPORT_REASON_SIZE];
};

void report_opened(weir_connection *c);

/* Client: a try to connect. */
void report_failed(weir_connection *c, const char *reason);

/* It carries nothing any more, which is told when it is closed; the first reason counts. */
void report_reason(weir_connection *c, const char *reason);
void report_closed(weir_connection *c);

void report_cut(weir_connection *c, uint32_t error, const char *reason);
void report_tls_failed(weir_connection *c, const char *reason);
void report_goaway_sent(weir_connection *c, uint32_t error, weir_slice debug);
void report_goaway_received(weir_connection *c, uint32_t error, weir_slice debug);

/* A call has its status because of what the library does not allow. */
void report_limit(struct exchange *e, const weir_status *status);

#endif
