/* SPDX-License-Identifier: MIT */
/*
 * budget.c - how much memory is held, and who waits for it.
 *
 * Whoever changes a count looks at the mark, or the watch, after that; whoever sets those looks at
 * the count after that. One of the two sees the other, so no wake is lost: these few operations are
 * sequentially consistent, and all others need no order.
 */
#include "base/budget.h"

#include "base/alloc.h"

#include <assert.h>

#define MAX_GRAIN ((size_t)64 * 1024)
#define MAX_CONNECTION_GRAIN ((size_t)4 * 1024)
/* So much a connection may hold whatever the others do: some ten unary calls. */
#define MIN_ALLOWANCE ((size_t)64 * 1024)
/* And so much at the limit. */
#define LAST_ALLOWANCE ((size_t)16 * 1024)

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- the total ---- */

static void set_allowance(struct budget_total *total)
{
    size_t share = total->limit / 8 / (total->connections != 0 ? total->connections : 1);
    size_t least = min_size(MIN_ALLOWANCE, total->limit / 16);

    atomic_store_explicit(&total->allowance, max_size(share, least), memory_order_relaxed);
}

/* What it may hold and go on as before. At the limit that is little, but never nothing: what fills
 * the memory may be connections and calls themselves, and then nothing else would go on again. */
static size_t allowance_of(const struct budget *budget, int mark)
{
    size_t allowance = atomic_load_explicit(&budget->total->allowance, memory_order_relaxed);

    if (budget->is_channels)
        return 0;
    if (mark == MARK_FULL)
        allowance /= 4;
    return budget->own + max_size(allowance, LAST_ALLOWANCE);
}

struct budget_total *budget_total_create(size_t limit)
{
    struct budget_total *total = mem_zalloc(sizeof *total);

    if (total == NULL)
        return NULL;
    if (pthread_mutex_init(&total->lock, NULL) != 0) {
        mem_free(total);
        return NULL;
    }
    total->limit = limit;
    total->up[MARK_SHORT] = limit - limit / 4;
    total->up[MARK_TIGHT] = limit - limit / 8;
    total->up[MARK_FULL] = limit;
    for (int mark = MARK_SHORT; mark < MARK_COUNT; mark++)
        total->down[mark] = total->up[mark] - (mark == MARK_SHORT ? limit / 8 : limit / 16);
    atomic_init(&total->references, 1);
    list_init(&total->waiting);
    list_init(&total->loops);
    set_allowance(total);
    return total;
}

struct budget_total *budget_total_ref(struct budget_total *total)
{
    atomic_fetch_add_explicit(&total->references, 1, memory_order_relaxed);
    return total;
}

void budget_total_unref(struct budget_total *total)
{
    if (total == NULL ||
        atomic_fetch_sub_explicit(&total->references, 1, memory_order_acq_rel) != 1)
        return;
    assert(atomic_load(&total->held) == 0);
    pthread_mutex_destroy(&total->lock);
    mem_free(total);
}

static int next_mark(const struct budget_total *total, int mark, size_t held)
{
    while (mark + 1 < MARK_COUNT && held >= total->up[mark + 1])
        mark++;
    while (mark > MARK_NONE && held < total->down[mark])
        mark--;
    return mark;
}

static size_t positive(ptrdiff_t count)
{
    return count > 0 ? (size_t)count : 0;
}

static bool is_settled(struct budget_total *total, int mark)
{
    return next_mark(total, mark, positive(atomic_load(&total->held))) == mark;
}

/* Under the lock. */
static void wake(struct budget *budget)
{
    list_remove(&budget->link);
    budget->waits = false;
    atomic_store(&budget->watch, 0);
    budget->woken(budget->self);
}

static void wake_waiting(struct budget_total *total)
{
    struct list woken;

    list_init(&woken);
    list_move(&woken, &total->waiting);
    atomic_store(&total->hungry, false);
    while (!list_is_empty(&woken))
        wake(LIST_MEMBER(woken.next, struct budget, link));
}

static void wake_loops(struct budget_total *total)
{
    for (struct list *link = total->loops.next; link != &total->loops; link = link->next) {
        struct budget *loop = LIST_MEMBER(link, struct budget, link);

        loop->woken(loop->self);
    }
}

static void move_mark(struct budget_total *total)
{
    int before, mark;

    pthread_mutex_lock(&total->lock);
    before = mark = atomic_load(&total->mark);
    while (!is_settled(total, mark)) {
        mark = next_mark(total, mark, positive(atomic_load(&total->held)));
        atomic_store(&total->mark, mark);
    }
    if (mark < before)
        wake_waiting(total);
    else if (before == MARK_NONE && mark != before)
        wake_loops(total);
    pthread_mutex_unlock(&total->lock);
}

static void total_add(struct budget_total *total, ptrdiff_t change)
{
    atomic_fetch_add(&total->held, change);
    if (total->limit != SIZE_MAX && !is_settled(total, atomic_load(&total->mark)))
        move_mark(total);
}

size_t budget_total_held(struct budget_total *total)
{
    ptrdiff_t held;

    pthread_mutex_lock(&total->lock);
    held = atomic_load(&total->held);
    for (struct list *link = total->loops.next; link != &total->loops; link = link->next) {
        struct budget *loop = LIST_MEMBER(link, struct budget, link);

        held += atomic_load(&loop->held) - atomic_load(&loop->told);
    }
    pthread_mutex_unlock(&total->lock);
    return positive(held);
}

/* ---- counting ---- */

static void change(struct budget *budget, ptrdiff_t size);

/* Tells the next one what is held now. */
static void tell(struct budget *budget)
{
    ptrdiff_t told = atomic_load(&budget->told);
    ptrdiff_t held = atomic_load(&budget->held);

    while (!atomic_compare_exchange_weak(&budget->told, &told, held))
        held = atomic_load(&budget->held);
    if (held == told)
        return;
    if (budget->parent != NULL)
        change(budget->parent, held - told);
    else
        total_add(budget->total, held - told);
}

static void change(struct budget *budget, ptrdiff_t size)
{
    ptrdiff_t held = atomic_fetch_add(&budget->held, size) + size;
    ptrdiff_t apart = held - atomic_load_explicit(&budget->told, memory_order_relaxed);

    if (apart >= budget->grain || apart <= -budget->grain)
        tell(budget);
}

void budget_charge(struct budget *budget, size_t size)
{
    change(budget, (ptrdiff_t)size);
}

static void wake_if_waiting(struct budget *budget)
{
    pthread_mutex_lock(&budget->total->lock);
    if (budget->waits)
        wake(budget);
    pthread_mutex_unlock(&budget->total->lock);
}

void budget_release(struct budget *budget, size_t size)
{
    change(budget, -(ptrdiff_t)size);
    if (budget_held(budget) < atomic_load(&budget->watch))
        wake_if_waiting(budget);
}

/* Whose messages and output are counted once more; NULL: a server's. */
static struct budget *channel_of(struct budget *budget)
{
    return budget->is_loop ? budget : budget->is_channels ? budget->parent : NULL;
}

/* A channel that has next to nothing to let go: its connections and calls themselves are what fills
 * the memory, and waiting for those may be for ever. */
static bool is_bare(const struct budget *channel)
{
    return atomic_load(&channel->loose) < (ptrdiff_t)LAST_ALLOWANCE;
}

void budget_hold(struct budget *budget, size_t size)
{
    struct budget *channel = channel_of(budget);

    if (channel != NULL)
        atomic_fetch_add(&channel->loose, (ptrdiff_t)size);
    budget_charge(budget, size);
}

static void wake_hungry(struct budget_total *total)
{
    pthread_mutex_lock(&total->lock);
    wake_waiting(total);
    pthread_mutex_unlock(&total->lock);
}

void budget_let_go(struct budget *budget, size_t size)
{
    struct budget *channel = channel_of(budget);

    budget_release(budget, size);
    if (channel == NULL)
        return;
    atomic_fetch_sub(&channel->loose, (ptrdiff_t)size);
    if (is_bare(channel) && atomic_load(&channel->total->hungry))
        wake_hungry(channel->total);
}

/* ---- budgets ---- */

static struct budget *create(struct budget *parent, struct budget_total *total,
                             void (*woken)(void *self), void *self)
{
    struct budget *budget = mem_zalloc(sizeof *budget);

    if (budget == NULL)
        return NULL;
    budget->parent = parent != NULL ? budget_ref(parent) : NULL;
    budget->total = budget_total_ref(total);
    budget->woken = woken;
    budget->self = self;
    atomic_init(&budget->references, 1);
    atomic_init(&budget->oldest, UINT64_MAX);
    list_init(&budget->link);
    return budget;
}

struct budget *budget_create(struct budget *parent, size_t own, void (*woken)(void *self),
                             void *self)
{
    struct budget_total *total = parent->total;
    struct budget *budget = create(parent, total, woken, self);

    if (budget == NULL)
        return NULL;
    budget->grain = (ptrdiff_t)min_size(MAX_CONNECTION_GRAIN, total->limit / 1024 + 1);
    budget->own = own;
    pthread_mutex_lock(&total->lock);
    total->connections++;
    set_allowance(total);
    pthread_mutex_unlock(&total->lock);
    budget_charge(budget, own);
    return budget;
}

struct budget *budget_create_for_loop(struct budget_total *total, void (*woken)(void *self),
                                      void *self)
{
    struct budget *budget = create(NULL, total, woken, self);

    if (budget == NULL)
        return NULL;
    budget->grain = (ptrdiff_t)min_size(MAX_GRAIN, total->limit / 1024 + 1);
    budget->is_loop = true;
    pthread_mutex_lock(&total->lock);
    list_append(&total->loops, &budget->link);
    pthread_mutex_unlock(&total->lock);
    return budget;
}

/* Under the lock. The allowance may have grown from `before`, and with it what those who wait look
 * at. It grows only while connections are so few that the limit leaves more than the least for
 * each, so this is seldom, and they are not many. */
static void let_on(struct budget_total *total, size_t before)
{
    int mark = atomic_load(&total->mark);
    struct list *link, *next;

    if (atomic_load_explicit(&total->allowance, memory_order_relaxed) <= before)
        return;
    for (link = total->waiting.next; link != &total->waiting; link = next) {
        struct budget *budget = LIST_MEMBER(link, struct budget, link);

        next = link->next;
        if (atomic_load(&budget->watch) == 0)
            continue;
        atomic_store(&budget->watch, allowance_of(budget, mark));
        if (budget_held(budget) < atomic_load(&budget->watch))
            wake(budget);
    }
}

/* Under the lock. */
static void forget(struct budget *budget)
{
    if (budget->waits)
        list_remove(&budget->link);
    budget->waits = false;
    atomic_store(&budget->watch, 0);
}

static void no_one(void *self)
{
    (void)self;
}

void budget_close(struct budget *budget)
{
    struct budget_total *total;
    size_t allowance;

    if (budget == NULL)
        return;
    total = budget->total;
    pthread_mutex_lock(&total->lock);
    allowance = atomic_load_explicit(&total->allowance, memory_order_relaxed);
    budget->woken = no_one;
    if (!budget->is_loop) {
        forget(budget);
        total->connections--;
        set_allowance(total);
        let_on(total, allowance);
    }
    pthread_mutex_unlock(&total->lock);
    budget_release(budget, budget->own);
    budget_unref(budget);
}

struct budget *budget_ref(struct budget *budget)
{
    atomic_fetch_add_explicit(&budget->references, 1, memory_order_relaxed);
    return budget;
}

void budget_unref(struct budget *budget)
{
    struct budget *parent;

    /* The last one of a budget drops its reference to the next one, and may be the last there. */
    while (budget != NULL &&
           atomic_fetch_sub_explicit(&budget->references, 1, memory_order_acq_rel) == 1) {
        parent = budget->parent;
        tell(budget);
        if (budget->is_loop) {
            pthread_mutex_lock(&budget->total->lock);
            list_remove(&budget->link);
            pthread_mutex_unlock(&budget->total->lock);
        }
        budget_total_unref(budget->total);
        mem_free(budget);
        budget = parent;
    }
}

/* ---- waiting ---- */

enum budget_level budget_level_now(const struct budget *budget)
{
    int mark = atomic_load(&budget->total->mark);

    if (mark == MARK_NONE || budget_held(budget) < allowance_of(budget, mark))
        return BUDGET_PLENTY;
    if (budget->is_channels && is_bare(budget->parent))
        return BUDGET_PLENTY;
    return mark == MARK_SHORT ? BUDGET_SHORT : BUDGET_FULL;
}

static void list_prepend(struct list *list, struct list *link)
{
    list_append(list->next, link);
}

bool budget_admits(const struct budget *budget, size_t more)
{
    int mark = atomic_load(&budget->total->mark);

    if (mark == MARK_FULL && budget_held(budget) >= allowance_of(budget, mark))
        return false;
    return mark < MARK_TIGHT || budget_held(budget) + more < allowance_of(budget, MARK_TIGHT);
}

void budget_wait(struct budget *budget, bool served)
{
    struct budget_total *total = budget->total;

    pthread_mutex_lock(&total->lock);
    if (!budget->waits) {
        budget->waits = true;
        if (served)
            list_append(&total->waiting, &budget->link);
        else
            list_prepend(&total->waiting, &budget->link);
        atomic_store(&budget->watch, allowance_of(budget, atomic_load(&total->mark)));
        if (budget->is_channels)
            atomic_store(&total->hungry, true);
    }
    pthread_mutex_unlock(&total->lock);
}

/* ---- the longest-stalled call ---- */

bool budget_is_oldest(struct budget *budget)
{
    struct budget_total *total = budget->total;
    struct budget *oldest = budget;

    pthread_mutex_lock(&total->lock);
    for (struct list *link = total->loops.next; link != &total->loops; link = link->next) {
        struct budget *loop = LIST_MEMBER(link, struct budget, link);

        if (atomic_load(&loop->oldest) < atomic_load(&oldest->oldest))
            oldest = loop;
    }
    if (oldest != budget)
        oldest->woken(oldest->self);
    pthread_mutex_unlock(&total->lock);
    return oldest == budget;
}
