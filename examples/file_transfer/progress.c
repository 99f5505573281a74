/* SPDX-License-Identifier: MIT */
/*
 * progress.c - draws when the percentage has changed, so drawing costs nothing beside the transfer.
 */
#include "progress.h"

#include <inttypes.h>
#include <unistd.h>

enum { BAR = 50 };

static void draw(const struct progress *p, int percent)
{
    static const char full[BAR + 1] = "##################################################";

    if (p->terminal)
        fprintf(p->out, "\r[%-*.*s] %3d%%", BAR, percent * BAR / 100, full, percent);
    else
        fprintf(p->out, "%d%%, %" PRIu64 " of %" PRIu64 " bytes\n", percent, p->done, p->total);
    fflush(p->out);
}

void progress_begin(struct progress *p, FILE *out, uint64_t total)
{
    *p = (struct progress){.out = out, .total = total, .shown = -1};
    p->terminal = isatty(fileno(out)) != 0;
    progress_add(p, 0);
}

void progress_add(struct progress *p, uint64_t size)
{
    int percent;

    p->done += size;
    percent = p->total == 0 || p->done >= p->total
                  ? 100
                  : (int)((double)p->done * 100 / (double)p->total);
    if (!p->terminal)
        percent -= percent % 10;
    if (percent == p->shown)
        return;
    p->shown = percent;
    draw(p, percent);
}

void progress_end(struct progress *p)
{
    if (p->terminal)
        fputc('\n', p->out);
}
