/* SPDX-License-Identifier: MIT */
/*
 * metadata.h - the pairs of names and values around a call: ordered, duplicates kept.
 *
 * Names are lower case letters, digits, '_', '-' and '.'. A value is ASCII (0x20 to 0x7E, outer
 * spaces are stripped) unless the name ends in "-bin": then it is any bytes, and base64 is done on
 * the wire and never seen here.
 */
#ifndef WEIR_METADATA_H
#define WEIR_METADATA_H

#include <weir/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_metadata weir_metadata;

/* An empty list that the caller owns; NULL when memory is out. */
WEIR_API weir_metadata *weir_metadata_create(void);
WEIR_API void weir_metadata_free(weir_metadata *metadata);

/*
 * Adds a pair at the end; both are copied. INVALID_ARGUMENT for a name or value that may not be
 * sent, a name that begins with ':', or one that gRPC keeps for itself: grpc-status, -message,
 * -status-details-bin, -timeout, -encoding, -accept-encoding, -message-type, and HTTP's own
 * (te, content-type, user-agent, connection and its kin). RESOURCE_EXHAUSTED: out of memory.
 */
WEIR_API weir_code weir_metadata_add(weir_metadata *metadata, const char *name, const void *value,
                                     size_t size) WEIR_MUST_USE;

WEIR_API size_t weir_metadata_count(const weir_metadata *metadata);

/* The index-th pair; name is NUL-terminated, too. Borrowed until the list changes. */
WEIR_API void weir_metadata_at(const weir_metadata *metadata, size_t index, weir_slice *name,
                               weir_slice *value);

/* The nth (from 0) value of `name`, borrowed until the list changes; false where there is none. */
WEIR_API bool weir_metadata_get(const weir_metadata *metadata, const char *name, size_t nth,
                                weir_slice *value);

#ifdef __cplusplus
}
#endif

#endif
