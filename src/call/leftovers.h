/* SPDX-License-Identifier: MIT */
/*
 * leftovers.h - functions that still run for calls that are over.
 *
 * A peer ends its call with a reset, at no cost, but a blocking function goes on until it returns.
 * Calls that end before their functions are counted with the others that came over the same
 * connection, so that a peer cannot have more of them than calls.
 */
#ifndef CALL_LEFTOVERS_H
#define CALL_LEFTOVERS_H

#include "call/call.h"

/* Counted: functions may outlive the connection, too. */
struct leftovers {
    atomic_size_t references;
    atomic_size_t count;
    struct weir_cell *fewer; /* woken when one ended */
};

/* NULL when memory is out. `fewer(target)` is called on the mailbox's thread. */
struct leftovers *leftovers_create(struct mailbox *mailbox, void (*fewer)(void *target),
                                   void *target);

/* The target is gone; drops its reference. May be NULL. */
void leftovers_detach(struct leftovers *leftovers);

/* Any thread: a function begins to wait or run for the call, and has returned. */
void call_function_begins(weir_call *call);
void call_function_ends(weir_call *call);

/* Whether the call has such functions, and: it is over, they count from now on. */
bool call_has_functions(const weir_call *call);
void call_leaves_functions(weir_call *call, struct leftovers *leftovers);

#endif
