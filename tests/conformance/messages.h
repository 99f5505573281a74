/* SPDX-License-Identifier: MIT */
/*
 * messages.h - short names for the conformance suite's generated code, and what its two programs
 * share.
 *
 * The programs talk to the suite's runner over stdin and stdout: each message behind its size, four
 * bytes, big endian. A program that runs out of memory ends at once.
 */
#ifndef TESTS_CONFORMANCE_MESSAGES_H
#define TESTS_CONFORMANCE_MESSAGES_H

#include "connectrpc/conformance/v1/service.weir.h"

#include <weir/weir.h>

#include <stdio.h>

/* Generated functions: RPC(unary__handle), MESSAGE(error__pack). */
#define RPC(name) connectrpc__conformance__v1__conformance_service__##name
#define MESSAGE(name) connectrpc__conformance__v1__##name

typedef Google__Protobuf__Any any;
typedef Connectrpc__Conformance__V1__Header header;
typedef Connectrpc__Conformance__V1__Error error;
typedef Connectrpc__Conformance__V1__ConformancePayload payload;
typedef Connectrpc__Conformance__V1__ConformancePayload__RequestInfo request_info;
typedef Connectrpc__Conformance__V1__UnaryResponseDefinition unary_definition;
typedef Connectrpc__Conformance__V1__StreamResponseDefinition stream_definition;

/* Memory of an arena, never NULL. */
void *take(weir_arena *arena, size_t size);

/* A list that grows in an arena. */
struct list {
    weir_arena *arena;
    void **items;
    size_t count;
    size_t capacity;
};
void list_add(struct list *list, void *item);

/* A message as an Any. `type` is its full name. */
any *any_of(weir_arena *arena, const char *type, uint8_t *data, size_t size);
any *any_of_message(weir_arena *arena, const weir_message_type *type, const void *message);

/* Metadata as headers: the values of one name are one header, and binary ones are base64. */
void headers_of(weir_arena *arena, const weir_metadata *metadata, size_t *count, header ***out);

/* Headers as metadata, with weir_call_add_metadata or weir_call_add_trailer. */
typedef weir_code add_fn(weir_call *call, const char *name, const void *value, size_t size);
weir_code add_headers(weir_call *call, add_fn *add, size_t count, header *const *headers,
                      weir_status *why);

/* The next message from the runner, in the arena; NULL: there is none. */
uint8_t *receive(FILE *in, weir_arena *arena, size_t *size);
void send(FILE *out, const uint8_t *data, size_t size);

void fail(const char *what);

#endif
