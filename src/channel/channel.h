/* SPDX-License-Identifier: MIT */
/*
 * channel.h - the inside of a channel.
 *
 * Everything but the counts belongs to the loop's thread. Calls reach it by the poke of their own
 * inbound, so making one allocates nothing but the call.
 */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <weir/channel.h>

#include "channel/target.h"
#include "conn/connection.h"

/* A connected socket that was handed in, for the only connection of its channel. */
struct channel_socket {
    int fd; /* -1: the connection has it */
    void (*close)(int fd);
    char address[32]; /* what it is for the transport's connect */
};

struct weir_channel {
    atomic_size_t references; /* the users' */
    atomic_size_t holds;      /* the users' all together, each call that was not started, the
                                 connection: with the last one it is freed */
    weir_loop *loop;
    struct budget_total *budget;
    struct memory *memory;
    weir_channel_options options;
    struct target target;
    char *user_agent;
    char *tls_name;               /* whom to ask for; NULL: plain text */
    struct tls_memory tls_memory; /* of its last session, on the loop's thread */
    struct weir_cell *closer;     /* poked when the last user left */
    weir_connection *connection;  /* for new calls */
    struct list connections;      /* that one, and those that go away and have calls yet */
    struct loop_timer retry;
    uint64_t backoff_ns;
    struct channel_socket socket;  /* no address: it makes its connections itself */
    struct weir_cell *opener;      /* poked to connect that */
    struct metrics_shard *metrics; /* NULL: nobody counts */
    struct logger logger;
    struct registry registry;
    bool has_timer;
    bool closed; /* its last user left: calls that start now are refused */
    /* The driver of a loop that is the channel's own. */
    void *driver;
    void (*stop_driver)(void *driver);
};

/* A channel on `loop`; the driver's fields are empty. */
weir_code channel_create(const char *target, const weir_channel_options *options, weir_loop *loop,
                         weir_channel **out, weir_status *why);

/* The same on a socket, whose fd moves in with WEIR_OK. */
weir_code channel_create_on(const struct channel_socket *socket,
                            const weir_channel_options *options, weir_loop *loop,
                            weir_channel **out, weir_status *why);

/* On the calling thread: the one message of `responses`, which move in, once they ended well. */
weir_code channel_single_reply(weir_stream responses, weir_bytes *reply, weir_status *why);

#endif
