/* SPDX-License-Identifier: MIT */
/*
 * status.h - how a call ended: a code, a message for people and details for programs.
 *
 * A weir_status owns its message and details; weir_status_clear drops them. A function that can
 * fail returns a weir_code and takes a trailing `weir_status *why`, which may be NULL and must be
 * initialised ({0}) otherwise; on success it is left as it was, on failure what it had is cleared.
 */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#include <weir/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* gRPC's status codes, with gRPC's numbers. */
typedef enum weir_code {
    WEIR_OK = 0,
    WEIR_CANCELLED = 1,
    WEIR_UNKNOWN = 2,
    WEIR_INVALID_ARGUMENT = 3,
    WEIR_DEADLINE_EXCEEDED = 4,
    WEIR_NOT_FOUND = 5,
    WEIR_ALREADY_EXISTS = 6,
    WEIR_PERMISSION_DENIED = 7,
    WEIR_RESOURCE_EXHAUSTED = 8,
    WEIR_FAILED_PRECONDITION = 9,
    WEIR_ABORTED = 10,
    WEIR_OUT_OF_RANGE = 11,
    WEIR_UNIMPLEMENTED = 12,
    WEIR_INTERNAL = 13,
    WEIR_UNAVAILABLE = 14,
    WEIR_DATA_LOSS = 15,
    WEIR_UNAUTHENTICATED = 16
} weir_code;

/* The zero value is OK. `details` is a serialized google.rpc.Status, or empty. */
typedef struct weir_status {
    weir_code code;
    weir_bytes message;
    weir_bytes details;
} weir_status;

/* A status with a formatted message; when memory is out the message is missing, the code stands. */
WEIR_API weir_status weir_status_make(weir_code code, const char *format, ...) WEIR_PRINTF(2, 3);

/* A copy with references of its own. */
WEIR_API weir_status weir_status_ref(const weir_status *status);
WEIR_API void weir_status_clear(weir_status *status);

/*
 * What fallible functions end with: sets *why, where it is not NULL, to the code and the formatted
 * message, and returns the code.
 */
WEIR_API weir_code weir_fail(weir_status *why, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* "NOT_FOUND" and so on; a number that is no code gives "UNKNOWN". */
WEIR_API const char *weir_code_name(weir_code code);

#ifdef __cplusplus
}
#endif

#endif
