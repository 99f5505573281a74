/* SPDX-License-Identifier: MIT */
/*
 * code.h - status codes from what a peer sent.
 *
 * A peer's word never becomes OK by mistake: whatever is not understood is UNKNOWN.
 */
#ifndef STATUS_CODE_H
#define STATUS_CODE_H

#include <weir/status.h>

/* The value of grpc-status: decimal digits. Garbled, or a number that is no code: UNKNOWN. */
weir_code status_code_parse(const uint8_t *text, size_t size);

/* What a response without grpc-status means, from its HTTP status. Never OK. */
weir_code status_code_from_http(unsigned http_status);

#endif
