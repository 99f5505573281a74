/* SPDX-License-Identifier: MIT */
/*
 * test_compression.c - the claims of framing/compression.h.
 */
#include "framing/compression.h"

#include "unit/failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static const weir_compression kinds[] = {WEIR_GZIP, WEIR_DEFLATE};

static size_t largest;

static void *watch_allocate(void *self, size_t size)
{
    (void)self;
    largest = size > largest ? size : largest;
    return malloc(size);
}

static void *watch_resize(void *self, void *memory, size_t size)
{
    (void)self;
    largest = size > largest ? size : largest;
    return realloc(memory, size);
}

static void watch_release(void *self, void *memory)
{
    (void)self;
    free(memory);
}

static void largest_allocation_begin(void)
{
    static const weir_allocator watching = {watch_allocate, watch_resize, watch_release, NULL};

    largest = 0;
    weir_set_allocator(&watching);
}

static size_t largest_allocation_end(void)
{
    weir_set_allocator(NULL);
    return largest;
}

static weir_slice slice(const char *text)
{
    return (weir_slice){(const uint8_t *)text, strlen(text)};
}

/* `size` bytes that compress well and are not all the same. */
static weir_bytes words(size_t size)
{
    uint8_t *memory;
    weir_bytes bytes = weir_bytes_new(size, &memory);

    for (size_t i = 0; i < size; i++)
        memory[i] = (uint8_t) "the quick brown fox "[i % 20] + (uint8_t)(i / 5000 % 7);
    return bytes;
}

static weir_bytes deflated(weir_compression kind, const weir_bytes *plain)
{
    struct deflater *deflater = deflater_create();
    weir_bytes small = {0};

    assert_true(deflater_run(deflater, kind, plain, &small));
    assert_true(small.size < plain->size);
    deflater_free(deflater);
    return small;
}

static weir_code inflate_code(weir_compression kind, const weir_bytes *data, size_t max_size)
{
    weir_status why = {0};
    weir_bytes plain;
    weir_code code = compression_inflate(kind, data, max_size, NULL, &plain, &why);

    assert_int_equal(code, why.code);
    assert_int_equal(code != WEIR_OK && plain.buffer != NULL, 0);
    weir_bytes_unref(&plain);
    weir_status_clear(&why);
    return code;
}

static void a_message_comes_out_as_it_went_in(void **state)
{
    static const size_t sizes[] = {100, 1023, 1024, 1025, 2048, 100000, 3 * MIB};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        weir_bytes plain = words(sizes[i / 2]), small = deflated(kinds[i % 2], &plain), out;

        assert_int_equal(compression_inflate(kinds[i % 2], &small, plain.size, NULL, &out, NULL),
                         WEIR_OK);
        assert_true(weir_bytes_equal(&plain, &out));
        weir_bytes_unref(&out);
        weir_bytes_unref(&small);
        weir_bytes_unref(&plain);
    }
}

static void a_deflater_begins_anew_for_each_message(void **state)
{
    struct deflater *deflater = deflater_create();
    weir_bytes plain = words(5000), first = {0}, second = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(deflater_run(deflater, kinds[i], &plain, &first));
        assert_true(deflater_run(deflater, kinds[i], &plain, &second));
        assert_true(weir_bytes_equal(&first, &second));
        weir_bytes_unref(&first);
        weir_bytes_unref(&second);
    }
    weir_bytes_unref(&plain);
    deflater_free(deflater);
}

static void what_does_not_become_smaller_is_not_deflated(void **state)
{
    struct deflater *deflater = deflater_create();
    weir_bytes tiny = weir_bytes_static("aaaaaaaaaaaaaaaa", 16), noise, out = {0};
    uint8_t *memory;
    uint32_t random = 1;

    (void)state;
    noise = weir_bytes_new(10000, &memory);
    for (size_t i = 0; i < 10000; i++)
        memory[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
    assert_false(deflater_run(deflater, WEIR_GZIP, &tiny, &out));
    assert_false(deflater_run(deflater, WEIR_GZIP, &noise, &out));
    assert_null(out.buffer);
    weir_bytes_unref(&noise);
    deflater_free(deflater);
}

static void the_limit_is_the_largest_message_and_one_byte_more_is_too_much(void **state)
{
    weir_bytes plain = words(50000);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_bytes small = deflated(kinds[i], &plain);

        assert_int_equal(inflate_code(kinds[i], &small, 50000), WEIR_OK);
        assert_int_equal(inflate_code(kinds[i], &small, 49999), WEIR_RESOURCE_EXHAUSTED);
        assert_int_equal(inflate_code(kinds[i], &small, 0), WEIR_RESOURCE_EXHAUSTED);
        weir_bytes_unref(&small);
    }
    weir_bytes_unref(&plain);
}

static void a_bomb_costs_no_more_than_the_limit(void **state)
{
    uint8_t *memory;
    weir_bytes zeros = weir_bytes_new(64 * MIB, &memory), bomb;

    (void)state;
    memset(memory, 0, zeros.size);
    bomb = deflated(WEIR_GZIP, &zeros);
    weir_bytes_unref(&zeros);
    assert_true(bomb.size < MIB / 8);
    largest_allocation_begin();
    assert_int_equal(inflate_code(WEIR_GZIP, &bomb, MIB), WEIR_RESOURCE_EXHAUSTED);
    assert_in_range(largest_allocation_end(), MIB, MIB + 128);
    weir_bytes_unref(&bomb);
}

static void broken_data_is_internal(void **state)
{
    weir_bytes plain = words(5000);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_bytes small = deflated(kinds[i], &plain),
                   bad = weir_bytes_copy(small.data, small.size);
        uint8_t *data = (uint8_t *)bad.data;

        data[bad.size - 1] ^= 1; /* gzip: the length; zlib: the checksum */
        assert_int_equal(inflate_code(kinds[i], &bad, MIB), WEIR_INTERNAL);
        data[bad.size - 1] ^= 1;
        data[bad.size - 5] ^= 1; /* gzip: the checksum */
        assert_int_equal(inflate_code(kinds[i], &bad, MIB), WEIR_INTERNAL);
        data[bad.size - 5] ^= 1;
        data[0] ^= 0x40;
        assert_int_equal(inflate_code(kinds[i], &bad, MIB), WEIR_INTERNAL);
        assert_int_equal(inflate_code(kinds[1 - i], &small, MIB), WEIR_INTERNAL);
        weir_bytes_unref(&bad);
        weir_bytes_unref(&small);
    }
    weir_bytes_unref(&plain);
}

static void every_truncation_is_internal_and_so_is_more_than_one_message(void **state)
{
    weir_bytes plain = words(300);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_bytes small = deflated(kinds[i], &plain);
        weir_builder two = {0};
        weir_bytes both;

        for (size_t size = 0; size < small.size; size++) {
            weir_bytes part = weir_bytes_static(small.data, size);

            assert_int_equal(inflate_code(kinds[i], &part, MIB), WEIR_INTERNAL);
        }
        weir_builder_append(&two, small.data, small.size);
        weir_builder_append(&two, small.data, small.size);
        both = weir_builder_finish(&two);
        assert_int_equal(inflate_code(kinds[i], &both, MIB), WEIR_INTERNAL);
        weir_bytes_unref(&both);
        weir_bytes_unref(&small);
    }
    weir_bytes_unref(&plain);
}

static void without_memory_inflating_is_exhausted_and_deflating_does_without(void **state)
{
    weir_bytes plain = words(100000), small = deflated(WEIR_GZIP, &plain), out;
    bool failed = true;

    (void)state;
    for (size_t at = 0; failed; at++) {
        weir_code code;

        memory_fails_at(at);
        code = compression_inflate(WEIR_GZIP, &small, MIB, NULL, &out, NULL);
        weir_bytes_unref(&out);
        assert_int_equal(failing_memory.living, 0);
        failed = memory_failed();
        assert_int_equal(code, failed ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK);
    }
    failed = true;
    for (size_t at = 0; failed; at++) {
        struct deflater *deflater;
        bool done;

        out = (weir_bytes){0};
        memory_fails_at(at);
        deflater = deflater_create();
        done = deflater != NULL && deflater_run(deflater, WEIR_GZIP, &plain, &out);
        assert_int_equal(done, out.size != 0);
        weir_bytes_unref(&out);
        deflater_free(deflater);
        assert_int_equal(failing_memory.living, 0);
        failed = memory_failed();
        assert_true(done || failed); /* without memory to shrink it, it is sent as it is */
    }
    weir_bytes_unref(&small);
    weir_bytes_unref(&plain);
}

static void names_are_exact_and_lists_may_have_spaces_and_strangers(void **state)
{
    weir_compression kind;

    (void)state;
    assert_true(compression_parse(slice("gzip"), &kind) && kind == WEIR_GZIP);
    assert_true(compression_parse(slice("deflate"), &kind) && kind == WEIR_DEFLATE);
    assert_true(compression_parse(slice("identity"), &kind) && kind == WEIR_IDENTITY);
    assert_false(compression_parse(slice("GZIP"), &kind));
    assert_false(compression_parse(slice("gzi"), &kind));
    assert_false(compression_parse(slice(""), &kind));
    assert_int_equal(compression_parse_list(slice("gzip")), 1 << WEIR_GZIP);
    assert_int_equal(compression_parse_list(slice(" snappy, gzip ,,identity")),
                     1 << WEIR_GZIP | 1 << WEIR_IDENTITY);
    assert_int_equal(compression_parse_list(slice("br,")), 0);
    assert_int_equal(compression_parse_list(slice("")), 0);
    assert_int_equal(compression_parse_list(slice(compression_accepted)), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_out_as_it_went_in),
        cmocka_unit_test(a_deflater_begins_anew_for_each_message),
        cmocka_unit_test(what_does_not_become_smaller_is_not_deflated),
        cmocka_unit_test(the_limit_is_the_largest_message_and_one_byte_more_is_too_much),
        cmocka_unit_test(a_bomb_costs_no_more_than_the_limit),
        cmocka_unit_test(broken_data_is_internal),
        cmocka_unit_test(every_truncation_is_internal_and_so_is_more_than_one_message),
        cmocka_unit_test(without_memory_inflating_is_exhausted_and_deflating_does_without),
        cmocka_unit_test(names_are_exact_and_lists_may_have_spaces_and_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
