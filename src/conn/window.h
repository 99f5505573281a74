/* SPDX-License-Identifier: MIT */
/*
 * window.h - how large the windows of a connection should be: what its path holds, twice.
 *
 * A path holds its bandwidth times its delay. What comes in between a ping and its answer measures
 * that, as long as the windows do not end first; so they grow until they do not matter any more.
 * The estimate decides nothing: the connection sends the pings, and gives the windows to those who
 * need them.
 */
#ifndef CONN_WINDOW_H
#define CONN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HTTP/2's own first window of a stream. */
#define WINDOW_FIRST ((size_t)65535)
#define WINDOW_MAX ((size_t)16 * 1024 * 1024)

struct window {
    size_t size; /* that a window should have now */
    size_t max;
    uint64_t received; /* bytes of DATA, in all */
    uint64_t mark;     /* `received` when the last sample ended */
    bool begun;        /* bytes came since then, ... */
    uint64_t began;    /* ... the first of them then, ns */
    bool sampling;     /* a ping is out */
    uint64_t started;  /* when it left, ns */
    bool answered;     /* it came back, and that was not looked at yet */
    uint64_t sample;   /* bytes that came until then */
    uint64_t delay;    /* ns from a ping to its answer, at the least */
    unsigned in_vain;  /* samples since the last growth or pause */
    uint64_t pause;    /* ns; the last one, 0: none since the last growth */
    uint64_t next;     /* no sample before this */
};

/* `max` 0: WINDOW_MAX. */
void window_init(struct window *window, size_t max);

/* The answer to the ping came. */
void window_answered(struct window *window);

/* Whether window_look has something to do. */
bool window_is_due(const struct window *window);

/* In the run phase. True: a ping must be sent now. The size may have grown. */
bool window_look(struct window *window, uint64_t now);

#endif
