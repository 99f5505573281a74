/* SPDX-License-Identifier: MIT */
/*
 * function.c - a user's function, with what it needs, as a handler's self.
 */
#include "server/function.h"

#include "base/alloc.h"
#include "stream/combinator.h"

void weir_handler_release(weir_handler *handler)
{
    weir_handler gone = *handler;

    *handler = (weir_handler){0};
    if (gone.release != NULL)
        gone.release(gone.self);
}

static void function_release(void *self)
{
    struct function *function = self;

    if (function->release != NULL)
        function->release(function->self);
    mem_free(function);
}

static weir_stream refuse_call(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return stream_out_of_memory();
}

weir_handler refusing_handler(void)
{
    return (weir_handler){.call = refuse_call};
}

weir_handler function_handler(weir_handler_fn *call, const struct function *function)
{
    bool self_failed = function->self == NULL && function->release != NULL;
    struct function *copy = self_failed ? NULL : mem_alloc(sizeof *copy);

    if (copy == NULL) {
        if (function->release != NULL && !self_failed)
            function->release(function->self);
        return refusing_handler();
    }
    *copy = *function;
    return (weir_handler){call, copy, function_release};
}
