/* SPDX-License-Identifier: MIT */
/*
 * test_progress.c - the claims of http2/progress.h.
 */
#include "http2/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { DATA, HEADERS, PING = 6, CONTINUATION = 9, END_HEADERS = 4 };

/* A frame with `size` bytes of payload. */
static size_t frame(uint8_t *out, uint8_t type, uint8_t flags, size_t size)
{
    const uint8_t header[9] = {0, (uint8_t)(size >> 8), (uint8_t)size, type, flags};

    memcpy(out, header, sizeof header);
    memset(out + sizeof header, 'x', size);
    return sizeof header + size;
}

static void expect(const struct progress *p, uint64_t passed, bool partial)
{
    assert_int_equal(p->passed, passed);
    assert_int_equal(progress_is_partial(p), partial);
}

static void a_frame_is_partial_from_its_first_byte_to_its_last(void **state)
{
    uint8_t bytes[64];
    size_t size = frame(bytes, DATA, 0, 5);
    struct progress p;

    (void)state;
    progress_init(&p, false);
    expect(&p, 0, false);
    for (size_t i = 0; i + 1 < size; i++) {
        progress_add(&p, bytes + i, 1);
        expect(&p, 0, true);
    }
    progress_add(&p, bytes + size - 1, 1);
    expect(&p, 1, false);
    progress_add(&p, bytes, size);
    expect(&p, 2, false);
}

static void a_preface_is_no_frame(void **state)
{
    uint8_t bytes[64] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t size = 24 + frame(bytes + 24, PING, 0, 8);
    struct progress p;

    (void)state;
    progress_init(&p, true);
    progress_add(&p, bytes, 23);
    expect(&p, 0, false);
    progress_add(&p, bytes + 23, size - 23);
    expect(&p, 1, false);
}

static void a_header_block_ends_with_its_last_continuation(void **state)
{
    uint8_t bytes[128];
    size_t size = frame(bytes, HEADERS, 0, 3);
    struct progress p;

    (void)state;
    progress_init(&p, false);
    progress_add(&p, bytes, size);
    expect(&p, 0, true);
    assert_int_equal(p.begun, 1);
    size = frame(bytes, CONTINUATION, 0, 0);
    progress_add(&p, bytes, size);
    expect(&p, 0, true);
    size = frame(bytes, CONTINUATION, END_HEADERS, 0);
    progress_add(&p, bytes, size);
    expect(&p, 1, false);
    assert_int_equal(p.begun, 3);
}

static void many_frames_in_one_piece_are_counted(void **state)
{
    static uint8_t bytes[100 * 309];
    size_t size = 0;
    struct progress p;

    (void)state;
    for (int i = 0; i < 100; i++)
        size += frame(bytes + size, i % 2 == 0 ? DATA : HEADERS, END_HEADERS, (size_t)i * 3);
    progress_init(&p, false);
    progress_add(&p, bytes, size);
    expect(&p, 100, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_partial_from_its_first_byte_to_its_last),
        cmocka_unit_test(a_preface_is_no_frame),
        cmocka_unit_test(a_header_block_ends_with_its_last_continuation),
        cmocka_unit_test(many_frames_in_one_piece_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
