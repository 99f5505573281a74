/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - one call on one HTTP/2 stream, seen from one end.
 *
 * Server and client mirror each other: one stream of messages is polled and written out (a server's
 * responses, a client's requests), and what comes in waits in an `inbound` until its reader takes
 * it. An exchange belongs to its loop's thread; others reach it by poking its inbound.
 *
 * Foreign code (handlers, polls, releases) runs in the connection's run phase and, for polls, in
 * exchange_pull; everything else only keeps books and schedules work.
 */
#ifndef CONN_EXCHANGE_H
#define CONN_EXCHANGE_H

#include "call/state.h"
#include "conn/inbound.h"
#include "conn/loop.h"
#include "conn/memory.h"
#include "conn/measure.h"
#include "http2/session.h"

#include <string.h>

/* Bytes that were taken are given back to the peer in portions of an eighth of a stream window. */
#define EXCHANGE_CREDIT_BATCH ((size_t)8 * 1024)

/* What waits for the run phase. */
enum {
    EXCHANGE_START = 1,   /* dispatch the request, or send it */
    EXCHANGE_POLL = 2,    /* the outgoing stream may have something */
    EXCHANGE_RELEASE = 4, /* release the outgoing stream */
    EXCHANGE_POKED = 8,   /* somebody took messages, cancelled, wants headers sent */
    EXCHANGE_DEADLINE = 16,
    EXCHANGE_JUDGE = 32,  /* the peer cancelled: before the deadline, or at it? */
    EXCHANGE_EXCESS = 64, /* what it holds is too much at the limit of memory */
    EXCHANGE_CLOSED = 128 /* the HTTP/2 stream is gone: the last thing that happens */
};

struct headers;

struct exchange {
    weir_connection *connection; /* NULL: a client's call that has none yet */
    weir_loop *loop;
    struct cache *home;
    struct inbound *in;
    weir_call *call;
    weir_stream out;
    struct weir_task task;
    struct loop_timer timer;
    struct list link;
    struct list work_link;
    struct list queue_link; /* in its connection's queue: client: until the request may leave;
                               server: until its handler may be called */
    unsigned work;
    struct call_state state;
    int32_t id;       /* 0: no HTTP/2 stream (any more) */
    bool headers_out; /* our headers were submitted */
    bool unsent;      /* client: and never left */
    unsigned moves;   /* client: to other connections, before it left */
    bool out_pending; /* the outgoing stream said PENDING, and was not woken since */
    bool out_ended;
    bool deferred; /* a pull found nothing: the session pulls again when it is told to */
    bool holding;  /* `held` is a message that has not left completely */
    bool compression_fixed;
    weir_compression compression; /* of what we send, once it is fixed */
    uint8_t prefix[5];
    size_t held_sent; /* of prefix and message */
    weir_item held;
    size_t held_charged;
    /* What memory.c knows of it. */
    struct list room_link; /* withheld until there is memory */
    size_t owed;           /* taken, and withheld from the peer's window */
    size_t debt;           /* came, and not yet given back to the connection's window */
    unsigned news_seen;    /* of the inbound's news, before the poll that gave the last message */
    bool may_end;          /* it was polled for what came: its end may be next */
    enum blocked blocked;
    uint64_t blocked_since;
    uint64_t socket_mark; /* of the connection's socket_ns, since when it had something to send */
    struct stall stall;
    weir_status status;  /* the call's, once the state machine fixed it */
    weir_status refusal; /* what a header block did wrong; counts when `refused` */
    bool refused;
    uint64_t deadline;
    size_t header_size; /* of all header blocks that came: name + value + 32 */
    struct measure measure;
    /* server */
    bool request_complete;
    bool admitted; /* its handler counts (admission.c) */
    bool is_post;
    bool is_grpc; /* client, too: the content-type is gRPC's */
    bool unsupported_encoding;
    unsigned accepted;       /* server: what the client can inflate, 1 << weir_compression each */
    const char *http_answer; /* server: the HTTP status for what is not gRPC */
    /* client */
    void (*start)(void *channel, struct exchange *exchange); /* finds it a connection */
    void *channel;
    unsigned http_status;
    bool response_came; /* the final response's headers, or trailers only */
    bool status_came;
    weir_status reply; /* grpc-status and its kin, as they come */
};

/* A call's transport, charged to `budget`. The call is referenced. `client`: the call's poke
 * is set. NULL when memory is out. */
struct exchange *exchange_create(weir_loop *loop, struct budget *budget, weir_call *call,
                                 bool client, size_t max_receive_size);

/* Client: its request never left its connection, so that it can be sent on another one. */
void exchange_unbind(struct exchange *e);

/* Client: takes its request out of the session, if it did not leave that. */
bool exchange_take_back(struct exchange *e);

/* Ends it, releases what it owns, frees it. Not inside a callback of the session. */
void exchange_destroy(struct exchange *e);

void exchange_schedule(struct exchange *e, unsigned work);

/* woken() of the inbound's cell. */
void exchange_poked(void *exchange);

/* The run phase. May destroy the exchange. */
void exchange_run(struct exchange *e);

/* The pull event: appends messages to the output. */
size_t exchange_pull(struct exchange *e, struct output *output, size_t max, enum http2_pull *more);

/* Feeds the call's state machine and does what it says. `status` moves in: it becomes the call's
 * where this event is the one that decides. */
void exchange_step(struct exchange *e, enum call_event event, weir_status status);

/* A header block is not fit for a call: the first refusal counts. */
void exchange_refuse(struct exchange *e, weir_code code, const char *format, ...) WEIR_PRINTF(3, 4);

/* ---- what server and client do differently (request.c, response.c) ---- */

/* Server: a request's header; the dispatch when the block is complete. */
void request_header(struct exchange *e, weir_slice name, weir_slice value);
void request_start(struct exchange *e);

/* Client: sends the request; a response's header; the end of a block. */
void response_start(struct exchange *e);
void response_header(struct exchange *e, weir_slice name, weir_slice value);
void response_headers(struct exchange *e, bool last);
/* Client: the stream ended, without trailers or behind them. */
void response_end(struct exchange *e);

/* What our messages are compressed with from now on; its header, where there is one. */
weir_compression exchange_fix_compression(struct exchange *e);
void exchange_add_encoding(struct exchange *e, struct headers *headers);

/* Keeps a header that is the call's own metadata; what goes wrong refuses the block. */
void exchange_keep_header(struct exchange *e, struct weir_metadata *metadata, weir_slice name,
                          weir_slice value);

/* For the header that was counted last; past the limit the block is refused and this is false. */
bool exchange_has_room(struct exchange *e);

/* Compares a header's name or value with a literal. */
#define HEADER_IS(slice, literal)                                                                  \
    ((slice).size == sizeof(literal) - 1 && memcmp((slice).data, literal, (slice).size) == 0)

#endif
