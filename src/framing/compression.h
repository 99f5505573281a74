/* SPDX-License-Identifier: MIT */
/*
 * compression.h - gzip and deflate of single messages, each by itself, as gRPC has them.
 *
 * The only room that names zlib. Built without it, nothing but identity is known.
 */
#ifndef FRAMING_COMPRESSION_H
#define FRAMING_COMPRESSION_H

#include <weir/stream.h>

struct call_budget;

/* What grpc-accept-encoding says for us. */
extern const char compression_accepted[];

/* The name in grpc-encoding. */
const char *compression_name(weir_compression compression);

/* `compression` where it is built in, else identity. */
weir_compression compression_known(weir_compression compression);

/* False: the name of none that is known here. */
bool compression_parse(weir_slice name, weir_compression *out);

/* One bit for each in a list of names, 1 << compression. */
unsigned compression_parse_list(weir_slice names);

/*
 * Inflates `data`, in steps, into what never grows past max_size. RESOURCE_EXHAUSTED: it would, or
 * memory is out. INTERNAL: `data` is broken or holds more than one message's. `memory` (may be
 * NULL) is charged while it runs.
 */
weir_code compression_inflate(weir_compression compression, const weir_bytes *data, size_t max_size,
                              struct call_budget *memory, weir_bytes *out, weir_status *why);

/* A compressor that is used again for each message; NULL when memory is out. */
struct deflater;
struct deflater *deflater_create(void);
void deflater_free(struct deflater *deflater);

/* Deflates into *out. False, and *out untouched: that is not smaller, or memory is out; then the
 * message is sent as it is. */
bool deflater_run(struct deflater *deflater, weir_compression compression, const weir_bytes *data,
                  weir_bytes *out);

#endif
