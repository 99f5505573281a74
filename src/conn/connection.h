/* SPDX-License-Identifier: MIT */
/*
 * connection.h - the inside of a connection: a session and the calls on it.
 */
#ifndef CONN_CONNECTION_H
#define CONN_CONNECTION_H

#include <weir/connection.h>

#include "conn/exchange.h"
#include "conn/guard.h"
#include "conn/memory.h"
#include "conn/report.h"
#include "conn/secure.h"
#include "conn/window.h"

/* All calls together; it is credited on receipt, so it has to hold what is on its way. */
#define CONNECTION_WINDOW ((size_t)256 * 1024)
/* What the ping holds that measures the path. */
#define WINDOW_PING UINT64_C(0x7765697277696e64)

/* Whom a connection works for: a server, or a channel. */
struct connection_owner {
    /* Server: finds the handler of the call, says what counts it, and calls it. */
    weir_stream (*dispatch)(void *self, struct exchange *exchange, weir_stream requests);
    /* No more calls should be made on it, or it is gone; may come more than once. */
    void (*gone)(void *self, weir_connection *connection);
    /* Client: the server finds it too busy with pings. */
    void (*calm)(void *self);
    /* It is freed. */
    void (*freed)(void *self);
    /* Client: it is open: its server said hello. */
    void (*opened)(void *self);
    /* Client: it could not be opened, and calls wait for it: true when it will be tried again. */
    bool (*retry)(void *self, weir_connection *connection);
    /* Client: a call that the connection cannot send any more goes to another one. */
    void (*again)(void *self, struct exchange *exchange);
    void *self;
};

struct connection_options {
    bool client;
    uint32_t max_streams;
    size_t max_header_size;
    size_t max_receive_size;
    size_t max_window_size; /* 0: WINDOW_MAX */
    const char *peer;
    const char *user_agent; /* client; outlives the connection */
    struct guard_options guard;
    uint64_t max_age_grace; /* of the calls that run when it is of age */
    weir_tls *tls;          /* NULL: plain text */
    const char *tls_name;   /* client: whom to ask for; outlives the connection, as does */
    struct tls_memory *tls_memory;
    struct metrics_shard *metrics; /* outlives the connection; NULL: nobody counts */
    struct logger *logger;         /* likewise; NULL: nobody listens */
    struct registry *registry;     /* likewise; NULL: nobody looks */
    struct memory *memory;         /* its owner's; outlives the connection */
    struct connection_owner owner;
};

/* How far a shutdown is. */
enum drain {
    DRAIN_NOT,
    DRAIN_NOTICE, /* server: the peer was told that a GOAWAY will come, and still opens streams */
    DRAIN_GOAWAY  /* it opens no more; those that run may finish until the grace is over */
};

struct weir_connection {
    weir_loop *loop;
    struct http2_session *session;
    struct output output;
    struct secure *secure; /* TLS; NULL: plain text */
    struct connection_owner owner;
    struct metrics_shard *metrics;
    struct report report;
    struct registry *registry;
    struct record record;
    struct list owner_link; /* the owner's, until it is freed */
    struct list exchanges;
    size_t exchange_count;
    unsigned begun; /* since the last turn */
    size_t waiting; /* client: calls that outlive a failed try to open it */
    /* Client: calls whose requests wait to be sent; server: calls that wait for their handler. The
     * oldest first. */
    struct list queue;
    size_t handlers;             /* server: that were called and whose calls are not over */
    size_t max_handlers;         /* with those whose calls are over */
    uint32_t max_streams;        /* server: that its client may have */
    struct leftovers *leftovers; /* server: those; NULL: never were any */
    size_t streams;              /* client: HTTP/2 streams that it opened */
    struct list work;
    struct list runnable_link;
    struct list named_link;
    struct loop_timer grace;
    bool shutdown_asked; /* and done in the run phase: between two turns the clock is behind */
    uint64_t shutdown_grace;
    bool parted; /* client: it said GOAWAY */
    enum drain drain;
    uint64_t notice_end;
    uint64_t grace_end;
    const char *farewell; /* the debug data of a GOAWAY that comes; may be NULL */
    struct memory *memory;
    struct budget *budget;
    struct weir_cell *room; /* woken when there is memory again, for which it then does not wait */
    bool waits;
    bool served;          /* some withheld call went on since it waited last */
    struct list withheld; /* calls, see memory.c */
    struct list turns;
    size_t holding; /* calls that hold a message that counts */
    size_t output_charged;
    struct stall stall;
    bool socket_full; /* its output is, since `full_since` */
    uint64_t full_since;
    uint64_t socket_ns;   /* that it was so, in all */
    struct window window; /* that its HTTP/2 streams should have */
    size_t widened;       /* bytes by which theirs are larger than the first; < 2 * window.max */
    struct guard guard;
    struct loop_timer watch; /* when the guard must look again */
    uint64_t max_age_grace;
    size_t max_header_size;
    size_t max_receive_size;
    const char *user_agent;
    char *peer;
    weir_peer_credentials credentials;
    void *driver;
    bool client;
    bool broken;    /* the session is: only its last output is left */
    bool eof;       /* the socket is */
    bool lingering; /* broken, or shut down and past its grace: only its last output is left */
    bool told;      /* the owner knows that no more calls can be made */
    bool opened;    /* it carries HTTP/2, or did: with a socket, and TLS's handshake */
    bool counted;   /* as an open connection */
    /* Client, until its server said hello (opening.c). */
    bool down;           /* the last try to open it failed */
    bool resting;        /* and the next one has not begun */
    bool failed;         /* this one did, and nothing more is to be sent: the driver lets go */
    const char *failure; /* why it did, or is about to */
};

weir_connection *connection_create(weir_loop *loop, const struct connection_options *options);

/* Server: an exchange on it; client: puts a call on it, whose request then leaves. False: out of
 * memory. */
bool exchange_bind(struct exchange *e, weir_connection *connection);
void exchange_set_deadline(struct exchange *e, uint64_t deadline);

/* Client: whether it takes another call. */
bool connection_takes_calls(weir_connection *connection);

/*
 * Client: whether the call's request may leave now, which counts it as an open stream. False: it
 * waits behind those that wait already, and is started again when it may.
 */
bool connection_admits(weir_connection *connection, struct exchange *e);

/* So much waits in the session for the socket that no request is given to it. */
bool connection_is_crowded(const weir_connection *connection);

/* Client: starts as many of those that wait as there is room for. */
void connection_start_queued(weir_connection *connection);

/* Client: one that was admitted is no stream any more. */
void connection_stream_ended(weir_connection *connection);

/* Client: another request may be sent, now or when others ended. */
bool connection_can_request(const weir_connection *connection);

/* Client: the connection goes away; the call, whose request never left, is its owner's again.
 * False: it has to end. */
bool connection_passes_on(weir_connection *connection, struct exchange *e);

/* Client: the call leaves the queue, if it is in it. */
void connection_dequeue(weir_connection *connection, struct exchange *e);

/* Client: it could not be opened, and waits to be tried again, or is. */
bool connection_is_down(const weir_connection *connection);

/* Client: the call waits for ready, and its server has not said hello: it stays until one does. */
bool connection_keeps(const weir_connection *connection, const struct exchange *e);

/* Client: what its server has not done yet. */
const char *connection_late(const weir_connection *connection);

/* Client: another try to open it begins. */
void connection_try_again(weir_connection *connection);

void connection_add_work(weir_connection *connection, struct list *work_link);

/* It runs in the next turn. */
void connection_make_runnable(weir_connection *connection);

/* Bytes of a call were taken, and go back to its peer; it may get a larger window, too. */
void connection_credit(weir_connection *connection, struct exchange *e, size_t size);

/* In the run phase: how large windows should be by now. */
void connection_measure_window(weir_connection *connection);

/* ---- for what lies between it and its socket (secure.c) ---- */

/* Plain bytes came; false: it is broken. */
bool connection_receive(weir_connection *connection, const uint8_t *data, size_t size);

/* Fills its output. */
void connection_pull(weir_connection *connection);

/* It has all it needs to speak HTTP/2. */
void connection_ready(weir_connection *connection);

/* The peer's first SETTINGS came. */
void connection_greeted(weir_connection *connection);

/* NULL: memory is out. */
struct http2_session *connection_new_session(weir_connection *connection);

/* Client: it is lost, and calls that never left go to another connection. */
void connection_pass_on_unsent(weir_connection *connection);

/* It carries nothing any more: its calls end, but those that may wait for another try. */
void connection_lose(weir_connection *connection, weir_code code, const char *reason,
                     bool but_waiting);

/* As weir_connection_eof, from inside: the driver may be writing the output, and keeps it. Of a
 * client that waits for its server's hello this try ends, and the driver is what says eof. */
void connection_end(weir_connection *connection, const char *reason);

/* Whoever it works for shall make no more calls on it. */
void connection_tell_owner(weir_connection *connection);

/* It is broken, or only its last output is left. */
bool connection_is_ending(const weir_connection *connection);

/* Nothing more can be received. Where calls could be made by now they end with this reason, which
 * lives on. */
void connection_break(weir_connection *connection, const char *reason);

/* Its driver shall look at it. */
void connection_name(weir_connection *connection);

#endif
