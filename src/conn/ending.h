/* SPDX-License-Identifier: MIT */
/*
 * ending.h - how a connection ends.
 */
#ifndef CONN_ENDING_H
#define CONN_ENDING_H

#include "conn/connection.h"

/* What the ping behind a notice holds. */
#define CONNECTION_DRAIN_PING UINT64_C(0x7765697264726169)

/* No more calls, and those that run may finish until the grace is over. May be asked for again; the
 * shorter grace counts. `farewell`: the debug data of the GOAWAY; may be NULL. */
void connection_drain(weir_connection *connection, uint64_t grace_ns, const char *farewell);

/* The peer knows that it must not open streams any more. */
void connection_end_notice(weir_connection *connection);

/* In the run phase: a client that drains says GOAWAY when its calls are over. */
void connection_part(weir_connection *connection);

/* In the run phase: the last output may leave, for a while. */
void connection_linger(weir_connection *connection);

/* In the run phase: the guard looks at what came, and the connection does what it says. */
void connection_keep_watch(weir_connection *connection);

/* Its two timers. */
void connection_grace_over(struct loop_timer *timer);
void connection_watch_over(struct loop_timer *timer);

#endif
