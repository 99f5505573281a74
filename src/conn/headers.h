/* SPDX-License-Identifier: MIT */
/*
 * headers.h - the header blocks gRPC sends.
 *
 * A list lives on the stack for as long as it takes to submit it. Running out of memory leaves out
 * what did not fit and is remembered in `failed`.
 */
#ifndef CONN_HEADERS_H
#define CONN_HEADERS_H

#include "call/call.h"
#include "http2/session.h"

#include <string.h>

#define HEADERS_INLINE 16

struct headers {
    struct http2_header first[HEADERS_INLINE];
    struct http2_header *items;
    size_t count;
    size_t capacity;
    bool failed;
    struct weir_arena arena;
    uint64_t memory[32];
};

void headers_init(struct headers *headers);
void headers_clear(struct headers *headers);

/* Name and value live until the list is submitted. */
void headers_add(struct headers *headers, const char *name, const char *value);

void headers_add_slices(struct headers *headers, weir_slice name, weir_slice value, bool literal);

/* Name and value are string literals, or live as long. */
static inline void headers_add_literal(struct headers *headers, const char *name, const char *value)
{
    headers_add_slices(headers, (weir_slice){(const uint8_t *)name, strlen(name)},
                       (weir_slice){(const uint8_t *)value, strlen(value)}, true);
}
void headers_add_metadata(struct headers *headers, const struct weir_metadata *metadata);

/* grpc-status, and where there are any grpc-message and grpc-status-details-bin. */
void headers_add_status(struct headers *headers, const weir_status *status);

/* ":status" 200 and the content-type. */
void headers_add_response(struct headers *headers);

/* True for "application/grpc", also with a "+proto" or ";..." behind it. */
bool headers_content_type_is_grpc(weir_slice value);

/* The "proto" of such a value; empty where nothing stands there. */
weir_slice headers_content_subtype(weir_slice value);

#endif
