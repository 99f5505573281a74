/* SPDX-License-Identifier: MIT */
/*
 * function.c - a user's typed function as the self of a handler.
 */
#include "typed/function.h"

#include "base/alloc.h"

struct typed_function *typed_function_create(const struct typed_function *function)
{
    struct typed_function *copy = NULL;

    if (!target_failed(&function->target))
        copy = mem_alloc(sizeof *copy);
    if (copy == NULL)
        target_release(&function->target);
    else
        *copy = *function;
    return copy;
}

void typed_function_release(void *self)
{
    struct typed_function *function = self;

    target_release(&function->target);
    mem_free(function);
}
