/* SPDX-License-Identifier: MIT */
/*
 * log.h - what happens to connections, for whoever writes it down.
 *
 *     static void write_down(void *self, const weir_log_event *event)
 *     {
 *         fprintf(self, "%s peer=%s reason=\"%s\"\n", weir_log_name(event->kind), event->peer,
 *                 event->reason);
 *     }
 *
 *     weir_server_options options = {.log = {write_down, stderr, WEIR_LOG_WARNING}};
 *
 * The function is called on the thread of the loop on which it happened, with several threads by
 * several of them at once. It must not call anything of weir, and what takes long in it holds up
 * the loop.
 *
 * Texts are printable ASCII: anything else in what a peer sent is written as \xNN, a backslash as
 * \\, and after 200 characters comes "...". So one event is one line, whoever caused it.
 *
 * A peer cannot fill a disk: of each kind of event there are 10 a second on each loop, after the
 * first 20 at once. `missed` says how many of its kind were not told before this one.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <weir/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_log_level { WEIR_LOG_INFO, WEIR_LOG_WARNING } weir_log_level;

typedef enum weir_log_kind {
    /* A server's: it carries calls, with TLS after the handshake; a channel's: the server said
     * hello. */
    WEIR_LOG_CONNECTION_OPENED,
    WEIR_LOG_CONNECTION_FAILED, /* warning; a channel could not make one: `reason` */
    WEIR_LOG_CONNECTION_CLOSED, /* `reason` is what came first */
    WEIR_LOG_CONNECTION_CUT,    /* warning; the peer cost too much: `reason`, `error` */
    WEIR_LOG_TLS_FAILED,        /* warning; the handshake, or what came after it: `reason` */
    WEIR_LOG_GOAWAY_SENT,       /* `error`, `debug`; a warning when `error` is not 0 */
    WEIR_LOG_GOAWAY_RECEIVED,   /* likewise */
    WEIR_LOG_CALL_LIMITED,      /* warning; a limit ended a call: `method`, `code`, `reason` */
    WEIR_LOG_ACCEPT_FAILED,     /* warning; a server is out of descriptors or memory: `reason` */
    /* Warning; a server closed a connection at once: it has max_connections, or no memory for one
     * more: `reason`. It has no number. */
    WEIR_LOG_CONNECTION_REFUSED,
    WEIR_LOG_KINDS /* how many there are */
} weir_log_kind;

/* What does not belong to the kind is 0 or "". All is borrowed. */
typedef struct weir_log_event {
    weir_log_kind kind;
    weir_log_level level;
    uint64_t now_ns;     /* the loop's clock, as weir_loop_now */
    uint64_t connection; /* its number at this server or channel, from 1 */
    bool client;         /* a channel's */
    bool tls;
    const char *peer; /* its address; of a channel before it is connected: the target's */
    const char *reason;
    const char *method;
    const char *debug; /* of a GOAWAY */
    uint32_t error;    /* HTTP/2's code */
    weir_code code;
    uint64_t missed;
    uint64_t reserved[4];
} weir_log_event;

/* In the options of a server or a channel. The zero value: nothing is told. */
typedef struct weir_log {
    void (*tell)(void *self, const weir_log_event *event);
    void *self;
    weir_log_level level; /* less than this is not told */
} weir_log;

/* "connection_opened" and so on. */
WEIR_API const char *weir_log_name(weir_log_kind kind);

#ifdef __cplusplus
}
#endif

#endif
