/* SPDX-License-Identifier: MIT */
/*
 * target.h - gRPC's names for where a service is.
 */
#ifndef CHANNEL_TARGET_H
#define CHANNEL_TARGET_H

#include <weir/status.h>

/* What a target says: an address for the transport, and the authority to send; and itself, with
 * "dns:///" where it had no scheme. All are owned. */
struct target {
    char *address;
    char *authority;
    char *uri;
};

weir_code target_parse(const char *text, struct target *out, weir_status *why);
void target_clear(struct target *target);

#endif
