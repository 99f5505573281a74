/* SPDX-License-Identifier: MIT */
/*
 * window.c - how large the windows of a connection should be.
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

static void judge_sample(struct window *w, uint64_t now)
{
    uint64_t rate = bytes_per_second(w->sample, now - w->started);

    if (grow(w, rate))
        w->pause = 0;
    else if (w->pause < FIRST_PAUSE)
        w->pause = FIRST_PAUSE;
    else
        w->pause = w->pause < LONGEST_PAUSE / 2 ? w->pause * 2 : LONGEST_PAUSE;
    w->best = rate > w->best ? rate : w->best;
    w->sampling = w->answered = false;
    w->mark = w->received;
    w->next = clock_after(now, w->pause);
}

bool window_look(struct window *w, uint64_t now)
{
    if (w->answered)
        judge_sample(w, now);
    if (!window_is_due(w))
        return false;
    w->mark = w->received;
    if (now < w->next)
        return false;
    w->sampling = true;
    w->started = now;
    return true;
}
