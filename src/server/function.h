/* SPDX-License-Identifier: MIT */
/*
 * function.h - a user's function, with what it needs, as a handler's self.
 */
#ifndef SERVER_FUNCTION_H
#define SERVER_FUNCTION_H

#include <weir/handler.h>

struct function {
    weir_unary_fn *unary;
    weir_server_streaming_fn *server_streaming;
    weir_blocking_fn *blocking;
    void *self;
    void (*release)(void *self);
};

/* What stands for a handler that there was no memory for: each call gets RESOURCE_EXHAUSTED. */
weir_handler refusing_handler(void);

/* A handler whose self is a copy of `function`, which moves in. Out of memory: a handler that
 * refuses every call. */
weir_handler function_handler(weir_handler_fn *call, const struct function *function);

#endif
