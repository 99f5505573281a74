/* SPDX-License-Identifier: MIT */
/*
 * leftovers.c - functions that still run for calls that are over.
 *
 * Whether the call or its functions end first is decided by one atomic word of the call: how many
 * functions there are, and a bit for a call that is over. Whoever comes second settles the count.
 */
#include "call/leftovers.h"

#include "base/alloc.h"

#define CALL_IS_OVER (1u << 31)

struct leftovers *leftovers_create(struct mailbox *mailbox, void (*fewer)(void *target),
                                   void *target)
{
    struct leftovers *l = mem_alloc(sizeof *l);

    if (l == NULL)
        return NULL;
    l->fewer = cell_create(mailbox, fewer, target);
    if (l->fewer == NULL) {
        mem_free(l);
        return NULL;
    }
    cell_ref(l->fewer); /* one for the detach */
    atomic_init(&l->references, 1);
    atomic_init(&l->count, 0);
    return l;
}

static void unref(struct leftovers *l)
{
    if (atomic_fetch_sub(&l->references, 1) != 1)
        return;
    cell_unref(l->fewer);
    mem_free(l);
}

void leftovers_detach(struct leftovers *l)
{
    if (l == NULL)
        return;
    cell_detach(l->fewer);
    unref(l);
}

void call_function_begins(weir_call *call)
{
    atomic_fetch_add(&call->functions, 1);
}

static void settle(weir_call *call)
{
    struct leftovers *l = call->leftovers;

    call->leftovers = NULL;
    if (l == NULL)
        return;
    atomic_fetch_sub(&l->count, 1);
    cell_wake(l->fewer);
    unref(l);
}

void call_function_ends(weir_call *call)
{
    if (atomic_fetch_sub(&call->functions, 1) == (CALL_IS_OVER | 1))
        settle(call);
}

bool call_has_functions(const weir_call *call)
{
    return atomic_load_explicit(&call->functions, memory_order_relaxed) != 0;
}

void call_leaves_functions(weir_call *call, struct leftovers *l)
{
    atomic_fetch_add(&l->references, 1);
    atomic_fetch_add(&l->count, 1);
    call->leftovers = l;
    if (atomic_fetch_or(&call->functions, CALL_IS_OVER) == 0)
        settle(call);
}
