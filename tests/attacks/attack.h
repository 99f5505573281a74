/* SPDX-License-Identifier: MIT */
/*
 * attack.h - the rows of docs/design/hostile-peers.md, and what they report.
 *
 * A row attacks once, with bounded count and time, and prints what it saw: a line for each check,
 * "check NAME got=... want=... streams=... frames=... bytes=... ms=...". Whether that is good, and
 * what it cost the other end, is for attacks.py to judge.
 */
#ifndef ATTACKS_ATTACK_H
#define ATTACKS_ATTACK_H

#include "peer.h"

struct target {
    const char *address;
    const char *tls; /* the same server's address that speaks TLS; NULL: there is none */
    bool is_weir;    /* serves what only our own server does */
    double scale;    /* of the counts: less than 1 where each costs much */
};

struct row {
    const char *name;
    void (*run)(const struct target *target);
};

extern const struct row flood_rows[], stream_rows[], request_rows[], body_rows[], socket_rows[];

/* A count, scaled. */
size_t times(const struct target *target, size_t count);

/*
 * How a connection ended: "goaway:CODE:DEBUG", "closed", "aborted", or "open". `want` is a list of
 * beginnings of that, separated by "|". Frees the peer.
 */
void check_end(const char *name, struct peer *peer, uint64_t began, const char *want);

/* How a call ended: "status:N", "http:N", "reset:N", else how its connection did, or "hangs". */
void check_answer(const char *name, struct peer *peer, uint32_t stream, uint64_t began,
                  const char *want);

/* Anything else. */
void check_text(const char *name, const char *got, const char *want);

/* A connection that stays open until standard input ends, so that what it costs can be seen. */
struct peer *keep_peer(void);

/* ---- the other programs in this one ---- */

/* Unary calls, one at a time, until standard input ends; how long they took. */
int honest_unary(const char *address);

/* 50 bidi streams of tiny messages at full speed on one connection. */
int honest_heavy(const char *address, double seconds);

/* A server that does what `mode` says to each client. */
int hostile_server(const char *mode);

/* Streams that stall, and uploads that nobody reads, until standard input ends. */
int hold_streams(const char *address, unsigned connections, unsigned streams);

#endif
