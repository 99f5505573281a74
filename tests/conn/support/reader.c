/* SPDX-License-Identifier: MIT */
/*
 * reader.c - who polls a stream in a test, and what is expected of it.
 */
#include "conn/support/reader.h"

#include "conn/support/source.h"

#include <stdio.h>
#include <string.h>

void reader_init(struct reader *reader, weir_stream stream, weir_call *call)
{
    *reader = (struct reader){
        .stream = stream,
        .call = call != NULL ? weir_call_ref(call) : NULL,
        .task = weir_task_create(NULL),
    };
    if (reader->task == NULL) /* a test of memory that runs out, once */
        reader->task = weir_task_create(NULL);
}

void reader_clear(struct reader *reader)
{
    weir_stream_release(&reader->stream);
    weir_call_unref(reader->call);
    weir_task_free(reader->task);
    *reader = (struct reader){.over = true};
}

static void note_end(struct reader *reader, weir_poll poll, const weir_status *status)
{
    if (reader->over)
        return;
    reader->over = true;
    reader->code = poll == WEIR_ERROR ? status->code : WEIR_OK;
    snprintf(reader->why, sizeof reader->why, "%.*s", (int)status->message.size,
             (const char *)status->message.data);
}

weir_poll reader_poll(struct reader *reader, weir_item *item)
{
    weir_poll poll;

    weir_task_begin(reader->task, now);
    poll = weir_stream_poll(&reader->stream, reader->task, item);
    if (poll == WEIR_READY) {
        reader->messages++;
        reader->bytes += item->message.size;
    } else if (poll != WEIR_PENDING) {
        note_end(reader, poll, &item->status);
    }
    return poll;
}

uint64_t reader_drain_at(struct reader *reader, size_t size, const char *file, int line)
{
    uint64_t before = reader->messages;
    weir_item item;

    while (reader_poll(reader, &item) == WEIR_READY) {
        bool right = message_is(&item.message, reader->messages - 1, size);

        weir_item_clear(&item);
        _assert_true(right, "the next message in order, and whole", file, line);
    }
    weir_item_clear(&item);
    return reader->messages - before;
}

uint64_t reader_skim(struct reader *reader)
{
    uint64_t before = reader->messages;
    weir_item item;

    while (reader_poll(reader, &item) == WEIR_READY)
        weir_item_clear(&item);
    weir_item_clear(&item);
    return reader->messages - before;
}

/* ---- expectations ---- */

void expect_poll_at(struct reader *reader, weir_poll poll, weir_code code, const char *file,
                    int line)
{
    weir_item item;
    weir_poll got = reader_poll(reader, &item);

    if (got == WEIR_ERROR && (poll != WEIR_ERROR || item.status.code != code))
        print_error("[ %s: %.*s ]\n", weir_code_name(item.status.code),
                    (int)item.status.message.size, (const char *)item.status.message.data);
    _assert_int_equal(got, poll, file, line);
    _assert_int_equal(item.status.code, code, file, line);
    weir_item_clear(&item);
}

void expect_text_at(struct reader *reader, const char *text, const char *file, int line)
{
    weir_item item;

    _assert_int_equal(reader_poll(reader, &item), WEIR_READY, file, line);
    _assert_int_equal(item.message.size, strlen(text), file, line);
    if (item.message.size != 0)
        _assert_memory_equal(item.message.data, text, strlen(text), file, line);
    weir_item_clear(&item);
}

void expect_number_at(struct reader *reader, uint64_t number, size_t size, const char *file,
                      int line)
{
    weir_item item;

    _assert_int_equal(reader_poll(reader, &item), WEIR_READY, file, line);
    _assert_true(message_is(&item.message, number, size), "the message of this number", file, line);
    weir_item_clear(&item);
}

void expect_metadata_at(const weir_metadata *metadata, const char *name, size_t nth,
                        const char *text, const char *file, int line)
{
    weir_slice value = {0};

    _assert_int_equal(weir_metadata_get(metadata, name, nth, &value), text != NULL, file, line);
    if (text == NULL)
        return;
    _assert_int_equal(value.size, strlen(text), file, line);
    _assert_memory_equal(value.data, text, value.size, file, line);
}
