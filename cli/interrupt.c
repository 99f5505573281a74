/* SPDX-License-Identifier: MIT */
/*
 * interrupt.c - one thread that waits for SIGINT and SIGTERM.
 *
 * A signal handler may do next to nothing, a thread may do anything. It is told to end by SIGUSR1,
 * which nobody else gets.
 */
#include "interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 130, PATIENCE_SECONDS = 2 };

static void watched(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
}

static void *watch(void *arg)
{
    const struct timespec patience = {.tv_sec = PATIENCE_SECONDS};
    interrupt *i = arg;
    sigset_t set;
    int number;

    watched(&set);
    if (sigwait(&set, &number) != 0 || number == SIGUSR1)
        return NULL;
    atomic_store(&i->happened, true);
    i->fn(i->arg);
    if (sigtimedwait(&set, NULL, &patience) != SIGUSR1)
        _exit(EXIT_INTERRUPTED); /* blocked in a write to a full pipe, say */
    return NULL;
}

bool interrupt_begin(interrupt *i, void (*fn)(void *arg), void *arg)
{
    sigset_t set;

    watched(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    i->fn = fn;
    i->arg = arg;
    atomic_init(&i->happened, false);
    return pthread_create(&i->thread, NULL, watch, i) == 0;
}

void interrupt_end(interrupt *i)
{
    pthread_kill(i->thread, SIGUSR1);
    pthread_join(i->thread, NULL);
}

bool interrupt_happened(interrupt *i)
{
    return atomic_load(&i->happened);
}
