/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how often what happened, over all runs of a process and the ones it forked.
 */
#ifndef SIMULATION_COUNTS_H
#define SIMULATION_COUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Names of what is counted. From FIRST_FAULT on it is a class of faults, each of which a long run
 * must meet often. */
#define COUNTS(X)                                                                                  \
    X(RUNS, "runs")                                                                                \
    X(CALLS, "calls")                                                                              \
    X(UNARY, "calls: unary")                                                                       \
    X(DOWN, "calls: server streaming")                                                             \
    X(UP, "calls: client streaming")                                                               \
    X(BIDI, "calls: bidi")                                                                         \
    X(PROXIED, "calls through a proxy")                                                            \
    X(COMPRESSED, "calls with compressed requests")                                                \
    X(OK, "calls that ended with OK")                                                              \
    X(MESSAGES, "messages")                                                                        \
    X(BYTES, "bytes on wires")                                                                     \
    X(STEPS, "steps of the scheduler")                                                             \
    X(SPLIT, "bytes split in pieces")                                                              \
    X(DELAY, "bytes delayed")                                                                      \
    X(REORDER, "bytes overtaken by another connection's")                                          \
    X(FULL, "sockets full")                                                                        \
    X(STALL, "directions stalled")                                                                 \
    X(CUT, "connections cut")                                                                      \
    X(HALF_OPEN, "connections half-open")                                                          \
    X(REFUSED, "connections refused")                                                              \
    X(JUMP, "clock jumps")                                                                         \
    X(MEMORY, "allocations failed")                                                                \
    X(SHUTDOWN, "server shutdowns with GOAWAY")                                                    \
    X(GOAWAY_CLIENT, "client connections shut down")                                               \
    X(GOAWAY_SERVER, "server connections shut down")                                               \
    X(CHANNEL_DROP, "channels dropped")                                                            \
    X(RESET_CLIENT, "streams reset by the client")                                                 \
    X(RESET_SERVER, "streams reset by the server")                                                 \
    X(CANCEL_CLIENT, "calls cancelled by the client")                                              \
    X(CANCEL_SERVER, "calls cancelled by the server")                                              \
    X(RELEASE, "responses released early")                                                         \
    X(DISCARD, "requests released early")                                                          \
    X(DEADLINE, "deadlines passed")                                                                \
    X(SLOW_READER, "readers stalled")                                                              \
    X(SLOW_WRITER, "writers paused")                                                               \
    X(STARVED, "windows closed on a message")                                                      \
    X(QUEUED, "calls queued for a stream")                                                         \
    X(SEND_HEADERS, "headers sent ahead")                                                          \
    X(ERRORS, "errors with trailers")                                                              \
    X(REQUEST_ERRORS, "requests that fail")                                                        \
    X(SPURIOUS, "spurious polls")                                                                  \
    X(LIMIT_REFUSED, "calls refused at a memory limit")                                            \
    X(LIMIT_ENDED, "stalled calls ended for memory")                                               \
    X(LIMIT_WAITED, "milliseconds that calls waited for memory")

enum count {
#define X(name, text) COUNT_##name,
    COUNTS(X)
#undef X
        COUNT_KINDS,
    COUNT_FIRST_FAULT = COUNT_SPLIT
};

enum { COUNT_MOST_MESSAGES = 512 };

struct counts {
    uint64_t of[COUNT_KINDS];
    uint64_t calls_with[COUNT_MOST_MESSAGES]; /* so many messages */
};

/* Where counting happens; set once, before the first run. */
extern struct counts *counts;

static inline void count(enum count kind)
{
    counts->of[kind]++;
}

static inline void count_more(enum count kind, uint64_t more)
{
    counts->of[kind] += more;
}

void count_call_of(unsigned messages);
unsigned counts_median_messages(const struct counts *counts);
void counts_print(const struct counts *counts, FILE *out);

/* Names each class of faults that was met less often; true when there is none. */
bool counts_are_enough(const struct counts *counts, uint64_t least, FILE *out);

#endif
