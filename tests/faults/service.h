/* SPDX-License-Identifier: MIT */
/*
 * service.h - a server and a client that do calls of all four kinds over a real socket.
 *
 * What they send is made beforehand, so whatever fails, fails in the library.
 */
#ifndef TESTS_FAULTS_SERVICE_H
#define TESTS_FAULTS_SERVICE_H

#include <weir/weir.h>

enum place {
    ON_TCP,  /* 127.0.0.1 */
    ON_NAME, /* the same, asked for as localhost */
    ON_UNIX,
    ON_FD,   /* on 127.0.0.1, with a socket that the test made */
    ON_PAIR, /* each channel and the server have one end of a pair */
};

struct service {
    weir_server *server;
    enum place place;
    char target[64];
};

/* For a group of tests: makes the messages, and lets libuv open what it keeps. */
int service_prepare(void **state);
int service_clear(void **state);

/* A server on two threads; false where it could not be: it is all gone then. */
bool service_start(struct service *service, enum place place);
void service_stop(struct service *service);

/* All four calls on a channel of their own: the worst of their statuses, or why there is no
 * channel. Each gets the right messages, in their order, and with OK all of them. */
weir_code service_call(const struct service *service);

/* What this process has open. */
int open_fds(void);

/* A bare system has no name at all. */
bool localhost_is_known(void);

#endif
