/* SPDX-License-Identifier: MIT */
/*
 * code.c - grpc-status and HTTP status to codes (statuscodes, http-grpc-status-mapping).
 */
#include "status/code.h"

weir_code status_code_parse(const uint8_t *text, size_t size)
{
    unsigned code = 0;

    if (size == 0)
        return WEIR_UNKNOWN;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return WEIR_UNKNOWN;
        code = code * 10 + (text[i] - '0');
        if (code > WEIR_UNAUTHENTICATED)
            return WEIR_UNKNOWN;
    }
    return (weir_code)code;
}

weir_code status_code_from_http(unsigned http_status)
{
    switch (http_status) {
    case 400:
        return WEIR_INTERNAL;
    case 401:
        return WEIR_UNAUTHENTICATED;
    case 403:
        return WEIR_PERMISSION_DENIED;
    case 404:
        return WEIR_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return WEIR_UNAVAILABLE;
    default:
        return WEIR_UNKNOWN;
    }
}
