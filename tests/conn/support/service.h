/* SPDX-License-Identifier: MIT */
/*
 * service.h - the methods that the tests' servers serve.
 *
 *     /t.T/Echo    bidi: the requests are the responses
 *     /t.T/Unary   one message back as it came; request metadata x-* back as metadata and trailers
 *     /t.T/Down    server stream: one request, then what service.down gives
 *     /t.T/Up      client stream: "<messages> <bytes>"
 *     /t.T/Fail    an ERROR status with message and details, at once
 *     /t.T/Hand    by hand: the test reads the requests, and its sources give the responses
 */
#ifndef TESTS_CONN_SERVICE_H
#define TESTS_CONN_SERVICE_H

#include "conn/support/reader.h"
#include "conn/support/source.h"

enum { SERVED_MAX = 64 };

/* One call of Hand. What it shall do is set before it comes. */
struct served {
    bool discards; /* releases the requests at once */
    struct source responses;
    weir_call *call; /* NULL: it did not come yet */
    struct reader requests;
};

struct service {
    struct served served[SERVED_MAX];
    unsigned calls; /* of Hand */
    struct source down;
    unsigned unary_calls;
};

void service_add(struct service *service, weir_server *server);
void service_clear(struct service *service);

#endif
