/* SPDX-License-Identifier: MIT */
/*
 * shrink.c - runs seeds in processes of their own, and makes a run that fails smaller.
 *
 * A failure ends its process, by a check of ours, by a sanitizer's, or by a signal; one that takes
 * longer than any run does is killed by an alarm. What the process was at, its counts and its last
 * words lie in memory that is shared.
 */
#include "simulation/shrink.h"

#include "simulation/counts.h"
#include "simulation/must.h"
#include "simulation/talk.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Real time: no run takes so long. */
enum { PATIENCE_S = 120 };

struct shared {
    uint64_t seed;
    struct counts counts;
    char text[MUST_SIZE];
};

const struct cuts cuts_nothing = {UINT64_MAX, UINT64_MAX, UINT32_MAX};

static struct shared *shared;

void batch_prepare(void)
{
    void *memory =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    shared = memory;
    counts = &shared->counts;
    must_text = shared->text;
}

/* ---- processes ---- */

static time_t seconds_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static _Noreturn void run_all(uint64_t first, uint64_t runs, uint64_t seconds)
{
    time_t end = seconds_now() + (time_t)seconds;

    for (uint64_t i = 0; runs != 0 ? i < runs : seconds_now() < end; i++) {
        alarm(PATIENCE_S);
        shared->seed = first + i;
        run(first + i, &cuts_nothing);
    }
    exit(0);
}

static bool ended_well(pid_t child, int *status)
{
    waitpid(child, status, 0);
    return WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

static void say_why(int status)
{
    if (shared->text[0] != '\0')
        printf("%s\n", shared->text);
    else if (WIFSIGNALED(status))
        printf("killed by signal %d%s\n", WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? ": it takes too long" : "");
    else
        printf("exit status %d\n", WEXITSTATUS(status));
}

bool batch_run(uint64_t first, uint64_t runs, uint64_t seconds, uint64_t *failed)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        run_all(first, runs, seconds);
    if (ended_well(child, &status))
        return true;
    *failed = shared->seed;
    printf("seed %" PRIu64 " failed: ", shared->seed);
    say_why(status);
    fflush(stdout);
    return false;
}

static void say_and_abort(int signal)
{
    (void)signal;
    fprintf(stderr, "%s\n", shared->text);
}

void batch_replay(uint64_t seed, const struct cuts *cuts)
{
    signal(SIGABRT, say_and_abort);
    talks_told = stderr;
    run(seed, cuts);
}

static void silence(void)
{
    int nowhere = open("/dev/null", O_WRONLY);

    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
}

/* Where a check failed: its words up to the second colon, so that one failure does not become
 * another one on the way. */
static size_t place_size(const char *text)
{
    size_t size = strcspn(text, ":");

    return text[size] == '\0' ? size : size + 1 + strcspn(text + size + 1, ":");
}

static char place[MUST_SIZE];

static bool fails(uint64_t seed, const struct cuts *cuts)
{
    struct counts before = shared->counts;
    bool fine;
    int status;
    pid_t child;

    memset(shared->text, 0, MUST_SIZE);
    child = fork();
    if (child == 0) {
        silence();
        alarm(PATIENCE_S / 4);
        run(seed, cuts);
        exit(0);
    }
    fine = ended_well(child, &status);
    shared->counts = before;
    return !fine && strncmp(place, shared->text, place_size(place)) == 0;
}

/* ---- smaller ---- */

/* Clears bits of *mask, in runs of `width`, as long as it fails without them. */
static bool clear_bits(uint64_t seed, struct cuts *cuts, uint64_t *mask, unsigned width)
{
    bool cleared = false;

    for (unsigned at = 0; at < 64; at += width) {
        uint64_t bits = (width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1) << at;
        uint64_t before = *mask;

        if ((*mask & bits) == 0)
            continue;
        *mask &= ~bits;
        if (fails(seed, cuts))
            cleared = true;
        else
            *mask = before;
    }
    return cleared;
}

static bool clear_mask(uint64_t seed, struct cuts *cuts, uint64_t *mask)
{
    bool cleared = false;

    for (unsigned width = 64; width != 0; width /= 2)
        cleared |= clear_bits(seed, cuts, mask, width);
    return cleared;
}

static bool fewer_messages(uint64_t seed, struct cuts *cuts)
{
    uint32_t before = cuts->max_messages;

    for (uint32_t most = 0; most < 64 && most < before; most += most / 4 + 1) {
        cuts->max_messages = most;
        if (fails(seed, cuts))
            return true;
    }
    cuts->max_messages = before;
    return false;
}

void shrink(const char *program, uint64_t seed)
{
    struct cuts cuts = cuts_nothing;
    bool smaller;

    memcpy(place, shared->text, MUST_SIZE);
    smaller = fails(seed, &cuts);
    if (!smaller)
        printf("it does not fail alone; ");
    while (smaller) {
        smaller = clear_mask(seed, &cuts, &cuts.calls);
        smaller |= clear_mask(seed, &cuts, &cuts.faults);
        smaller |= fewer_messages(seed, &cuts);
    }
    (void)fails(seed, &cuts);
    printf("the smallest run that fails: %s\nreplay: %s --replay=%" PRIu64, shared->text, program,
           seed);
    printf(" --calls=%#" PRIx64 " --faults=%#" PRIx64 " --messages=%" PRIu32 "\n", cuts.calls,
           cuts.faults, cuts.max_messages);
}
