/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what a call will do, drawn before it starts.
 *
 * A flow is messages from where they are made to where they are read. On its way it passes stages,
 * each a combinator of <weir/stream.h>.
 */
#ifndef SIMULATION_PLAN_H
#define SIMULATION_PLAN_H

#include "simulation/dice.h"

#include <weir/weir.h>

#include <stdio.h>

enum stage_kind {
    STAGE_MAP, /* counts in the message that it passed */
    STAGE_THROTTLE,
    STAGE_BURST,
    STAGE_STRICT,
    STAGE_TIMEOUT,
    STAGE_DELAY,
    STAGE_THEN,
    STAGE_INSPECT,
    STAGE_BUFFER_MESSAGES,
    STAGE_BUFFER_BYTES,
    STAGE_TRANSPARENT, /* those before change nothing in what comes when all goes well */
    STAGE_FILTER = STAGE_TRANSPARENT,
    STAGE_TAKE_WHILE,
    STAGE_TAKE,
    STAGE_SKIP,
    STAGE_LIMIT,
    STAGE_KINDS
};

struct stage {
    enum stage_kind kind;
    uint32_t amount;
    uint64_t ns;
};

enum { STAGES_MAX = 3 };

struct stages {
    struct stage at[STAGES_MAX];
    unsigned count;
};

/* Where messages are made. */
struct origin {
    uint32_t messages;
    uint32_t max_size;   /* of each; sizes differ */
    uint32_t chained_at; /* two sources in a chain: the second begins here; 0: one source */
    bool empties;        /* some messages are empty */
    weir_code code;      /* how it ends */
    uint32_t pause_permille;
    uint64_t pause_ns;
    bool pauses_by_clock; /* else somebody wakes it */
    uint32_t cancels_at;  /* cancels its own call from inside a poll; UINT32_MAX: does not */
};

/* How a stream is read. */
struct pace {
    uint32_t batch; /* messages at once, at most */
    uint32_t stall_permille;
    uint64_t stall_ns;
    uint32_t release_at; /* so many messages, then it is released; UINT32_MAX: never */
    uint32_t cancel_at;  /* likewise: the call is cancelled, and read on */
};

enum talk_kind {
    TALK_UNARY,
    TALK_DOWN,
    TALK_UP,
    TALK_ECHO,      /* bidi: the requests are the responses, through stages */
    TALK_SPLIT,     /* bidi: requests are read, responses made, and neither waits for the other */
    TALK_DISCARD,   /* bidi: requests are released, responses made */
    TALK_PIPE,      /* bidi: requests are read and written to a pipe, which is the responses */
    TALK_BROADCAST, /* bidi: two subscribers; one is the responses, the other is read */
    TALK_MERGE,     /* bidi: an echo merged with a source */
    TALK_KINDS
};

struct plan {
    enum talk_kind kind;
    unsigned route;
    uint64_t start_ns;
    struct origin requests, responses;
    struct stages client_out, server, client_in;
    struct pace client, reader; /* reader: the server's, where it has one */
    uint64_t timeout_ns;        /* 0: none */
    bool wait_for_ready;
    bool send_headers;
    bool metadata;
    bool shuts_down; /* its handler shuts its server down, without an end of grace */
    weir_compression request_compression, response_compression;
    weir_pipe_options pipe;
};

/* What is left out or cut short to find out what a failure needs. */
struct cuts {
    uint64_t calls;  /* a bit set: only these are made */
    uint64_t faults; /* likewise */
    uint32_t max_messages;
};

void plan_draw(struct plan *plan, struct dice *dice, const struct cuts *cuts);

/* In a line or a few, for somebody who replays a failure. */
void plan_print(const struct plan *plan, unsigned id, FILE *out);

static inline bool plan_is_bidi(const struct plan *plan)
{
    return plan->kind >= TALK_ECHO;
}

#endif
