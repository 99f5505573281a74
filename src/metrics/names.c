/* SPDX-License-Identifier: MIT */
/*
 * names.c - the methods that are told apart, by number.
 *
 * A table of fixed size that is only added to: a name is complete before its slot points to it, and
 * never goes, so looking one up takes no lock.
 */
#include "metrics/metrics.h"

#include "base/alloc.h"

#include <string.h>

/* FNV-1a. The names are the program's own, so nobody can choose them badly; what peers ask for is
 * only looked up. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

/* The slot that has the name, or the free one where it would be. */
static _Atomic(struct metrics_name *) *slot_of(weir_metrics *metrics, const char *name,
                                               uint32_t hash)
{
    for (uint32_t at = hash;; at++) {
        _Atomic(struct metrics_name *) *slot = &metrics->slots[at % METRICS_SLOTS];
        struct metrics_name *found = atomic_load_explicit(slot, memory_order_acquire);

        if (found == NULL || (found->hash == hash && strcmp(found->name, name) == 0))
            return slot;
    }
}

static const char *without_slash(const char *method)
{
    return method[0] == '/' ? method + 1 : method;
}

unsigned metrics_find(weir_metrics *metrics, const char *method)
{
    const char *name = without_slash(method);
    struct metrics_name *found =
        atomic_load_explicit(slot_of(metrics, name, hash_of(name)), memory_order_acquire);

    return found != NULL ? found->number : 0;
}

/* Under the lock. */
static unsigned insert(weir_metrics *metrics, const char *name, uint32_t hash)
{
    _Atomic(struct metrics_name *) *slot = slot_of(metrics, name, hash);
    struct metrics_name *added = atomic_load_explicit(slot, memory_order_relaxed);

    if (added != NULL)
        return added->number;
    if (metrics->name_count == METRICS_METHODS)
        return 0;
    added = mem_alloc(sizeof *added);
    if (added == NULL)
        return 0;
    *added = (struct metrics_name){mem_copy_string(name), hash, metrics->name_count};
    if (added->name == NULL) {
        mem_free(added);
        return 0;
    }
    metrics->names[metrics->name_count++] = added->name;
    atomic_store_explicit(slot, added, memory_order_release);
    return added->number;
}

unsigned metrics_add(weir_metrics *metrics, const char *method)
{
    unsigned number = metrics_find(metrics, method);
    const char *name = without_slash(method);

    if (number != 0)
        return number;
    pthread_mutex_lock(&metrics->lock);
    number = insert(metrics, name, hash_of(name));
    pthread_mutex_unlock(&metrics->lock);
    return number;
}

weir_code weir_metrics_add_method(weir_metrics *metrics, const char *method, weir_status *why)
{
    if (metrics_add(metrics, method) != 0)
        return WEIR_OK;
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "no room to count %s by itself", method);
}
