/* SPDX-License-Identifier: MIT */
/*
 * log.c - what happens to a server, one line each, on standard error.
 *
 *     2026-11-24T20:15:00.123Z warning goaway_sent connection=3 peer="127.0.0.1:4711" error=11
 *     {"time":"2026-11-24T20:15:00.123Z","level":"warning","event":"goaway_sent","connection":3}
 *
 * weir gives texts that are printable ASCII, so quotes and backslashes are all there is to escape.
 * A line is one write, so that those of several threads do not mix.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

/* Longer than the longest event: four texts, each escaped to twice its size. */
struct line {
    char text[LINE_SIZE];
    size_t size;
    bool json;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    size_t room = LINE_SIZE - line->size;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(line->text + line->size, room, format, arguments);
    va_end(arguments);
    line->size += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static void add_quoted(struct line *line, const char *text)
{
    add(line, "\"");
    for (; *text != '\0'; text++)
        add(line, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    add(line, "\"");
}

static void add_name(struct line *line, const char *name)
{
    add(line, line->json ? ",\"%s\":" : " %s=", name);
}

static void add_text(struct line *line, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    add_name(line, name);
    add_quoted(line, text);
}

static void add_number(struct line *line, const char *name, uint64_t number)
{
    if (number == 0)
        return;
    add_name(line, name);
    add(line, "%llu", (unsigned long long)number);
}

static void add_time(struct line *line)
{
    struct timespec now;
    struct tm calendar;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &calendar);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &calendar);
    add(line, line->json ? "{\"time\":\"%s.%03ldZ\"" : "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void begin(struct line *line, weir_log_level level, const char *event)
{
    const char *level_name = level == WEIR_LOG_WARNING ? "warning" : "info";

    add_time(line);
    add(line, line->json ? ",\"level\":\"%s\",\"event\":\"%s\"" : " %s %s", level_name, event);
}

/* A standard error that takes nothing is no reason to stop. */
static void finish(struct line *line)
{
    add(line, line->json ? "}\n" : "\n");
    (void)!write(STDERR_FILENO, line->text, line->size);
}

static void tell(bool json, const weir_log_event *event)
{
    struct line line = {.json = json};

    begin(&line, event->level, weir_log_name(event->kind));
    add_number(&line, "connection", event->connection);
    add_text(&line, "peer", event->peer);
    add_number(&line, "tls", event->tls);
    add_text(&line, "method", event->method);
    add_text(&line, "code", event->code != WEIR_OK ? weir_code_name(event->code) : "");
    add_number(&line, "error", event->error);
    add_text(&line, "debug", event->debug);
    add_text(&line, "reason", event->reason);
    add_number(&line, "missed", event->missed);
    finish(&line);
}

static void tell_text(void *self, const weir_log_event *event)
{
    (void)self;
    tell(false, event);
}

static void tell_json(void *self, const weir_log_event *event)
{
    (void)self;
    tell(true, event);
}

bool log_open(const char *format, weir_log *out)
{
    *out = (weir_log){0};
    if (format == NULL)
        return true;
    if (strcmp(format, "text") == 0)
        out->tell = tell_text;
    else if (strcmp(format, "json") == 0)
        out->tell = tell_json;
    else
        fprintf(stderr, "weir serve: --log %s: no such form; \"text\" and \"json\" are\n", format);
    return out->tell != NULL;
}

void log_reload(const weir_log *log, bool fine)
{
    struct line line = {.json = log->tell == tell_json};

    if (log->tell == NULL)
        return;
    begin(&line, fine ? WEIR_LOG_INFO : WEIR_LOG_WARNING,
          fine ? "certificates_reloaded" : "certificates_kept");
    finish(&line);
}
