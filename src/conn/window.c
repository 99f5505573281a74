/* SPDX-License-Identifier: MIT */
/*
 * window.c - how large the windows of a connection should be.
 *
 * A peer that waits for a window sends what fits into one in a burst, and then nothing until the
 * answer. So a sample counts from the first byte after the one before it, which may be long before
 * its ping or behind it.
 *
 * The delay is the shortest there ever was: a window that is too large makes a queue somewhere on
 * the way, which takes longer to pass and must not be taken for a longer path.
 */
#include "conn/window.h"

#include <weir/base.h>

#include "base/clock.h"

#define FIRST_PAUSE WEIR_MILLISECONDS(100)
#define LONGEST_PAUSE WEIR_SECONDS(10)
/* Samples without a pause: the first after a growth are of windows that the peer does not know yet,
 * and bursts come before an answer or behind it. */
#define FEW 4

void window_init(struct window *w, size_t max)
{
    *w = (struct window){
        .size = WINDOW_FIRST, .max = max != 0 ? max : WINDOW_MAX, .delay = UINT64_MAX};
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
    uint64_t came = w->received - w->mark;

    if (w->size >= w->max)
        return false;
    if (!w->begun)
        return came != 0 || w->answered;
    return w->sampling ? w->answered : came >= w->size / 4;
}

/* What the path holds, if bytes come as fast as in this sample and as soon as they ever did. */
static size_t bandwidth_times_delay(struct window *w, uint64_t now)
{
    uint64_t delay = now - w->started, taken = now - w->began;

    if (delay < w->delay)
        w->delay = delay;
    if (!w->begun || taken < delay)
        taken = delay;
    if (taken == 0)
        return (size_t)w->sample; /* a clock that stands still */
    return (size_t)((double)w->sample / (double)taken * (double)w->delay);
}

static bool grow(struct window *w, size_t holds)
{
    if (holds < w->size / 3 * 2)
        return false;
    w->size = holds > w->max / 2 ? w->max : holds * 2;
    return true;
}

/* Bytes behind the answer belong to the next one. */
static void begin_again(struct window *w)
{
    w->mark += w->sample;
    w->begun = false;
}

/* More and more, while samples change nothing. */
static void pause_sampling(struct window *w, uint64_t now)
{
    w->pause = w->pause == 0 ? FIRST_PAUSE : w->pause * 2;
    if (w->pause > LONGEST_PAUSE)
        w->pause = LONGEST_PAUSE;
    w->next = clock_after(now, w->pause);
    w->in_vain = 0;
}

/* True: bytes flow, and the next sample need not wait for more of them. */
static bool judge_sample(struct window *w, uint64_t now)
{
    bool flows = w->sample >= w->size / 4;

    if (grow(w, bandwidth_times_delay(w, now)))
        w->pause = w->in_vain = 0;
    else if (++w->in_vain == FEW)
        pause_sampling(w, now);
    w->sampling = w->answered = false;
    begin_again(w);
    return flows;
}

bool window_look(struct window *w, uint64_t now)
{
    bool flows = w->answered && judge_sample(w, now);

    if (!w->begun && w->received != w->mark) {
        w->begun = true;
        w->began = now;
    }
    if (w->size >= w->max || w->sampling)
        return false;
    if (!flows && !window_is_due(w))
        return false;
    if (now < w->next) { /* they are passed over, a quarter of a window at a time */
        w->mark = w->received;
        w->began = now;
        return false;
    }
    w->sampling = true;
    w->started = now;
    return true;
}
