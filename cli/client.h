/* SPDX-License-Identifier: MIT */
/*
 * client.h - what all clients of the command share: a channel, its calls, Ctrl-C, and how a call
 * that failed is told.
 */
#ifndef WEIR_CLI_CLIENT_H
#define WEIR_CLI_CLIENT_H

#include <weir/weir.h>

#include "interrupt.h"
#include "options.h"

/* What every client's command line takes. */
typedef struct client_options {
    const char *address;
    uint64_t timeout_ns; /* 0: none */
    option_list metadata;
    bool tls;
    const char *ca;
    const char *certificate;
    const char *key;
    const char *server_name;
    bool show_metadata;
} client_options;

/* clang-format off */
#define CLIENT_OPTIONS(o)                                                                          \
    {0, "timeout", "TIME", OPTION_DURATION, &(o)->timeout_ns, 1, 0,                                \
     "end the call with DEADLINE_EXCEEDED after this long"},                                       \
    {'m', "metadata", "NAME=VALUE", OPTION_LIST, &(o)->metadata, 0, 0,                             \
     "send this metadata; may be given many times"},                                               \
    {0, "show-metadata", NULL, OPTION_FLAG, &(o)->show_metadata, 0, 0,                             \
     "print the metadata and trailers that came back, on stderr"},                                 \
    {0, "tls", NULL, OPTION_FLAG, &(o)->tls, 0, 0,                                                 \
     "speak TLS, and verify the server by the system's roots"},                                    \
    {0, "ca", "FILE", OPTION_TEXT, &(o)->ca, 0, 0,                                                 \
     "with --tls: verify it by these roots (PEM) instead"},                                        \
    {0, "server-name", "NAME", OPTION_TEXT, &(o)->server_name, 0, 0,                               \
     "with --tls: whom to ask for and accept; default: the host of ADDRESS"},                  \
    {0, "tls-cert", "FILE", OPTION_TEXT, &(o)->certificate, 0, 0,                                  \
     "with --tls: our own certificate (PEM), for a server that asks"},                             \
    {0, "tls-key", "FILE", OPTION_TEXT, &(o)->key, 0, 0, "and its key (PEM)"}
/* clang-format on */

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED_BY_USER = 130 };

typedef struct client {
    const client_options *options;
    weir_channel *channel;
    interrupt interrupt;
    pthread_mutex_t lock; /* of the calls */
    weir_call **calls;
    size_t count, max;
    bool cancelled;   /* Ctrl-C came: calls made later are cancelled at once */
    atomic_bool told; /* the user knows already why it fails */
} client;

/* Makes the channel and room for so many calls. Not EXIT_OK: it was told why; nothing to end. */
int client_begin(client *c, const client_options *options, size_t max_calls);

/* A call to be made, with the metadata and the timeout of the options; it belongs to the client.
 * NULL: *why says why. */
weir_call *client_call(client *c, weir_status *why);

/* Cancels all calls. Any thread. */
void client_cancel(client *c);

/* For what failed at this end and was told: ends the call with this. */
weir_code client_told(client *c);

/* The exit code for how a call ended, after telling why it failed if nobody did. Clears *why. */
int client_exit_code(client *c, weir_code code, weir_status *why);

/* Frees all. Every call must have been closed. Returns `code`. */
int client_end(client *c, int code);

#endif
