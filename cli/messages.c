/* SPDX-License-Identifier: MIT */
/*
 * messages.c - which field of which message has which number and type; see streams.proto.
 */
#include "messages.h"

#include <string.h>

#include "wire.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool read_fields(const weir_bytes *message, const wire_field *fields, size_t count)
{
    return wire_read((weir_slice){message->data, message->size}, fields, count);
}

weir_slice slice_of(const char *string)
{
    return (weir_slice){(const uint8_t *)string, strlen(string)};
}

weir_bytes tick_request_write(const tick_request *request)
{
    weir_builder out = {0};

    wire_put_number(&out, 1, request->count);
    wire_put_number(&out, 2, request->interval_ns);
    return weir_builder_finish(&out);
}

bool tick_request_read(const weir_bytes *message, tick_request *request)
{
    const wire_field fields[] = {{1, WIRE_UINT64, &request->count},
                                 {2, WIRE_UINT64, &request->interval_ns}};

    *request = (tick_request){0};
    return read_fields(message, fields, COUNT(fields));
}

weir_bytes tail_request_write(const tail_request *request)
{
    weir_builder out = {0};

    wire_put_bytes(&out, 1, request->path);
    wire_put_number(&out, 2, request->from_end);
    return weir_builder_finish(&out);
}

bool tail_request_read(const weir_bytes *message, tail_request *request)
{
    const wire_field fields[] = {{1, WIRE_STRING, &request->path},
                                 {2, WIRE_BOOL, &request->from_end}};

    *request = (tail_request){0};
    return read_fields(message, fields, COUNT(fields));
}

weir_bytes tail_reply_write(const tail_reply *reply)
{
    weir_builder out = {0};

    wire_put_bytes(&out, 1, reply->line);
    wire_put_number(&out, 2, reply->partial);
    wire_put_number(&out, 3, reply->restarted);
    return weir_builder_finish(&out);
}

bool tail_reply_read(const weir_bytes *message, tail_reply *reply)
{
    const wire_field fields[] = {{1, WIRE_BYTES, &reply->line},
                                 {2, WIRE_BOOL, &reply->partial},
                                 {3, WIRE_BOOL, &reply->restarted}};

    *reply = (tail_reply){0};
    return read_fields(message, fields, COUNT(fields));
}

weir_bytes download_request_write(const download_request *request)
{
    weir_builder out = {0};

    wire_put_bytes(&out, 1, request->path);
    wire_put_number(&out, 2, request->chunk_size);
    return weir_builder_finish(&out);
}

bool download_request_read(const weir_bytes *message, download_request *request)
{
    const wire_field fields[] = {{1, WIRE_STRING, &request->path},
                                 {2, WIRE_UINT32, &request->chunk_size}};

    *request = (download_request){0};
    return read_fields(message, fields, COUNT(fields));
}

bool download_reply_read(const weir_bytes *message, download_reply *reply)
{
    const wire_field fields[] = {{1, WIRE_UINT64, &reply->total_size},
                                 {2, WIRE_BYTES, &reply->data}};

    *reply = (download_reply){0};
    return read_fields(message, fields, COUNT(fields));
}

/* The header is built apart, so that the message is allocated once, at its exact size. */
weir_bytes download_reply_prepare(uint64_t total_size, size_t size, uint8_t **data)
{
    weir_builder header = {0};
    weir_bytes begin, message;
    uint8_t *memory;

    wire_put_number(&header, 1, total_size);
    wire_put_bytes_header(&header, 2, size);
    begin = weir_builder_finish(&header);
    if (weir_bytes_failed(&begin))
        return begin;
    message = weir_bytes_new(begin.size + size, &memory);
    if (!weir_bytes_failed(&message)) {
        if (begin.size > 0)
            memcpy(memory, begin.data, begin.size);
        *data = memory + begin.size;
    }
    weir_bytes_unref(&begin);
    return message;
}

weir_bytes upload_reply_write(const upload_reply *reply)
{
    weir_builder out = {0};

    wire_put_number(&out, 1, reply->size);
    wire_put_bytes(&out, 2, reply->sha256);
    return weir_builder_finish(&out);
}

bool upload_reply_read(const weir_bytes *message, upload_reply *reply)
{
    const wire_field fields[] = {{1, WIRE_UINT64, &reply->size}, {2, WIRE_STRING, &reply->sha256}};

    *reply = (upload_reply){0};
    return read_fields(message, fields, COUNT(fields));
}

weir_bytes text_write(weir_slice text)
{
    weir_builder out = {0};

    wire_put_bytes(&out, 1, text);
    return weir_builder_finish(&out);
}

bool text_read(const weir_bytes *message, weir_slice *text)
{
    const wire_field fields[] = {{1, WIRE_STRING, text}};

    *text = (weir_slice){0};
    return read_fields(message, fields, COUNT(fields));
}

bool data_read(const weir_bytes *message, weir_slice *data)
{
    const wire_field fields[] = {{1, WIRE_BYTES, data}};

    *data = (weir_slice){0};
    return read_fields(message, fields, COUNT(fields));
}
