/* SPDX-License-Identifier: MIT */
/*
 * function.h - a user's typed function as the self of a handler.
 */
#ifndef TYPED_FUNCTION_H
#define TYPED_FUNCTION_H

#include <weir/typed.h>

struct typed_function {
    const weir_method *method;
    weir_plain_invoke *plain;
    weir_stream_invoke *stream;
    weir_target target;
};

/* A copy, to be released with typed_function_release. NULL when memory is out, here or for the
 * target's self; the target was released then. */
struct typed_function *typed_function_create(const struct typed_function *function);
void typed_function_release(void *self);

/* UNIMPLEMENTED: the call's messages are not those of the method's serializer. */
weir_code typed_check_subtype(const weir_method *method, const weir_call *call, weir_status *why);

/* Its self is what could not be allocated. */
static inline bool target_failed(const weir_target *target)
{
    return target->self == NULL && target->release != NULL;
}

static inline void target_release(const weir_target *target)
{
    if (target->release != NULL && !target_failed(target))
        target->release(target->self);
}

#endif
