/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a transfer is: a bar that redraws itself on a terminal, plain lines
 * elsewhere.
 *
 * The time is an argument, so what is shown can be tested without waiting.
 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct progress {
    const char *verb; /* "downloaded" */
    FILE *out;
    bool terminal;
    unsigned width; /* of the terminal */
    uint64_t total; /* 0: not known */
    uint64_t done;
    uint64_t start_ns;
    uint64_t shown_ns;           /* when it was last drawn */
    double rate;                 /* bytes a second, of late */
    uint64_t rate_ns, rate_done; /* where the measure of that began */
} progress;

/* The monotonic clock. */
uint64_t progress_now(void);

void progress_begin(progress *p, const char *verb, FILE *out, uint64_t now_ns);

/* `size` more bytes; draws when it is time for that. */
void progress_add(progress *p, uint64_t size, uint64_t now_ns);

/* The last line: how much in what time, and `note` (may be NULL) after it. */
void progress_end(progress *p, const char *note, uint64_t now_ns);

/* Leaves a terminal's line as it is and goes to the next, so that an error begins a line. */
void progress_abandon(progress *p);

/* What is drawn; without a total there is neither bar nor time left. */
void progress_line(const progress *p, char *out, size_t size);

#endif
