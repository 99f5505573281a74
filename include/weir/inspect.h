/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what the connections of a server or a channel do, one by one: what weir/channelz.h
 * shows to tools, and a program may show in its own way.
 *
 * Functions here work from any thread as long as the server or channel lives. What they give was
 * true a moment ago. Points in time are on the clock of the loop, 0 is never.
 */
#ifndef WEIR_INSPECT_H
#define WEIR_INSPECT_H

#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_channel weir_channel;

typedef enum weir_connection_state {
    /* A server's: until TLS's handshake is done; a channel's: until its server has said hello. */
    WEIR_CONNECTION_CONNECTING,
    WEIR_CONNECTION_READY,
    WEIR_CONNECTION_FAILED, /* could not be made; it is tried again */
    WEIR_CONNECTION_CLOSING /* takes no more calls */
} weir_connection_state;

#define WEIR_ADDRESS_SIZE 128

typedef struct weir_connection_info {
    uint64_t number; /* at its server or channel, from 1; as in its log */
    weir_connection_state state;
    char local[WEIR_ADDRESS_SIZE]; /* "127.0.0.1:50051", "unix:/path"; "" when unknown */
    char peer[WEIR_ADDRESS_SIZE];
    bool tls;
    char tls_cipher[48]; /* "TLS_AES_256_GCM_SHA384" */
    uint64_t streams_started;
    uint64_t streams_succeeded; /* the server's side ended them with trailers */
    uint64_t streams_failed;    /* they were reset, or the connection was lost */
    uint64_t messages_sent;
    uint64_t messages_received;
    uint64_t keepalives_sent;
    uint64_t last_stream_ns;
    uint64_t last_sent_ns;
    uint64_t last_received_ns;
    int64_t send_window;    /* HTTP/2's window of the connection: what it may send now ... */
    int64_t receive_window; /* ... and what its peer may */
    uint64_t reserved[8];
} weir_connection_info;

typedef struct weir_calls_info {
    uint64_t started;
    uint64_t succeeded; /* with OK */
    uint64_t failed;
    uint64_t last_ns; /* when the last one started */
    uint64_t reserved[4];
} weir_calls_info;

/* Fills at most `max` with the connections from number `first` on, in ascending order; how many. */
WEIR_API size_t weir_server_connections(weir_server *server, uint64_t first,
                                        weir_connection_info *out, size_t max);
WEIR_API void weir_server_calls(weir_server *server, weir_calls_info *out);

WEIR_API size_t weir_channel_connections(weir_channel *channel, uint64_t first,
                                         weir_connection_info *out, size_t max);
WEIR_API void weir_channel_calls(weir_channel *channel, weir_calls_info *out);

/* The target with its scheme, "dns:///host:port"; borrowed from the channel. */
WEIR_API const char *weir_channel_target(const weir_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
