/* SPDX-License-Identifier: MIT */
/*
 * grammar.h - bytes as what a peer of HTTP/2 does: mostly frames that are right, so that most bytes
 * get past the framing and HPACK, and some that are not.
 */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H

#include "fuzz.h"

#include "conn/support/peer.h"

enum { LARGE_MAX = 128 * 1024, ONE_BY_ONE_MAX = 600, STREAM_MAX = 99 };

struct talk {
    struct peer *peer;
    struct input input;
    bool response;             /* header blocks are of responses */
    bool starved;              /* an allocation was told to fail */
    size_t large;              /* bytes of large messages so far */
    size_t one_by_one;         /* bytes that went one at a time */
    size_t most;               /* that the library may hold */
    struct deflater *deflater; /* the peer's own */
};

/* What the next byte says: frames, or time, or a peer that is slow or reads in pieces. */
void talk_step(struct talk *talk);

/* Moves everything and checks what is held. */
void talk_settle(struct talk *talk);

/* What weir sent so far keeps to HTTP/2 and gRPC. `server`: weir's side. */
void talk_check_frames(const struct talk *talk, bool server);

void talk_clear(struct talk *talk);

#endif
