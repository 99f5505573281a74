/* SPDX-License-Identifier: MIT */
/*
 * thread.h - threads of weir's own: they take no signals.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

bool thread_start(pthread_t *thread, void *(*run)(void *self), void *self);

#endif
