/* SPDX-License-Identifier: MIT */
/*
 * status.c - codes and statuses.
 */
#include <weir/status.h>

#include "bytes/buffer.h"

weir_status weir_status_make(weir_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weir_status status = {.code = code, .message = bytes_vformat(format, arguments)};
    va_end(arguments);
    return status;
}

weir_status weir_status_ref(const weir_status *status)
{
    return (weir_status){
        .code = status->code,
        .message = weir_bytes_ref(&status->message),
        .details = weir_bytes_ref(&status->details),
    };
}

void weir_status_clear(weir_status *status)
{
    weir_bytes_unref(&status->message);
    weir_bytes_unref(&status->details);
    status->code = WEIR_OK;
}

weir_code weir_fail(weir_status *why, weir_code code, const char *format, ...)
{
    va_list arguments;

    if (why == NULL)
        return code;
    weir_status_clear(why);
    why->code = code;
    va_start(arguments, format);
    why->message = bytes_vformat(format, arguments);
    va_end(arguments);
    return code;
}

const char *weir_code_name(weir_code code)
{
    static const char *const names[] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };

    if ((unsigned)code >= sizeof names / sizeof *names)
        return "UNKNOWN";
    return names[code];
}
