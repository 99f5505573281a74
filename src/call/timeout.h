/* SPDX-License-Identifier: MIT */
/*
 * timeout.h - the grpc-timeout header: at most 8 digits and a unit.
 *
 * Formatting rounds up, as grpc-go and gRPC C++ do: the peer's deadline is never earlier than ours,
 * so that the side that made the call is the one that reports DEADLINE_EXCEEDED.
 */
#ifndef CALL_TIMEOUT_H
#define CALL_TIMEOUT_H

#include <weir/base.h>

enum { TIMEOUT_TEXT_SIZE = 10 }; /* 8 digits, the unit, NUL */

/* Nanoseconds, UINT64_MAX for more than fit; false for malformed text. "0n" is legal and is 0. */
bool timeout_parse(const uint8_t *text, size_t size, uint64_t *ns);

/*
 * Writes the time that is left and a NUL, returns the length. The finest unit whose 8 digits hold
 * it, then the largest unit that says the same: 1500000000 ns is "1500m". A caller without a
 * deadline (WEIR_NEVER) sends no header instead.
 */
size_t timeout_format(uint64_t ns, char out[TIMEOUT_TEXT_SIZE]);

#endif
