/* SPDX-License-Identifier: MIT */
/*
 * heap.h - a binary heap of timers: the earliest first.
 *
 * The nodes lie inside their owners and know their place, so that moving and removing one costs
 * O(log n). Room for a node is reserved when its owner is made, so that arming a timer never fails.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t when;
    size_t place; /* 0: not in the heap */
};

struct heap {
    struct heap_node **nodes; /* 1-based */
    size_t count;
    size_t capacity;
    size_t reserved;
};

/* Room for one more owner; false when memory is out. */
bool heap_reserve(struct heap *heap);
void heap_unreserve(struct heap *heap);

/* Puts the node at `when`, or moves it there; UINT64_MAX takes it out. */
void heap_set(struct heap *heap, struct heap_node *node, uint64_t when);

/* The earliest node; NULL when there is none. */
struct heap_node *heap_first(const struct heap *heap);

void heap_clear(struct heap *heap);

#endif
