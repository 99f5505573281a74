/* SPDX-License-Identifier: MIT */
/*
 * errors.c - what HTTP/2's error codes mean to a gRPC call.
 *
 * The table is gRPC's (PROTOCOL-HTTP2, "Errors"); a code that it does not list is UNKNOWN.
 */
#include "http2/session.h"

static const struct {
    const char *name;
    weir_code status;
} errors[] = {
    {"NO_ERROR", WEIR_INTERNAL},
    {"PROTOCOL_ERROR", WEIR_INTERNAL},
    {"INTERNAL_ERROR", WEIR_INTERNAL},
    {"FLOW_CONTROL_ERROR", WEIR_INTERNAL},
    {"SETTINGS_TIMEOUT", WEIR_INTERNAL},
    {"STREAM_CLOSED", WEIR_INTERNAL},
    {"FRAME_SIZE_ERROR", WEIR_INTERNAL},
    {"REFUSED_STREAM", WEIR_UNAVAILABLE},
    {"CANCEL", WEIR_CANCELLED},
    {"COMPRESSION_ERROR", WEIR_INTERNAL},
    {"CONNECT_ERROR", WEIR_INTERNAL},
    {"ENHANCE_YOUR_CALM", WEIR_RESOURCE_EXHAUSTED},
    {"INADEQUATE_SECURITY", WEIR_PERMISSION_DENIED},
};

weir_code http2_error_status(uint32_t error)
{
    return error < sizeof errors / sizeof *errors ? errors[error].status : WEIR_UNKNOWN;
}

const char *http2_error_name(uint32_t error)
{
    return error < sizeof errors / sizeof *errors ? errors[error].name : "an unknown error";
}
