/* SPDX-License-Identifier: MIT */
/*
 * relay.c - weir-relay: a long path on one machine. What comes in on one side leaves on the other
 * one, so many milliseconds later, at any speed or at one that is given.
 *
 * One thread. A way holds at most WAY_BYTES, which is more than any window it is there to measure.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

enum { PIECE_SIZE = 64 * 1024, WAY_BYTES = 256 * 1024 * 1024, MAX_PAIRS = 64 };

struct piece {
    struct piece *next;
    uint64_t due_ns;
    size_t size, sent;
    char data[];
};

/* Bytes from one socket to the other. */
struct way {
    int from, to;
    struct piece *first, **last;
    size_t held;
    uint64_t free_ns; /* when its line has sent all that came so far */
    bool ended;       /* nothing more comes in */
    bool shut;        /* and the other side knows */
};

struct pair {
    struct way ways[2];
};

static struct pair *pairs[MAX_PAIRS];
static size_t pair_count;
static uint64_t delay_ns;
static double ns_a_byte; /* 0: any speed */
static const char *target;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "weir-relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* ---- one way ---- */

static void end_way(struct way *way)
{
    way->ended = true;
}

/* When the last of `size` bytes arrives at the other side. */
static uint64_t due(struct way *way, size_t size)
{
    uint64_t now = now_ns();

    if (way->free_ns < now)
        way->free_ns = now;
    way->free_ns += (uint64_t)((double)size * ns_a_byte);
    return way->free_ns + delay_ns;
}

static void take_in(struct way *way)
{
    struct piece *piece = malloc(sizeof *piece + PIECE_SIZE);
    ssize_t size;

    if (piece == NULL)
        die("memory");
    size = recv(way->from, piece->data, PIECE_SIZE, 0);
    if (size <= 0) {
        free(piece);
        if (size == 0 || !would_block())
            end_way(way);
        return;
    }
    *piece = (struct piece){.due_ns = due(way, (size_t)size), .size = (size_t)size};
    *way->last = piece;
    way->last = &piece->next;
    way->held += (size_t)size;
}

static void drop_first(struct way *way)
{
    struct piece *piece = way->first;

    way->first = piece->next;
    if (way->first == NULL)
        way->last = &way->first;
    way->held -= piece->size;
    free(piece);
}

static void give_out(struct way *way, uint64_t now)
{
    while (way->first != NULL && way->first->due_ns <= now) {
        struct piece *piece = way->first;
        ssize_t size =
            send(way->to, piece->data + piece->sent, piece->size - piece->sent, MSG_NOSIGNAL);

        if (size < 0) {
            if (!would_block())
                end_way(way), drop_first(way);
            return;
        }
        piece->sent += (size_t)size;
        if (piece->sent == piece->size)
            drop_first(way);
    }
    if (way->ended && way->first == NULL && !way->shut) {
        way->shut = true;
        shutdown(way->to, SHUT_WR);
    }
}

/* ---- pairs of sockets ---- */

static void add_pair(int listener)
{
    struct pair *pair;
    int in = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int out;

    if (in < 0)
        return;
    out = pair_count < MAX_PAIRS ? address_connect(target) : -1;
    pair = out >= 0 ? calloc(1, sizeof *pair) : NULL;
    if (pair == NULL) {
        close(in);
        if (out >= 0)
            close(out);
        return;
    }
    pair->ways[0] = (struct way){.from = in, .to = out};
    pair->ways[1] = (struct way){.from = out, .to = in};
    for (int i = 0; i < 2; i++)
        pair->ways[i].last = &pair->ways[i].first;
    pairs[pair_count++] = pair;
}

static void free_pair(size_t index)
{
    struct pair *pair = pairs[index];

    close(pair->ways[0].from);
    close(pair->ways[0].to);
    for (int i = 0; i < 2; i++) {
        while (pair->ways[i].first != NULL)
            drop_first(&pair->ways[i]);
    }
    free(pair);
    pairs[index] = pairs[--pair_count];
}

static void free_finished_pairs(void)
{
    for (size_t i = pair_count; i-- > 0;) {
        if (pairs[i]->ways[0].shut && pairs[i]->ways[1].shut)
            free_pair(i);
    }
}

/* ---- the loop ---- */

/* Milliseconds until the first piece is due for a way that has one; -1: none. */
static int wait_of(const struct way *way, uint64_t now, int wait)
{
    int ms;

    if (way->first == NULL)
        return wait;
    ms = way->first->due_ns <= now ? 0 : (int)((way->first->due_ns - now + 999999) / 1000000);
    return wait < 0 || ms < wait ? ms : wait;
}

static void turn(int listener)
{
    struct pollfd fds[1 + 2 * MAX_PAIRS] = {{.fd = listener, .events = POLLIN}};
    uint64_t now = now_ns();
    size_t count = pair_count;
    int wait = -1;

    for (size_t i = 0; i < 2 * count; i++) {
        const struct way *way = &pairs[i / 2]->ways[i % 2];
        const struct way *back = &pairs[i / 2]->ways[1 - i % 2];
        bool due = back->first != NULL && back->first->due_ns <= now;

        fds[1 + i] = (struct pollfd){.fd = way->from};
        fds[1 + i].events =
            (short)((!way->ended && way->held < WAY_BYTES ? POLLIN : 0) | (due ? POLLOUT : 0));
        if (!due)
            wait = wait_of(back, now, wait);
        if (fds[1 + i].events == 0)
            fds[1 + i].fd = -1;
    }
    if (poll(fds, (nfds_t)(1 + 2 * count), wait) < 0 && errno != EINTR)
        die("poll");
    now = now_ns();
    for (size_t i = 0; i < 2 * count; i++) {
        struct way *way = &pairs[i / 2]->ways[i % 2];

        if ((fds[1 + i].revents & ~POLLOUT) != 0)
            take_in(way);
        give_out(way, now);
    }
    free_finished_pairs();
    if (fds[0].revents != 0)
        add_pair(listener);
}

static void usage(int code)
{
    fputs("usage: weir-relay --listen HOST:PORT --to HOST:PORT --delay-ms N [--mbit N]\n"
          "Passes connections on. What is sent arrives so many milliseconds later, in both ways,\n"
          "and at so many megabits a second, where that is said.\n",
          code == 0 ? stdout : stderr);
    exit(code);
}

int main(int argc, char **argv)
{
    const char *address = NULL;
    int listener;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        usage(0);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0)
            address = argv[i + 1];
        else if (strcmp(argv[i], "--to") == 0)
            target = argv[i + 1];
        else if (strcmp(argv[i], "--delay-ms") == 0)
            delay_ns = strtoull(argv[i + 1], NULL, 10) * 1000000;
        else if (strcmp(argv[i], "--mbit") == 0)
            ns_a_byte = 8000 / strtod(argv[i + 1], NULL);
        else
            usage(2);
    }
    if (address == NULL || target == NULL || argc % 2 == 0)
        usage(2);
    listener = address_listen(address);
    if (listener < 0)
        die(address);
    for (;;)
        turn(listener);
}
