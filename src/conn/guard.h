/* SPDX-License-Identifier: MIT */
/*
 * guard.h - what a connection does by the clock and by counting: the first words, the end of what
 * was begun, keepalive, ages, strikes, glitches.
 *
 * It decides; the connection does what it says. It looks at the clock in the run phase and when its
 * timer fires, for only then is the loop's clock right.
 */
#ifndef CONN_GUARD_H
#define CONN_GUARD_H

#include "http2/session.h"

/* Nanoseconds; WEIR_NEVER: not at all. */
struct guard_options {
    uint64_t handshake;         /* until the peer's first SETTINGS came */
    uint64_t header;            /* until a frame or a header block that was begun is whole */
    uint64_t keepalive;         /* without a byte from the peer for this long it is pinged ... */
    uint64_t keepalive_timeout; /* ... and given up when nothing comes for this long */
    bool keepalive_without_calls;
    uint64_t max_idle; /* without calls */
    uint64_t max_age;
    uint64_t min_ping_interval;  /* of the peer's own pings; 0: any are taken */
    bool pings_without_calls;    /* else they must be two hours apart while there are no calls */
    uint32_t cancels_per_second; /* of calls, by the peer; UINT32_MAX: any number */
};

enum guard_verdict {
    GUARD_FINE,
    GUARD_PING, /* send one */
    GUARD_DEAD, /* the peer does not answer */
    GUARD_LATE, /* cut: it has not said hello in time */
    GUARD_SLOW, /* cut: it does not finish what it began */
    GUARD_IDLE, /* shut down: no calls for so long */
    GUARD_OLD,  /* shut down: of age */
    /* cut: too many of these */
    GUARD_PINGS,
    GUARD_GLITCHES, /* frames that move nothing */
    GUARD_FAULTS,   /* streams that we had to reset */
    GUARD_CANCELS   /* streams that the peer reset */
};

struct guard_bucket {
    uint64_t level;
    uint64_t leaked; /* thousandths that did not make a whole one yet */
};

/* How much longer the peer has. Time in which nobody looked counts little: then it was this side
 * that slept, and what the peer sent may not even be read. */
struct patience {
    uint64_t looked_at;
    uint64_t left; /* WEIR_NEVER: as long as it likes */
};

struct guard {
    struct guard_options options;
    bool started;   /* at the first look: before that the loop's clock may be far behind */
    bool greeted;   /* the peer's first SETTINGS came */
    bool reading;   /* what comes is read: else the peer cannot finish anything */
    bool read;      /* bytes came since the last look */
    unsigned pings; /* came since the last look */
    uint64_t extra; /* glitches since then that are no frames */
    unsigned strikes;
    uint64_t last_read;
    uint64_t last_ping;
    bool pinged;         /* a ping of ours is out ... */
    uint64_t answer_due; /* ... and this is when it must have been answered */
    uint64_t idle_since;
    bool idle;
    bool idle_said; /* each once */
    bool age_said;
    uint64_t born;
    struct patience hello; /* with a peer that has not said it */
    struct patience whole; /* with what is partial */
    uint64_t drained_at;   /* the buckets leak from then on */
    struct http2_counts seen;
    struct guard_bucket glitches;
    struct guard_bucket faults;
    struct guard_bucket cancels;
};

void guard_init(struct guard *guard, const struct guard_options *options);

/* Looks at what came and at the clock; `calls`: there are some. */
enum guard_verdict guard_look(struct guard *guard, const struct http2_counts *counts, bool calls,
                              uint64_t now);

/* When to look at the latest; WEIR_NEVER: there is nothing to wait for. */
uint64_t guard_next(const struct guard *guard, bool calls);

#endif
