/* SPDX-License-Identifier: MIT */
/*
 * inbound.h - what came in for a call and was not taken yet, between its loop and its reader.
 *
 * The loop appends, any one thread takes. Bytes that were taken are credited to the peer, so at
 * most one stream window and one message wait here. It is also the call's way to be poked from
 * other threads: its first member is the cell that everybody who needs the call holds on to.
 */
#ifndef CONN_INBOUND_H
#define CONN_INBOUND_H

#include "base/budget.h"
#include "call/call.h"
#include "conn/loop.h"
#include "framing/reader.h"
#include "stream/task.h"

struct exchange;

struct inbound {
    struct weir_cell poke;     /* target: the exchange, on the loop's thread only */
    struct call_budget memory; /* of the whole call */
    bool keeps_budget;         /* it outlives what kept the budget alive */
    pthread_mutex_t lock;
    size_t charged;   /* for what `reader` holds */
    bool taken;       /* something was, since it was last asked */
    atomic_uint news; /* how often something was taken, and the first message or the end came;
                         written under the lock */
    bool awaited;     /* the exchange wants to know when something is */
    struct frame_reader reader;
    weir_waker waker;
    weir_status status;   /* how it ended */
    size_t window;        /* what the peer may send ahead of what was credited */
    size_t credit;        /* taken, and not yet given back to the peer */
    size_t owed;          /* came, and not yet given back to the peer */
    bool overrun;         /* more than that came: the session resets the call, but until the reset
                             leaves the peer may go on, and nothing of that is kept */
    bool waiting;         /* the reader was told PENDING */
    bool caught_up;       /* the reader took all messages that came */
    bool finished;        /* ends with `status` after the messages that wait */
    bool aborted;         /* ends with `status` at once */
    bool told;            /* the reader knows how it ended */
    atomic_bool released; /* the reader is gone; written under the lock */
    bool client;
    bool headers_came;  /* client: `headers` is complete and will not change any more */
    bool trailers_came; /* client: likewise */
    uint64_t deadline;
    weir_compression encoding; /* of the messages that are flagged so */
    weir_status fault;         /* a message could not be inflated: for the exchange to take */
    struct cache *home;
    weir_call *call;                        /* client: the reader's reference */
    const char *peer;                       /* client */
    weir_peer_credentials peer_credentials; /* client */
    weir_bytes tls_peer;                    /* client */
    struct weir_arena arena;
    struct weir_metadata headers;
    struct weir_metadata trailers;
};

/* NULL when memory is out. One reference, the exchange's. */
struct inbound *inbound_create(weir_loop *loop, struct budget *budget, struct exchange *exchange,
                               size_t max_receive_size);

/* The reading end, to give away: its release pokes the exchange. `call`: client only,
 * referenced. */
weir_stream inbound_stream(struct inbound *in, weir_call *call);

/* ---- on the loop's thread ---- */

/* Appends what arrived; anything but OK is a fault of the peer. *credit: what may be credited
 * now. */
weir_code inbound_append(struct inbound *in, const uint8_t *data, size_t size, size_t *credit,
                         weir_status *why);

/* Ends after the messages that wait, or at once. The status moves in. The first end counts, but an
 * abort overtakes a finish that was not seen yet. */
void inbound_finish(struct inbound *in, weir_status status);
void inbound_abort(struct inbound *in, weir_status status);

/* Nothing of it will be read any more: what is held is dropped, what comes is credited at once. */
void inbound_discard(struct inbound *in);

/* Server: the peer ended its side. OK finishes the requests; INTERNAL in the middle of a
 * message. */
weir_code inbound_end(struct inbound *in, weir_status *why);

/* The peer ended its side: OK, or INTERNAL in the middle of a message. */
weir_code inbound_check_end(struct inbound *in, weir_status *why);

void inbound_publish_headers(struct inbound *in);
void inbound_publish_trailers(struct inbound *in);

/* The window is `size` from now on, if the reader has caught up: one that lags behind gains nothing
 * by it, and one that stalls would hold more. */
bool inbound_grow(struct inbound *in, size_t size);

/* How the peer compresses: before its first message. */
void inbound_set_encoding(struct inbound *in, weir_compression encoding);

/* Whether a poll of its reader finds something, a message or the end, that is not passed over since
 * `news` was `seen`. Never so at a client. */
bool inbound_has_news(struct inbound *in, unsigned seen);

/* Bytes that came and were not taken yet. The exchange is poked when some are. */
size_t inbound_await_take(struct inbound *in);

/* Whether its reader took something since this was last asked. */
bool inbound_was_taken(struct inbound *in);

/* What the reader found wrong; true once, and *status moves out. */
bool inbound_take_fault(struct inbound *in, weir_status *status);

/* What the reader did since it was last asked: how much may be credited now, and whether it is
 * gone. */
size_t inbound_take_credit(struct inbound *in, bool *released);

/* The exchange is gone: pokes do nothing from now on. Drops its reference. */
void inbound_close(struct inbound *in);

#endif
