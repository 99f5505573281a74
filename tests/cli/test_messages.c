/* SPDX-License-Identifier: MIT */
/*
 * test_messages.c - the messages of streams.proto on the wire, and wire format that is hostile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "messages.h"
#include "wire.h"

#define BYTES(literal) weir_bytes_static(literal, sizeof literal - 1)
#define SLICE(literal) ((weir_slice){(const uint8_t *)(literal), sizeof literal - 1})

static void assert_slice(weir_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    if (slice.size > 0)
        assert_memory_equal(slice.data, expected, slice.size);
}

static void assert_bytes(weir_bytes message, const char *expected, size_t size)
{
    assert_int_equal(message.size, size);
    if (size > 0)
        assert_memory_equal(message.data, expected, size);
    weir_bytes_unref(&message);
}

static void a_tick_request_is_two_varints(void **state)
{
    tick_request request = {300, UINT64_MAX};

    (void)state;
    weir_bytes message = tick_request_write(&request);
    assert_int_equal(message.size, 14);
    assert_memory_equal(message.data, "\x08\xac\x02\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                        14);
    request = (tick_request){0};
    assert_true(tick_request_read(&message, &request));
    assert_int_equal(request.count, 300);
    assert_true(request.interval_ns == UINT64_MAX);
    weir_bytes_unref(&message);
}

static void defaults_are_not_written(void **state)
{
    (void)state;
    assert_bytes(tick_request_write(&(tick_request){0}), "", 0);
    assert_bytes(tail_reply_write(&(tail_reply){0}), "", 0);
    assert_bytes(text_write((weir_slice){0}), "", 0);
}

static void an_empty_message_reads_as_defaults(void **state)
{
    tail_request request = {SLICE("old"), true};
    weir_bytes empty = {0};

    (void)state;
    assert_true(tail_request_read(&empty, &request));
    assert_int_equal(request.path.size, 0);
    assert_false(request.from_end);
}

static void a_tail_request_goes_and_comes(void **state)
{
    tail_request request = {SLICE("a/b.log"), true};

    (void)state;
    weir_bytes message = tail_request_write(&request);
    request = (tail_request){0};
    assert_true(tail_request_read(&message, &request));
    assert_slice(request.path, "a/b.log");
    assert_true(request.from_end);
    weir_bytes_unref(&message);
}

static void a_tail_reply_may_hold_any_bytes(void **state)
{
    tail_reply reply = {SLICE("\xff\xfe line"), true, true};

    (void)state;
    weir_bytes message = tail_reply_write(&reply);
    reply = (tail_reply){0};
    assert_true(tail_reply_read(&message, &reply));
    assert_slice(reply.line, "\xff\xfe line");
    assert_true(reply.partial && reply.restarted);
    weir_bytes_unref(&message);
}

static void a_download_request_goes_and_comes(void **state)
{
    download_request request = {SLICE("big.iso"), 65536};

    (void)state;
    weir_bytes message = download_request_write(&request);
    request = (download_request){0};
    assert_true(download_request_read(&message, &request));
    assert_slice(request.path, "big.iso");
    assert_int_equal(request.chunk_size, 65536);
    weir_bytes_unref(&message);
}

static void a_download_reply_is_filled_in_place(void **state)
{
    download_reply reply;
    uint8_t *data;

    (void)state;
    weir_bytes message = download_reply_prepare(1000, 3, &data);
    memcpy(data, "abc", 3);
    assert_true(download_reply_read(&message, &reply));
    assert_int_equal(reply.total_size, 1000);
    assert_slice(reply.data, "abc");
    weir_bytes_unref(&message);
}

static void a_download_reply_of_an_empty_file_is_empty(void **state)
{
    uint8_t *data;

    (void)state;
    assert_bytes(download_reply_prepare(0, 0, &data), "", 0);
}

static void an_upload_reply_goes_and_comes(void **state)
{
    upload_reply reply = {5, SLICE("abcdef")};

    (void)state;
    weir_bytes message = upload_reply_write(&reply);
    reply = (upload_reply){0};
    assert_true(upload_reply_read(&message, &reply));
    assert_int_equal(reply.size, 5);
    assert_slice(reply.sha256, "abcdef");
    weir_bytes_unref(&message);
}

static void the_last_of_a_repeated_field_wins(void **state)
{
    weir_bytes message = BYTES("\x08\x01\x08\x02\x08\x03");
    tick_request request;

    (void)state;
    assert_true(tick_request_read(&message, &request));
    assert_int_equal(request.count, 3);
}

static void unknown_fields_of_every_type_are_skipped(void **state)
{
    /* 99: varint, fixed64, length, fixed32, and a group that holds a group; then count = 7. */
    weir_bytes message = BYTES("\x98\x06\x80\x01"
                               "\x99\x06"
                               "12345678"
                               "\x9a\x06\x03xyz"
                               "\x9d\x06"
                               "1234"
                               "\x9b\x06\x08\x05\x1b\x08\x09\x1c\x9c\x06"
                               "\x08\x07");
    tick_request request;

    (void)state;
    assert_true(tick_request_read(&message, &request));
    assert_int_equal(request.count, 7);
}

static void a_known_field_of_another_type_is_unknown(void **state)
{
    weir_bytes text_for_number = BYTES("\x0a\x02hi");
    weir_bytes number_for_text = BYTES("\x08\x05");
    tick_request request;
    weir_slice text;

    (void)state;
    assert_true(tick_request_read(&text_for_number, &request));
    assert_int_equal(request.count, 0);
    assert_true(text_read(&number_for_text, &text));
    assert_int_equal(text.size, 0);
}

static void what_is_cut_off_does_not_parse(void **state)
{
    tail_reply reply = {SLICE("line"), true, true};
    weir_bytes whole = tail_reply_write(&reply);

    (void)state;
    for (size_t size = 1; size < whole.size; size++) {
        weir_bytes part = weir_bytes_copy(whole.data, size); /* so that ASan sees a read past it */

        if (size != 6 && size != 8) /* the ends of fields */
            assert_false(tail_reply_read(&part, &reply));
        weir_bytes_unref(&part);
    }
    weir_bytes_unref(&whole);
}

static void assert_broken(const char *data, size_t size)
{
    weir_bytes message = weir_bytes_copy(data, size);
    weir_slice text;

    assert_false(text_read(&message, &text));
    weir_bytes_unref(&message);
}

#define ASSERT_BROKEN(literal) assert_broken(literal, sizeof literal - 1)

static void malformed_messages_do_not_parse(void **state)
{
    (void)state;
    ASSERT_BROKEN("\x00");                                             /* field number 0 */
    ASSERT_BROKEN("\x0e");                                             /* wire type 6 */
    ASSERT_BROKEN("\x0f");                                             /* wire type 7 */
    ASSERT_BROKEN("\x0a");                                             /* no length */
    ASSERT_BROKEN("\x0a\x02x");                                        /* a length past the end */
    ASSERT_BROKEN("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");     /* 2^64 - 1 bytes */
    ASSERT_BROKEN("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* 11 bytes of varint */
    ASSERT_BROKEN("\xff\xff\xff\xff\xff\x01\x00");                     /* a tag of 36 bits */
    ASSERT_BROKEN("\x0c");                                             /* the end of no group */
    ASSERT_BROKEN("\x0b");                                             /* a group without an end */
    ASSERT_BROKEN("\x0b\x14");                                         /* another group's end */
}

static void groups_may_nest_a_hundred_deep_and_no_deeper(void **state)
{
    uint8_t nested[202];
    weir_slice text;

    (void)state;
    memset(nested, 0x13, 100);
    memset(nested + 100, 0x14, 100);
    weir_bytes hundred = weir_bytes_copy(nested, 200);
    assert_true(text_read(&hundred, &text));
    weir_bytes_unref(&hundred);
    memset(nested, 0x13, 101);
    memset(nested + 101, 0x14, 101);
    assert_broken((const char *)nested, 202);
}

static void a_million_open_groups_do_no_harm(void **state)
{
    char *open = malloc(1000000);

    (void)state;
    assert_non_null(open);
    memset(open, 0x13, 1000000);
    assert_broken(open, 1000000);
    free(open);
}

static void random_bytes_never_read_past_the_end(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t data[24];
        tail_reply reply;
        weir_bytes message;

        for (size_t j = 0; j < sizeof data; j++) {
            seed = seed * 1664525 + 1013904223;
            data[j] = (uint8_t)(seed >> 24 & (j % 3 == 0 ? 0x1f : 0xff));
        }
        message = weir_bytes_copy(data, seed % sizeof data);
        if (tail_reply_read(&message, &reply) && reply.line.size > 0)
            assert_in_range(reply.line.data - message.data + (ptrdiff_t)reply.line.size, 1,
                            message.size);
        weir_bytes_unref(&message);
    }
}

static void utf8_is_what_unicode_says(void **state)
{
    (void)state;
    assert_true(wire_is_utf8(SLICE("")));
    assert_true(wire_is_utf8(SLICE("plain")));
    assert_true(wire_is_utf8(SLICE("gr\xc3\xbcn \xe4\xb8\xad \xf0\x9f\x8c\x8a")));
    assert_true(wire_is_utf8(SLICE("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf")));
    assert_false(wire_is_utf8(SLICE("\x80")));             /* begins in the middle */
    assert_false(wire_is_utf8(SLICE("\xc3")));             /* ends in the middle */
    assert_false(wire_is_utf8(SLICE("\xc3(")));            /* breaks off */
    assert_false(wire_is_utf8(SLICE("\xc0\x80")));         /* longer than needed */
    assert_false(wire_is_utf8(SLICE("\xe0\x80\x80")));     /* longer than needed */
    assert_false(wire_is_utf8(SLICE("\xed\xa0\x80")));     /* half a surrogate pair */
    assert_false(wire_is_utf8(SLICE("\xf4\x90\x80\x80"))); /* past U+10FFFF */
    assert_false(wire_is_utf8(SLICE("\xff")));
}

static void a_string_must_be_utf8_and_bytes_need_not(void **state)
{
    weir_bytes message = BYTES("\x0a\x01\xff");
    weir_slice slice;

    (void)state;
    assert_false(text_read(&message, &slice));
    assert_true(data_read(&message, &slice));
    assert_slice(slice, "\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_request_is_two_varints),
        cmocka_unit_test(defaults_are_not_written),
        cmocka_unit_test(an_empty_message_reads_as_defaults),
        cmocka_unit_test(a_tail_request_goes_and_comes),
        cmocka_unit_test(a_tail_reply_may_hold_any_bytes),
        cmocka_unit_test(a_download_request_goes_and_comes),
        cmocka_unit_test(a_download_reply_is_filled_in_place),
        cmocka_unit_test(a_download_reply_of_an_empty_file_is_empty),
        cmocka_unit_test(an_upload_reply_goes_and_comes),
        cmocka_unit_test(the_last_of_a_repeated_field_wins),
        cmocka_unit_test(unknown_fields_of_every_type_are_skipped),
        cmocka_unit_test(a_known_field_of_another_type_is_unknown),
        cmocka_unit_test(what_is_cut_off_does_not_parse),
        cmocka_unit_test(malformed_messages_do_not_parse),
        cmocka_unit_test(groups_may_nest_a_hundred_deep_and_no_deeper),
        cmocka_unit_test(a_million_open_groups_do_no_harm),
        cmocka_unit_test(random_bytes_never_read_past_the_end),
        cmocka_unit_test(utf8_is_what_unicode_says),
        cmocka_unit_test(a_string_must_be_utf8_and_bytes_need_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
