/* SPDX-License-Identifier: MIT */
/*
 * admission.h - server: how many handlers a connection may have at once.
 *
 * As many as HTTP/2 streams. nghttp2 counts those that are open; but a peer may reset one and open
 * the next while a blocking function still runs for the first. Such functions count here, and while
 * there are too many, further calls wait: an honest client, which cancelled and went on, finds its
 * calls served as soon as there is room, and nobody gets more than that.
 */
#ifndef CONN_ADMISSION_H
#define CONN_ADMISSION_H

#include "conn/exchange.h"

/* Whether the call's handler may be called now, which counts it. False: it waits, with a response
 * stream that says nothing yet, and is started again when it may. */
bool admission_admits(weir_connection *connection, struct exchange *e);

/* A call of a server leaves: others may have its place, unless functions of it still run. */
void admission_leave(weir_connection *connection, struct exchange *e);

#endif
