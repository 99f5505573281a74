/* SPDX-License-Identifier: MIT */
/*
 * allocator.c - the library's memory: counted, and short at times.
 */
#include "simulation/allocator.h"

#include "simulation/counts.h"
#include "simulation/dice.h"

#include <weir/base.h>

#include <malloc.h>
#include <stdlib.h>

static size_t held;
static uint64_t failures;
static struct dice dice;
static unsigned one_in, left, spared;

static bool refuses(void)
{
    if (left == 0 || spared != 0 || dice_below(&dice, one_in) != 0)
        return false;
    left--;
    failures++;
    count(COUNT_MEMORY);
    return true;
}

static void *allocate(void *self, size_t size)
{
    void *memory = refuses() ? NULL : malloc(size);

    (void)self;
    if (memory != NULL)
        held += malloc_usable_size(memory);
    return memory;
}

static void *resize(void *self, void *memory, size_t size)
{
    size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *resized = refuses() ? NULL : realloc(memory, size);

    (void)self;
    if (resized != NULL)
        held += malloc_usable_size(resized) - before;
    return resized;
}

static void release(void *self, void *memory)
{
    (void)self;
    held -= malloc_usable_size(memory);
    free(memory);
}

void allocator_install(void)
{
    static const weir_allocator allocator = {allocate, resize, release, NULL};

    weir_set_allocator(&allocator);
}

size_t allocator_held(void)
{
    return held;
}

void allocator_run_short(uint64_t seed, unsigned ratio, unsigned most)
{
    dice = dice_make(seed, DICE_FAULT, 0);
    one_in = ratio;
    left = most;
}

void allocator_spare(bool spare)
{
    spared += spare ? 1 : -1u;
}

uint64_t allocator_failures(void)
{
    return failures;
}
