/* SPDX-License-Identifier: MIT */
/*
 * progress.c - draws how far a transfer is: at most ten times a second on a terminal, and one plain
 * line a second anywhere else, so that a log stays readable.
 */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "units.h"

enum { SECOND_NS = 1000000000, TERMINAL_EVERY_NS = 100000000, DEFAULT_WIDTH = 80, BAR_MAX = 40 };

uint64_t progress_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static unsigned terminal_width(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return DEFAULT_WIDTH;
}

void progress_begin(progress *p, const char *verb, FILE *out, uint64_t now_ns)
{
    *p = (progress){
        .verb = verb, .out = out, .start_ns = now_ns, .shown_ns = now_ns, .rate_ns = now_ns};
    p->terminal = isatty(fileno(out)) != 0;
    p->width = p->terminal ? terminal_width(out) : DEFAULT_WIDTH;
}

static double rate_over(uint64_t bytes, uint64_t ns)
{
    return ns == 0 ? 0 : (double)bytes * SECOND_NS / (double)ns;
}

/* The rate of the last second, so that the time left follows when the network changes. */
static void measure(progress *p, uint64_t now_ns)
{
    uint64_t passed = now_ns - p->rate_ns;

    if (passed < SECOND_NS && p->rate_ns != p->start_ns)
        return;
    p->rate = rate_over(p->done - p->rate_done, passed);
    if (passed < SECOND_NS)
        return; /* the first second: what there is so far */
    p->rate_ns = now_ns;
    p->rate_done = p->done;
}

/* "###.....", as wide as there is room after `used` columns; nothing when there is hardly any. */
static void bar(const progress *p, size_t used, char *out, size_t size)
{
    size_t room = p->width > used + 4 ? p->width - used - 4 : 0, filled;

    *out = '\0';
    if (room > BAR_MAX)
        room = BAR_MAX;
    if (room < 5 || room + 4 > size)
        return;
    filled = (size_t)((double)p->done / (double)p->total * (double)room);
    if (filled > room)
        filled = room;
    *out = '[';
    memset(out + 1, '#', filled);
    memset(out + 1 + filled, '.', room - filled);
    strcpy(out + 1 + room, "] ");
}

static void with_total(const progress *p, char *out, size_t size)
{
    char done[UNITS_TEXT_SIZE], total[UNITS_TEXT_SIZE], rate[UNITS_TEXT_SIZE];
    char left[UNITS_TEXT_SIZE] = "?", text[160], drawn[BAR_MAX + 4] = "";
    double seconds = p->rate > 0 ? (double)(p->total - p->done) / p->rate : 1e9;
    int used;

    if (seconds < 1e9)
        format_seconds(left, (uint64_t)(seconds + 0.999));
    used = snprintf(text, sizeof text, "%3.0f%% %s of %s, %s/s, %s left",
                    (double)p->done * 100 / (double)p->total, format_size(done, (double)p->done),
                    format_size(total, (double)p->total), format_size(rate, p->rate), left);
    if (p->terminal && used > 0)
        bar(p, (size_t)used, drawn, sizeof drawn);
    snprintf(out, size, "%s%s", drawn, text);
}

void progress_line(const progress *p, char *out, size_t size)
{
    char done[UNITS_TEXT_SIZE], rate[UNITS_TEXT_SIZE];

    if (p->total >= p->done && p->total > 0)
        with_total(p, out, size);
    else
        snprintf(out, size, "%s, %s/s", format_size(done, (double)p->done),
                 format_size(rate, p->rate));
}

static void draw(progress *p, uint64_t now_ns)
{
    char line[256];

    progress_line(p, line, sizeof line);
    if (p->terminal)
        fprintf(p->out, "\r%.*s\033[K", (int)p->width - 1, line);
    else
        fprintf(p->out, "%s\n", line);
    fflush(p->out);
    p->shown_ns = now_ns;
}

void progress_add(progress *p, uint64_t size, uint64_t now_ns)
{
    p->done += size;
    if (now_ns - p->shown_ns < (p->terminal ? TERMINAL_EVERY_NS : SECOND_NS))
        return;
    measure(p, now_ns);
    draw(p, now_ns);
}

void progress_abandon(progress *p)
{
    if (p->terminal && p->shown_ns != p->start_ns)
        fputc('\n', p->out);
}

void progress_end(progress *p, const char *note, uint64_t now_ns)
{
    char done[UNITS_TEXT_SIZE], time[UNITS_TEXT_SIZE], rate[UNITS_TEXT_SIZE];
    uint64_t took = now_ns - p->start_ns;

    fprintf(p->out, "%s%s %s (%llu bytes) in %s, %s/s%s%s\n", p->terminal ? "\r\033[K" : "",
            p->verb, format_size(done, (double)p->done), (unsigned long long)p->done,
            format_duration(time, took), format_size(rate, rate_over(p->done, took)),
            note != NULL ? ", " : "", note != NULL ? note : "");
    fflush(p->out);
}
