/* SPDX-License-Identifier: MIT */
/*
 * window.c - how large the windows of a connection should be.
 *
 * A peer that waits for a window sends what fits into one in a burst, and then nothing until the
 * answer, so a sample begins with the bytes that made it due.
 *
 * A sample that nearly filled the window, and was faster than all before, doubles it. One that was
 * not faster had a full window, too, if a queue on the way grew: a larger window would feed only
 * that.
 */
#include "conn/window.h"

#include <weir/base.h>

#include "base/clock.h"

#define FIRST_PAUSE WEIR_MILLISECONDS(100)
#define LONGEST_PAUSE WEIR_SECONDS(10)
#define DOUBLINGS 7 /* that are needed from one to the other */
#define FEW 4

void window_init(struct window *w, size_t max)
{
    *w = (struct window){.size = WINDOW_FIRST, .max = max != 0 ? max : WINDOW_MAX};
    if (w->max > INT32_MAX)
        w->max = INT32_MAX; /* HTTP/2 knows no larger ones */
}

void window_answered(struct window *w)
{
    if (!w->sampling || w->answered)
        return;
    w->answered = true;
    w->sample = w->received - w->mark;
}

bool window_is_due(const struct window *w)
{
    if (w->sampling)
        return w->answered;
    return w->size < w->max && w->received - w->mark >= w->size / 4;
}

static uint64_t bytes_per_second(uint64_t bytes, uint64_t ns)
{
    return (uint64_t)((double)bytes / (double)(ns != 0 ? ns : 1) * 1e9);
}

static bool grow(struct window *w, uint64_t rate)
{
    if (w->sample < w->size / 3 * 2 || rate < w->best)
        return false;
    w->size = w->sample > w->max / 2 ? w->max : (size_t)w->sample * 2;
    return true;
}

/* The first samples after a growth may be of windows that the peer does not know yet. */
static uint64_t pause_after(unsigned in_vain)
{
    if (in_vain < FEW)
        return 0;
    return in_vain - FEW < DOUBLINGS ? FIRST_PAUSE << (in_vain - FEW) : LONGEST_PAUSE;
}

/* True: bytes flow, and the next sample need not wait for more of them. */
static bool judge_sample(struct window *w, uint64_t now)
{
    bool flows = w->sample >= w->size / 4;
    uint64_t rate = bytes_per_second(w->sample, now - w->started);

    w->in_vain = grow(w, rate) ? 0 : w->in_vain + 1;
    w->best = rate > w->best ? rate : w->best;
    w->sampling = w->answered = false;
    w->mark = w->received;
    w->next = clock_after(now, pause_after(w->in_vain));
    return flows && w->size < w->max;
}

bool window_look(struct window *w, uint64_t now)
{
    bool flows = w->answered && judge_sample(w, now);

    if (!flows && !window_is_due(w))
        return false;
    if (now < w->next) {
        w->mark = w->received;
        return false;
    }
    w->sampling = true;
    w->started = now;
    return true;
}
