/* SPDX-License-Identifier: MIT */
/*
 * function.c - a user's typed function as the self of a handler.
 */
#include "typed/function.h"

#include "base/alloc.h"
#include "call/call.h"

#include <string.h>

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

weir_code typed_check_subtype(const weir_method *method, const weir_call *call, weir_status *why)
{
    const char *ours = method->request->subtype != NULL ? method->request->subtype : "proto";

    if (call->subtype == NULL || strcmp(call->subtype, ours) == 0)
        return WEIR_OK;
    return weir_fail(why, WEIR_UNIMPLEMENTED, "messages are application/grpc+%s, not +%.64s", ours,
                     call->subtype);
}
