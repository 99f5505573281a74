/* SPDX-License-Identifier: MIT */
/*
 * server.h - the inside of a server.
 *
 * A server is a table of methods, which does not change once it serves, and for each loop it serves
 * on the connections there. Those belong to that loop's thread; the lock is for the list of loops
 * and the counts.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <weir/server.h>

#include "base/list.h"
#include "conn/connection.h"
#include "server/methods.h"
#include "server/pool.h"

#include <stdatomic.h>

/* What a driver adds: listeners, threads. */
struct server_driver_ops {
    /* Stop listening, on any thread; it must not wait. */
    void (*stop)(void *driver);
    /* Wait until that is done and all connections are gone. */
    void (*wait)(void *driver);
    void (*free)(void *driver);
};

/* The connections of one server on one loop. */
struct server_loop {
    struct server_loop *next;
    weir_server *server;
    weir_loop *loop;
    struct weir_cell *cell; /* poked for a shutdown */
    struct memory *memory;
    struct list connections;
    struct metrics_shard *metrics; /* NULL: nobody counts */
    struct logger logger;
    bool shut_down;
};

struct served_connection {
    struct list link;
    struct server_loop *on;
    weir_connection *connection;
};

struct shutdown_hook {
    struct shutdown_hook *next;
    void (*fn)(void *self);
    void *self;
    void (*release)(void *self);
};

struct weir_server {
    weir_server_options options;
    struct methods methods;
    struct pool *pool;
    struct budget_total *budget;
    pthread_mutex_t lock;
    struct server_loop *loops;
    atomic_size_t connections; /* on all loops */
    _Atomic uint64_t connections_refused;
    _Atomic uint64_t accepts_failed;
    struct registry registry;
    struct metrics_source usage; /* for its metrics */
    bool shutting_down;
    uint64_t grace_ns;
    struct shutdown_hook *hooks; /* do not change once it serves; the first one runs first */
    const struct server_driver_ops *driver_ops;
    void *driver;
};

/* Why a connection is refused where there are max_connections. */
#define SERVER_IS_FULL "as many connections as may be"

/* On `loop`'s thread: a connection is closed as soon as it came, or none could be accepted, which
 * is counted and told to the server's log. */
void server_refuse(weir_server *server, weir_loop *loop, bool tls, const char *peer,
                   const char *reason);
void server_cannot_accept(weir_server *server, weir_loop *loop, bool tls, const char *reason);

/* The same without a word: on another thread, and whoever brought the connection is told. */
void server_count_refused(weir_server *server);

/* With `more` connections that were not accepted yet it has as many as it may. Any thread. */
bool server_is_full(weir_server *server, size_t more);

/* On `loop`'s thread: a connection of the server there, NULL when there is none (any more). */
weir_connection *server_connection_on(weir_server *server, const weir_loop *loop);

#endif
