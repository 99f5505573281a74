/* SPDX-License-Identifier: MIT */
/*
 * network.h - loops, servers, channels, and the wires between them.
 *
 * A wire stands for a TCP connection: each of its two ways is a bounded run of bytes on the road.
 * It cuts what it carries in pieces, delays it, stalls, fills up, goes half-open and is cut. Wires
 * know nothing of each other, so what is sent on one overtakes what was sent on another.
 *
 * A host is an address with a server, which can be shut down; then another one takes its place. A
 * route is a channel to a host. Hosts from `first_proxy` on forward what they get to other hosts.
 */
#ifndef SIMULATION_NETWORK_H
#define SIMULATION_NETWORK_H

#include "simulation/scheduler.h"

#include "base/list.h"
#include <weir/weir.h>

enum { LOOPS_MAX = 3, HOSTS_MAX = 4, ROUTES_MAX = 8 };
enum side { CLIENT, SERVER };

struct sim_loop {
    struct actor actor;
    weir_loop *loop;
    weir_transport transport;
};

struct way {
    struct actor carrier; /* moves bytes from the road to the receiver */
    uint8_t *bytes;       /* a ring */
    size_t first, size;
    uint64_t open_at;   /* nothing arrives before */
    uint64_t sent_turn; /* when the oldest of them were sent, in sends of all wires */
    bool closed;        /* the sender is gone: the end of the file is behind the bytes */
    bool lost;          /* nothing arrives any more */
    bool blocked;       /* the receiver does not want more now */
};

struct end {
    struct actor writer; /* moves output to the road */
    struct wire *wire;
    weir_connection *connection; /* NULL: closed */
    struct sim_loop *loop;
    enum side side;
};

struct wire {
    struct list link;
    struct end ends[2];
    struct way ways[2]; /* what this side sends */
    struct actor connector;
    struct actor reaper; /* ends one that is half-open */
    struct route *route;
    struct serving *serving;
    struct host *host;
    size_t room; /* of each way; a power of two */
    bool open;
    bool troubled; /* what happens to calls on it is not its own doing any more */
    struct dice dice;
};

struct serving {
    struct list link; /* of those that retired */
    weir_server *server;
    unsigned wires;
    bool retired;
};

struct host {
    char address[24];
    struct serving *serving;
    uint64_t refuses_until;
    struct route *via; /* a proxy: where it sends what it gets */
    uint32_t max_streams;
    uint64_t max_idle_ns;  /* 0: never */
    uint64_t memory_limit; /* 0: none */
};

struct route {
    weir_channel *channel;
    struct host *host;
    struct sim_loop *loop;
    unsigned troubled_wires;
    uint64_t keepalive_ns; /* 0: off */
    uint64_t memory_limit; /* 0: none */
};

struct network {
    struct sim_loop loops[LOOPS_MAX];
    struct host hosts[HOSTS_MAX];
    struct route routes[ROUTES_MAX];
    unsigned loop_count, host_count, first_proxy, route_count;
    struct list wires;
    struct list retired;
    unsigned wire_count;
    uint64_t sends;
    struct dice dice;
    struct dice pace;
    bool rough;    /* bytes come in pieces and late */
    size_t window; /* the largest that an HTTP/2 stream may get */
};

extern struct network network;

void network_start(uint64_t seed);

/* Drops channels and shuts servers down; what that takes has to be run until all is quiet. */
void network_stop(void);
void network_free(void);

/* What a driver would see in `connection`, or NULL. */
struct end *network_end(weir_connection *connection);

/* Someone touched the connection: its loop is turned, its output looked at. */
void network_touch(struct end *end);

/* ---- faults ---- */

void wire_cut(struct wire *wire);
void wire_half_open(struct wire *wire, enum side side, uint64_t ns);
void wire_stall(struct wire *wire, enum side side, uint64_t ns);

/* Nobody can be blamed any more for what becomes of calls on it: tells talk.h. */
void wire_trouble(struct wire *wire);

/* The server of a host is shut down, and the next one takes its place. */
void host_shutdown(struct host *host, uint64_t grace_ns);

/* The channel is dropped, and the next one takes its place. */
void route_drop(struct route *route);

#endif
