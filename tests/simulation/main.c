/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs seeds for a while, and finds the smallest run that fails.
 */
#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/must.h"
#include "simulation/shrink.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    uint64_t seed;
    uint64_t runs; /* 0: no limit but the time */
    uint64_t seconds;
    uint64_t require; /* each class of faults so often */
    bool replay;
    bool quiet;
    struct cuts cuts;
};

static void usage(const char *name)
{
    printf("usage: %s [option..]\n"
           "  --seconds=N   run one seed after another for so long (default 60)\n"
           "  --runs=N      run so many seeds\n"
           "  --seed=N      the first seed (default 1)\n"
           "  --daily       the first seed follows from the date (UTC)\n"
           "  --require=N   fail where a class of faults was met less often\n"
           "  --quiet       do not print counts\n"
           "  --replay=N    run this seed alone, in this process\n"
           "  --calls=MASK --faults=MASK --messages=N   what of it remains\n",
           name);
}

/* The same for everybody on one day. */
static uint64_t seed_of_today(void)
{
    time_t today = time(NULL);
    struct tm tm;

    gmtime_r(&today, &tm);
    return ((uint64_t)(tm.tm_year + 1900) * 10000 + (uint64_t)(tm.tm_mon + 1) * 100 +
            (uint64_t)tm.tm_mday) *
           UINT64_C(1000000);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return value;
}

static bool set_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 's':
        options->seconds = number(value);
        return true;
    case 'r':
        options->runs = number(value);
        return true;
    case 'S':
        options->seed = number(value);
        return true;
    case 'd':
        options->seed = seed_of_today();
        return true;
    case 'q':
        options->quiet = true;
        return true;
    case 'R':
        options->require = number(value);
        return true;
    case 'p':
        options->replay = true;
        options->seed = number(value);
        return true;
    case 'c':
        options->cuts.calls = number(value);
        return true;
    case 'f':
        options->cuts.faults = number(value);
        return true;
    case 'm':
        options->cuts.max_messages = (uint32_t)number(value);
        return true;
    default:
        return false;
    }
}

static void parse(struct options *options, int count, char **arguments)
{
    static const struct option known[] = {
        {"seconds", required_argument, NULL, 's'}, {"runs", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'S'},    {"daily", no_argument, NULL, 'd'},
        {"quiet", no_argument, NULL, 'q'},         {"require", required_argument, NULL, 'R'},
        {"replay", required_argument, NULL, 'p'},  {"calls", required_argument, NULL, 'c'},
        {"faults", required_argument, NULL, 'f'},  {"messages", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int option;

    *options = (struct options){.seed = 1, .seconds = 60, .cuts = cuts_nothing};
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        if (set_option(options, option, optarg))
            continue;
        usage(arguments[0]);
        exit(option == 'h' ? 0 : 2);
    }
}

static double seconds_since(const struct timespec *start)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - start->tv_sec) + (double)(end.tv_nsec - start->tv_nsec) / 1e9;
}

static bool report(const struct options *options, double seconds)
{
    if (!options->quiet)
        counts_print(counts, stdout);
    printf("%" PRIu64 " calls in %.1f s: %.0f a minute\n", counts->of[COUNT_CALLS], seconds,
           (double)counts->of[COUNT_CALLS] * 60 / seconds);
    return counts_are_enough(counts, options->require, stdout);
}

static int run_seeds(const struct options *options, const char *program)
{
    struct timespec start;
    uint64_t failed;
    bool fine;

    printf("seeds from %" PRIu64 "\n", options->seed);
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &start);
    fine =
        batch_run(options->seed, options->runs, options->runs != 0 ? 0 : options->seconds, &failed);
    if (!fine)
        shrink(program, failed);
    return report(options, seconds_since(&start)) && fine ? 0 : 1;
}

int main(int count, char **arguments)
{
    struct options options;

    parse(&options, count, arguments);
    batch_prepare();
    allocator_install();
    if (!options.replay)
        return run_seeds(&options, arguments[0]);
    batch_replay(options.seed, &options.cuts);
    printf("seed %" PRIu64 ": fine\n", options.seed);
    return 0;
}
