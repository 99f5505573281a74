/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a transfer is: a bar on a terminal, a line for each tenth anywhere else.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;
    bool terminal;
    uint64_t done, total;
    int shown; /* percent; -1: nothing yet */
};

void progress_begin(struct progress *progress, FILE *out, uint64_t total);
void progress_add(struct progress *progress, uint64_t size);

/* Leaves the line of the bar. */
void progress_end(struct progress *progress);

#endif
