/* SPDX-License-Identifier: MIT */
/*
 * main.c - attack: one row against one server; or one of the others that a test needs beside it.
 */
#include "attack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KEPT_MAX = 64, END_MS = 1500 };

static struct peer kept[KEPT_MAX];
static size_t kept_count;

size_t times(const struct target *target, size_t count)
{
    size_t scaled = (size_t)((double)count * target->scale);

    return scaled != 0 ? scaled : 1;
}

struct peer *keep_peer(void)
{
    if (kept_count == KEPT_MAX)
        abort();
    kept[kept_count].fd = -1;
    return &kept[kept_count++];
}

/* ---- what was seen ---- */

static bool matches(const char *got, const char *want)
{
    while (*want != '\0') {
        size_t size = strcspn(want, "|");

        if (strncmp(got, want, size) == 0)
            return true;
        want += size + (want[size] == '|');
    }
    return false;
}

static void report(const char *name, const char *got, const char *want, const struct peer *peer,
                   uint64_t began)
{
    bool fine = *want == '\0' || matches(got, want);

    printf("check %s %s got=%s want=%s", name, fine ? "ok" : "WRONG", got, want);
    if (peer != NULL)
        printf(" streams=%llu frames=%llu bytes=%llu last=%u", (unsigned long long)peer->streams,
               (unsigned long long)peer->frames, (unsigned long long)peer->bytes,
               peer->goaway_last);
    if (began != 0)
        printf(" ms=%llu", (unsigned long long)((now_ns() - began) / 1000000));
    printf("\n");
    fflush(stdout);
}

static void describe_end(const struct peer *peer, char *got, size_t size)
{
    if (peer->goaway)
        snprintf(got, size, "goaway:%u:%s", peer->goaway_code, peer->goaway_debug);
    else
        snprintf(got, size, "%s", peer->aborted ? "aborted" : peer->gone ? "closed" : "open");
}

void check_end(const char *name, struct peer *peer, uint64_t began, const char *want)
{
    char got[128];

    /* Where it may stay open, there is nothing to wait for. */
    peer_wait_end(peer, strstr(want, "open") != NULL ? 100 : END_MS);
    peer_read(peer, peer->goaway ? 20 : 0);
    describe_end(peer, got, sizeof got);
    report(name, got, want, peer, began);
    peer_free(peer);
}

void check_answer(const char *name, struct peer *peer, uint32_t stream, uint64_t began,
                  const char *want)
{
    const struct answer *answer = peer_answer(peer, stream);
    char got[128];

    if (answer->status != NOT_SET)
        snprintf(got, sizeof got, "status:%d", answer->status);
    else if (answer->reset != NOT_SET)
        snprintf(got, sizeof got, "reset:%d", answer->reset);
    else if (answer->ended && answer->http != NOT_SET)
        snprintf(got, sizeof got, "http:%d", answer->http);
    else if (peer->gone || peer->goaway)
        describe_end(peer, got, sizeof got);
    else
        snprintf(got, sizeof got, "hangs");
    report(name, got, want, peer, began);
    peer_free(peer);
}

void check_text(const char *name, const char *got, const char *want)
{
    report(name, got, want, NULL, 0);
}

/* ---- rows ---- */

static const struct row *const all_rows[] = {flood_rows, stream_rows, request_rows, body_rows,
                                             socket_rows};

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof all_rows / sizeof all_rows[0]; i++)
        for (const struct row *row = all_rows[i]; row->name != NULL; row++)
            if (strcmp(row->name, name) == 0)
                return row;
    return NULL;
}

/* What it holds open is held until standard input ends. */
static int run_row(const char *name, const struct target *target)
{
    const struct row *row = find_row(name);
    char byte;

    if (row == NULL) {
        fprintf(stderr, "attack: no such row: %s\n", name);
        return 2;
    }
    row->run(target);
    printf("done\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].inflater != NULL)
            peer_free(&kept[i]);
    return 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static const char usage[] = "usage: attack row NAME HOST:PORT [SCALE [weir [TLS-HOST:PORT]]]\n"
                            "       attack honest HOST:PORT\n"
                            "       attack heavy HOST:PORT SECONDS\n"
                            "       attack hold HOST:PORT CONNECTIONS STREAMS\n"
                            "       attack server MODE\n";

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";

    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (strcmp(what, "row") == 0 && argc > 3) {
        struct target target = {.address = argv[3],
                                .scale = argc > 4 ? atof(argv[4]) : 1,
                                .is_weir = argc > 5,
                                .tls = argc > 6 ? argv[6] : NULL};
        return run_row(argv[2], &target);
    }
    if (strcmp(what, "honest") == 0)
        return honest_unary(argv[2]);
    if (strcmp(what, "heavy") == 0 && argc > 3)
        return honest_heavy(argv[2], atof(argv[3]));
    if (strcmp(what, "hold") == 0 && argc > 4)
        return hold_streams(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    if (strcmp(what, "server") == 0)
        return hostile_server(argv[2]);
    fputs(usage, stderr);
    return 2;
}
