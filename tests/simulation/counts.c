/* SPDX-License-Identifier: MIT */
/*
 * counts.c - how often what happened.
 */
#include "simulation/counts.h"

#include <inttypes.h>

struct counts *counts;

static const char *const names[] = {
#define X(name, text) text,
    COUNTS(X)
#undef X
};

void count_call_of(unsigned messages)
{
    if (messages >= COUNT_MOST_MESSAGES)
        messages = COUNT_MOST_MESSAGES - 1;
    counts->calls_with[messages]++;
}

unsigned counts_median_messages(const struct counts *all)
{
    uint64_t calls = 0, half = 0;
    unsigned median = 0;

    for (unsigned i = 0; i < COUNT_MOST_MESSAGES; i++)
        half += all->calls_with[i];
    half /= 2;
    while (median < COUNT_MOST_MESSAGES - 1 && (calls += all->calls_with[median]) <= half)
        median++;
    return median;
}

void counts_print(const struct counts *all, FILE *out)
{
    for (int i = 0; i < COUNT_KINDS; i++)
        fprintf(out, "%12" PRIu64 "  %s\n", all->of[i], names[i]);
    fprintf(out, "%12u  messages in the median call\n", counts_median_messages(all));
}

bool counts_are_enough(const struct counts *all, uint64_t least, FILE *out)
{
    bool enough = true;

    for (int i = COUNT_FIRST_FAULT; i < COUNT_KINDS; i++) {
        if (all->of[i] >= least)
            continue;
        fprintf(out, "too few: %s, %" PRIu64 " of %" PRIu64 "\n", names[i], all->of[i], least);
        enough = false;
    }
    return enough;
}
