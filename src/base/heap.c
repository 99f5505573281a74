/* SPDX-License-Identifier: MIT */
/*
 * heap.c - a binary heap of timers.
 */
#include "base/heap.h"

#include "base/alloc.h"

bool heap_reserve(struct heap *heap)
{
    if (heap->reserved + 1 >= heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 16 : heap->capacity * 2;
        struct heap_node **nodes = mem_resize(heap->nodes, capacity * sizeof *nodes);

        if (nodes == NULL)
            return false;
        heap->nodes = nodes;
        heap->capacity = capacity;
    }
    heap->reserved++;
    return true;
}

void heap_unreserve(struct heap *heap)
{
    heap->reserved--;
}

static void place(struct heap *heap, struct heap_node *node, size_t at)
{
    heap->nodes[at] = node;
    node->place = at;
}

static void sift_up(struct heap *heap, struct heap_node *node, size_t at)
{
    while (at > 1 && heap->nodes[at / 2]->when > node->when) {
        place(heap, heap->nodes[at / 2], at);
        at /= 2;
    }
    place(heap, node, at);
}

static void sift_down(struct heap *heap, struct heap_node *node, size_t at)
{
    for (;;) {
        size_t child = at * 2;

        if (child > heap->count)
            break;
        if (child < heap->count && heap->nodes[child + 1]->when < heap->nodes[child]->when)
            child++;
        if (heap->nodes[child]->when >= node->when)
            break;
        place(heap, heap->nodes[child], at);
        at = child;
    }
    place(heap, node, at);
}

static void settle(struct heap *heap, struct heap_node *node, size_t at)
{
    if (at > 1 && heap->nodes[at / 2]->when > node->when)
        sift_up(heap, node, at);
    else
        sift_down(heap, node, at);
}

static void take_out(struct heap *heap, struct heap_node *node)
{
    size_t at = node->place;
    struct heap_node *last = heap->nodes[heap->count--];

    node->place = 0;
    if (last != node)
        settle(heap, last, at);
}

void heap_set(struct heap *heap, struct heap_node *node, uint64_t when)
{
    if (node->place != 0 && node->when == when)
        return;
    if (when == UINT64_MAX) {
        if (node->place != 0)
            take_out(heap, node);
        return;
    }
    node->when = when;
    if (node->place == 0)
        sift_up(heap, node, ++heap->count);
    else
        settle(heap, node, node->place);
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count != 0 ? heap->nodes[1] : NULL;
}

void heap_clear(struct heap *heap)
{
    mem_free(heap->nodes);
    *heap = (struct heap){0};
}
