/* SPDX-License-Identifier: MIT */
/*
 * budget.h - how much memory is held: a count for each call, connection and loop, and one in total.
 *
 *     call --> connection --> loop --> total        (a server's)
 *     call --> channel --> total                    (a client's)
 *
 * Everybody may charge and release, on any thread. A budget tells the next one what it holds when
 * that changed by a grain, so that calls that come and go cost one atomic addition each and no two
 * loops share a cache line. The total is therefore off by a grain for each budget below it, until
 * those end, and 0 when all have.
 *
 * The total has marks. Below the first there is plenty. From there on those who hold more than a
 * fair allowance go without, and the others go on as before; at the limit the allowance is a
 * quarter of that, or 16 KiB. A channel's connections have none, but go on while all that the
 * channel could let go is next to nothing. Who has to wait registers, looks again, and is woken
 * when the total falls below a mark, or one of these changed for it: once, and not for every byte.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "base/list.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum budget_level {
    BUDGET_PLENTY,
    BUDGET_SHORT, /* nothing that makes it hold more, where that can wait */
    BUDGET_FULL   /* nothing but what makes it hold less */
};

/* How full the total is. */
enum budget_mark { MARK_NONE, MARK_SHORT, MARK_TIGHT, MARK_FULL, MARK_COUNT };

struct budget_total {
    size_t limit; /* SIZE_MAX: none */
    _Atomic ptrdiff_t held;
    _Atomic int mark; /* written under the lock */
    size_t up[MARK_COUNT];
    size_t down[MARK_COUNT]; /* below it the mark is left */
    atomic_size_t allowance;
    atomic_size_t references;
    pthread_mutex_t lock;
    size_t connections;
    struct list waiting; /* the first one waits longest */
    atomic_bool hungry;  /* one waits until its channel's messages and output are next to none */
    struct list loops;
};

struct budget {
    struct budget *parent; /* NULL: tells the total */
    struct budget_total *total;
    _Atomic ptrdiff_t held;
    _Atomic ptrdiff_t told;
    _Atomic ptrdiff_t loose; /* of a channel's: messages and output, which can be let go */
    ptrdiff_t grain;
    size_t own; /* what its owner itself takes, which does not count against the allowance */
    atomic_size_t references;
    struct list link;    /* under the total's lock: waiting, or one of its loops */
    bool waits;          /* likewise */
    atomic_size_t watch; /* it is woken when it holds less; 0: only when all hold less */
    void (*woken)(void *self);
    void *self;
    _Atomic uint64_t oldest; /* of a loop: since when its longest-stalled call is that */
    bool is_loop;
    bool is_channels; /* a channel's connection: all that its calls hold is one user's */
};

/* `limit`: SIZE_MAX is none. NULL when memory is out. */
struct budget_total *budget_total_create(size_t limit);
struct budget_total *budget_total_ref(struct budget_total *total);
void budget_total_unref(struct budget_total *total);

/*
 * A budget below `parent` (a connection's), or below the total itself (a loop's, a channel's), that
 * holds `own` bytes as long as it is not closed. woken(self) is called under a lock, on any thread,
 * and must only signal: when a connection that waits may look again, and to a loop when the first
 * mark is passed. NULL when memory is out.
 */
struct budget *budget_create(struct budget *parent, size_t own, void (*woken)(void *self),
                             void *self);
struct budget *budget_create_for_loop(struct budget_total *total, void (*woken)(void *self),
                                      void *self);

/* Its owner ends: it is not woken any more. It goes with its last reference, as whoever holds
 * something of it keeps one. */
void budget_close(struct budget *budget);
struct budget *budget_ref(struct budget *budget);
void budget_unref(struct budget *budget);

void budget_charge(struct budget *budget, size_t size);
void budget_release(struct budget *budget, size_t size);

/* The same for messages and output: what goes when somebody takes it, or is ended. */
void budget_hold(struct budget *budget, size_t size);
void budget_let_go(struct budget *budget, size_t size);

static inline size_t budget_held(const struct budget *budget)
{
    ptrdiff_t held = atomic_load(&budget->held); /* in order: see budget.c */

    return held > 0 ? (size_t)held : 0;
}

static inline bool budget_is_limited(const struct budget *budget)
{
    return budget->total->limit != SIZE_MAX;
}

/* The first mark is passed: what can wait and takes memory should not begin. */
static inline bool budget_is_short(const struct budget *budget)
{
    return atomic_load_explicit(&budget->total->mark, memory_order_relaxed) != MARK_NONE;
}

/* The limit is passed. */
static inline bool budget_is_full(const struct budget *budget)
{
    return atomic_load_explicit(&budget->total->mark, memory_order_relaxed) == MARK_FULL;
}

/* What that means for this one. */
enum budget_level budget_level_now(const struct budget *budget);

static inline enum budget_level budget_level(const struct budget *budget)
{
    return budget_is_short(budget) ? budget_level_now(budget) : BUDGET_PLENTY;
}

/* Whether one more call may begin on a connection whose calls take `more` besides what is charged
 * to it. */
bool budget_admits(const struct budget *budget, size_t more);

/* What calls themselves take counts above their connection: one with many of them that hold nothing
 * is not to wait for memory. */
static inline struct budget *budget_of_calls(struct budget *budget)
{
    return budget->parent != NULL ? budget->parent : budget;
}

/*
 * It cannot go on at its level: it is woken once, when that may have changed. Look at the level
 * again after this, for it may have changed before. `served`: it could go on since it was woken
 * last, so that others come first now. While it waits already: nothing.
 */
void budget_wait(struct budget *budget, bool served);

/* ---- the longest-stalled call ---- */

/* A loop's longest-stalled call is that since `since`; UINT64_MAX: it has none. */
static inline void budget_set_oldest(struct budget *loop, uint64_t since)
{
    atomic_store_explicit(&loop->oldest, since, memory_order_relaxed);
}

/* Whether no other loop has an older one. If one has, it is woken. */
bool budget_is_oldest(struct budget *loop);

/* All that is held, exactly. */
size_t budget_total_held(struct budget_total *total);

/* ---- what one call holds ---- */

/* What it waits for. */
enum blocked { BLOCKED_NOT, BLOCKED_BY_PEER, BLOCKED_BY_BUDGET, BLOCKED_BY_SOCKET, BLOCKED_KINDS };

/* Part of what lives as long as anything of the call does, and keeps `budget` alive. The times are
 * written by the call's loop and read by any thread. */
struct call_budget {
    struct budget *budget;
    atomic_size_t held;     /* by itself, and by its arenas */
    atomic_size_t messages; /* by its messages, wherever they wait */
    atomic_bool began;      /* those were none, and are some again, since this was last cleared */
    _Atomic int blocked;
    _Atomic uint64_t blocked_since;
    _Atomic uint64_t blocked_ns[BLOCKED_KINDS];
};

static inline void call_charge(struct call_budget *call, size_t size)
{
    atomic_fetch_add_explicit(&call->held, size, memory_order_relaxed);
    budget_charge(call->budget, size);
}

static inline void call_release(struct call_budget *call, size_t size)
{
    atomic_fetch_sub_explicit(&call->held, size, memory_order_relaxed);
    budget_release(call->budget, size);
}

/* Messages that are charged take `size` bytes now, and took `*charged`. */
static inline void call_recharge(struct call_budget *call, size_t *charged, size_t size)
{
    if (size == *charged)
        return;
    if (atomic_fetch_add_explicit(&call->messages, size - *charged, memory_order_relaxed) == 0)
        atomic_store_explicit(&call->began, true, memory_order_relaxed);
    if (size > *charged)
        budget_hold(call->budget, size - *charged);
    else
        budget_let_go(call->budget, *charged - size);
    *charged = size;
}

#endif
