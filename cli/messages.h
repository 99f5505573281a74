/* SPDX-License-Identifier: MIT */
/*
 * messages.h - the messages of proto/weir/demo/v1/streams.proto as C structs.
 *
 * Written by hand until generated code exists. read: fills the struct, which borrows from the
 * bytes; false: it does not parse. write: a message the caller owns, failed bytes when memory is
 * out.
 */
#ifndef WEIR_CLI_MESSAGES_H
#define WEIR_CLI_MESSAGES_H

#include <weir/weir.h>

#define STREAMS_TICK "/weir.demo.v1.Streams/Tick"
#define STREAMS_TAIL "/weir.demo.v1.Streams/Tail"
#define STREAMS_DOWNLOAD "/weir.demo.v1.Streams/Download"
#define STREAMS_UPLOAD "/weir.demo.v1.Streams/Upload"
#define STREAMS_CHAT "/weir.demo.v1.Streams/Chat"

typedef struct tick_request {
    uint64_t count;
    uint64_t interval_ns;
} tick_request;

typedef struct tail_request {
    weir_slice path;
    bool from_end;
} tail_request;

typedef struct tail_reply {
    weir_slice line;
    bool partial;
    bool restarted;
} tail_reply;

typedef struct download_request {
    weir_slice path;
    uint32_t chunk_size;
} download_request;

typedef struct download_reply {
    uint64_t total_size;
    weir_slice data;
} download_reply;

typedef struct upload_reply {
    uint64_t size;
    weir_slice sha256;
} upload_reply;

weir_bytes tick_request_write(const tick_request *request);
bool tick_request_read(const weir_bytes *message, tick_request *request);
weir_bytes tail_request_write(const tail_request *request);
bool tail_request_read(const weir_bytes *message, tail_request *request);
weir_bytes tail_reply_write(const tail_reply *reply);
bool tail_reply_read(const weir_bytes *message, tail_reply *reply);
weir_bytes download_request_write(const download_request *request);
bool download_request_read(const weir_bytes *message, download_request *request);
bool download_reply_read(const weir_bytes *message, download_reply *reply);
weir_bytes upload_reply_write(const upload_reply *reply);
bool upload_reply_read(const weir_bytes *message, upload_reply *reply);

/* A DownloadReply with `size` bytes of data still to be filled in at *data: files are read right
 * into the message that is sent. */
weir_bytes download_reply_prepare(uint64_t total_size, size_t size, uint8_t **data);

/* TickReply, UploadRequest, ChatRequest and ChatReply hold one field, and that has the number 1. */
weir_bytes text_write(weir_slice text);
bool text_read(const weir_bytes *message, weir_slice *text); /* a string: UTF-8 */
bool data_read(const weir_bytes *message, weir_slice *data); /* bytes */

weir_slice slice_of(const char *string);

#endif
