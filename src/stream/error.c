/* SPDX-License-Identifier: MIT */
/*
 * error.c - streams without messages: the empty one, and those that are an error.
 */
#include "stream/combinator.h"

#include "base/alloc.h"
#include "bytes/buffer.h"

struct error {
    weir_status status;
};

static weir_poll error_poll(void *self, weir_task *task, weir_item *out)
{
    struct error *error = self;

    (void)task;
    out->status = error->status;
    error->status = (weir_status){0};
    return WEIR_ERROR;
}

static void error_release(void *self)
{
    struct error *error = self;

    weir_status_clear(&error->status);
    mem_free(error);
}

static const weir_stream_ops error_ops = {error_poll, error_release};

weir_stream weir_stream_empty(void)
{
    return (weir_stream){0};
}

weir_stream weir_stream_error(weir_status status)
{
    struct error *error;

    if (status.code == WEIR_OK) {
        weir_status_clear(&status);
        return weir_stream_empty();
    }
    error = mem_alloc(sizeof *error);
    if (error == NULL) {
        weir_status_clear(&status);
        return stream_out_of_memory();
    }
    error->status = status;
    return (weir_stream){&error_ops, error};
}

weir_stream weir_stream_fail(weir_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weir_status status = {.code = code, .message = bytes_vformat(format, arguments)};
    va_end(arguments);
    return weir_stream_error(status);
}
