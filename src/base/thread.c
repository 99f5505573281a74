/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads of weir's own.
 *
 * Signals are the program's business: every one is blocked here, so that they reach its threads.
 */
#include "base/thread.h"

#include <signal.h>

bool thread_start(pthread_t *thread, void *(*run)(void *self), void *self)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}
