/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - what Ctrl-C does in a client: it cancels the calls, which then end by themselves.
 */
#ifndef WEIR_CLI_INTERRUPT_H
#define WEIR_CLI_INTERRUPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct interrupt {
    pthread_t thread;
    void (*fn)(void *arg);
    void *arg;
    atomic_bool happened;
} interrupt;

/*
 * From now on SIGINT and SIGTERM call fn(arg) on a thread made for that; a second one, or two
 * seconds without an interrupt_end, end the process. Before any other thread is made, which inherit
 * that these signals are blocked. False: no thread can be made.
 */
bool interrupt_begin(interrupt *i, void (*fn)(void *arg), void *arg);

/* fn is not called any more. */
void interrupt_end(interrupt *i);

/* Did it happen? */
bool interrupt_happened(interrupt *i);

#endif
