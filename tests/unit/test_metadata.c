/* SPDX-License-Identifier: MIT */
/*
 * test_metadata.c - the claims of weir/metadata.h and metadata/metadata.h.
 */
#include "metadata/metadata.h"

#include "failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int setup(void **state)
{
    *state = weir_metadata_create();
    return *state == NULL;
}

static int teardown(void **state)
{
    weir_metadata_free(*state);
    return 0;
}

static weir_code add(weir_metadata *metadata, const char *name, const char *value)
{
    return weir_metadata_add(metadata, name, value, strlen(value));
}

static weir_code receive(weir_metadata *metadata, const char *name, const char *value)
{
    return metadata_append_wire(metadata, (const uint8_t *)name, strlen(name),
                                (const uint8_t *)value, strlen(value));
}

static void assert_pair(const weir_metadata *metadata, size_t index, const char *name,
                        const char *value)
{
    weir_slice n, v;

    weir_metadata_at(metadata, index, &n, &v);
    assert_int_equal(n.size, strlen(name));
    assert_string_equal((const char *)n.data, name);
    assert_int_equal(v.size, strlen(value));
    assert_memory_equal(v.data, value, v.size);
}

static void pairs_keep_their_order_and_duplicates(void **state)
{
    weir_metadata *metadata = *state;
    weir_slice value;

    assert_int_equal(add(metadata, "a", "1"), WEIR_OK);
    assert_int_equal(add(metadata, "b", "2"), WEIR_OK);
    assert_int_equal(add(metadata, "a", "3"), WEIR_OK);
    assert_int_equal(weir_metadata_count(metadata), 3);
    assert_pair(metadata, 0, "a", "1");
    assert_pair(metadata, 1, "b", "2");
    assert_pair(metadata, 2, "a", "3");
    assert_true(weir_metadata_get(metadata, "a", 1, &value));
    assert_memory_equal(value.data, "3", 1);
    assert_false(weir_metadata_get(metadata, "a", 2, &value));
    assert_false(weir_metadata_get(metadata, "c", 0, &value));
    assert_false(weir_metadata_get(metadata, "", 0, &value));
}

static void pairs_are_copied(void **state)
{
    char name[] = "name", value[] = "value";

    assert_int_equal(weir_metadata_add(*state, name, value, 5), WEIR_OK);
    name[0] = value[0] = 'x';
    assert_pair(*state, 0, "name", "value");
}

static void many_pairs_fit(void **state)
{
    char name[16], value[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        snprintf(value, sizeof value, "v%d", i);
        assert_int_equal(add(*state, name, value), WEIR_OK);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        snprintf(value, sizeof value, "v%d", i);
        assert_pair(*state, (size_t)i, name, value);
    }
}

static void names_are_lower_case_letters_digits_and_three_marks(void **state)
{
    static const char *const bad[] = {"",          "Name", "a b", "a:b",  "a/b",
                                      "n\xC3\xA9", "a\n",  "a!",  ":path"};

    assert_int_equal(add(*state, "abcdefghijklmnopqrstuvwxyz0123456789_-.", "v"), WEIR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(add(*state, bad[i], "v"), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_metadata_count(*state), 1);
}

static void the_librarys_names_are_reserved(void **state)
{
    static const char *const reserved[] = {
        ":authority",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "grpc-timeout",
        "grpc-encoding",
        "te",
        "grpc-accept-encoding",
        "content-type",
        "grpc-message-type",
        "user-agent",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "host",
    };

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        assert_true(metadata_is_reserved(reserved[i], strlen(reserved[i])));
        assert_int_equal(add(*state, reserved[i], "v"), WEIR_INVALID_ARGUMENT);
    }
    assert_int_equal(weir_metadata_count(*state), 0);
}

static void other_names_of_grpcs_may_be_sent(void **state)
{
    assert_int_equal(add(*state, "grpc-retry-pushback-ms", "10"), WEIR_OK);
    assert_int_equal(add(*state, "grpc-", "v"), WEIR_OK);
    assert_int_equal(add(*state, "grpc-statu", "v"), WEIR_OK);
    assert_int_equal(add(*state, "grpc-status2", "v"), WEIR_OK);
    assert_int_equal(add(*state, "t", "v"), WEIR_OK);
    assert_int_equal(add(*state, "authorization", "Bearer x"), WEIR_OK);
    assert_false(metadata_is_reserved("", 0));
}

static void outer_spaces_of_ascii_values_are_stripped(void **state)
{
    assert_int_equal(add(*state, "a", "  two words "), WEIR_OK);
    assert_int_equal(add(*state, "b", "   "), WEIR_OK);
    assert_int_equal(receive(*state, "c", " \tvalue\t "), WEIR_OK);
    assert_pair(*state, 0, "a", "two words");
    assert_pair(*state, 1, "b", "");
    assert_pair(*state, 2, "c", "value");
}

static void values_that_may_not_be_sent_are_refused(void **state)
{
    static const char *const bad[] = {"a\r\nb", "a\nb", "\x01", "\x7F", "caf\xC3\xA9", "a\tb"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(add(*state, "name", bad[i]), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_metadata_add(*state, "name", "a\0b", 3), WEIR_INVALID_ARGUMENT);
    assert_int_equal(add(*state, "name", " !~"), WEIR_OK);
    assert_int_equal(weir_metadata_add(*state, "empty", NULL, 0), WEIR_OK);
}

static void binary_values_are_raw_bytes_here(void **state)
{
    weir_slice value;

    assert_int_equal(weir_metadata_add(*state, "x-bin", " \0\xFF\n ", 5), WEIR_OK);
    assert_int_equal(weir_metadata_add(*state, "-bin", NULL, 0), WEIR_OK);
    assert_true(weir_metadata_get(*state, "x-bin", 0, &value));
    assert_int_equal(value.size, 5);
    assert_memory_equal(value.data, " \0\xFF\n ", 5);
}

static void binary_values_leave_as_base64_without_padding(void **state)
{
    struct weir_arena arena = {0};
    weir_slice value;

    assert_int_equal(weir_metadata_add(*state, "x-bin", "\xFF\x00\x01\x02", 4), WEIR_OK);
    assert_int_equal(weir_metadata_add(*state, "e-bin", "", 0), WEIR_OK);
    assert_int_equal(add(*state, "plain", "text"), WEIR_OK);
    assert_int_equal(metadata_wire_value(*state, 0, &arena, &value), WEIR_OK);
    assert_int_equal(value.size, 6);
    assert_memory_equal(value.data, "/wABAg", 6);
    assert_int_equal(metadata_wire_value(*state, 1, &arena, &value), WEIR_OK);
    assert_int_equal(value.size, 0);
    assert_int_equal(metadata_wire_value(*state, 2, &arena, &value), WEIR_OK);
    assert_int_equal(value.size, 4);
    assert_memory_equal(value.data, "text", 4);
    arena_clear(&arena);
}

static void binary_values_arrive_with_and_without_padding(void **state)
{
    assert_int_equal(receive(*state, "x-bin", "Zg=="), WEIR_OK);
    assert_int_equal(receive(*state, "x-bin", "Zg"), WEIR_OK);
    assert_int_equal(receive(*state, "x-bin", ""), WEIR_OK);
    assert_pair(*state, 0, "x-bin", "f");
    assert_pair(*state, 1, "x-bin", "f");
    assert_pair(*state, 2, "x-bin", "");
}

static void binary_values_are_split_at_commas_before_decoding(void **state)
{
    assert_int_equal(receive(*state, "x-bin", "Zg==,Zm8 , Zm9v,"), WEIR_OK);
    assert_int_equal(weir_metadata_count(*state), 4);
    assert_pair(*state, 0, "x-bin", "f");
    assert_pair(*state, 1, "x-bin", "fo");
    assert_pair(*state, 2, "x-bin", "foo");
    assert_pair(*state, 3, "x-bin", "");
}

static void junk_in_a_binary_value_is_internal_and_appends_nothing(void **state)
{
    assert_int_equal(receive(*state, "x-bin", "Zg"), WEIR_OK);
    assert_int_equal(receive(*state, "x-bin", "Zg,Zg,Z"), WEIR_INTERNAL);
    assert_int_equal(receive(*state, "x-bin", "!!!!"), WEIR_INTERNAL);
    assert_int_equal(weir_metadata_count(*state), 1);
    assert_int_equal(receive(*state, "x-bin", "Zm8"), WEIR_OK);
    assert_pair(*state, 1, "x-bin", "fo");
}

static void what_could_not_be_sent_back_is_left_out_and_fails_nothing(void **state)
{
    assert_int_equal(receive(*state, "a", "caf\xC3\xA9"), WEIR_OK);
    assert_int_equal(receive(*state, "a", "x\x01y"), WEIR_OK);
    assert_int_equal(receive(*state, "a", "x\ty"), WEIR_OK);
    assert_int_equal(receive(*state, "a!b", "x"), WEIR_OK);
    assert_int_equal(weir_metadata_count(*state), 0);
}

static void what_was_received_can_be_added_again(void **state)
{
    static const char *const pairs[][2] = {
        {"a", " v "},
        {"b.c_d-e", ""},
        {"x-bin", "/w,AA=="},
        {"a", "~"},
    };
    weir_metadata *echo = weir_metadata_create();
    weir_slice name, value;

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(receive(*state, pairs[i][0], pairs[i][1]), WEIR_OK);
    for (size_t i = 0; i < weir_metadata_count(*state); i++) {
        weir_metadata_at(*state, i, &name, &value);
        assert_int_equal(weir_metadata_add(echo, (const char *)name.data, value.data, value.size),
                         WEIR_OK);
    }
    assert_int_equal(weir_metadata_count(echo), 5);
    weir_metadata_free(echo);
}

static void a_list_can_be_appended_to_another(void **state)
{
    weir_metadata *to = weir_metadata_create();

    assert_int_equal(add(*state, "a", "1"), WEIR_OK);
    assert_int_equal(weir_metadata_add(*state, "b-bin", "\0", 1), WEIR_OK);
    assert_int_equal(add(to, "c", "3"), WEIR_OK);
    assert_int_equal(metadata_append_all(to, *state), WEIR_OK);
    assert_int_equal(weir_metadata_count(to), 3);
    assert_pair(to, 0, "c", "3");
    assert_pair(to, 1, "a", "1");
    weir_metadata_free(to);
}

static void a_few_pairs_in_a_call_need_no_allocation(void **state)
{
    uint64_t memory[64];
    struct weir_arena arena;
    struct weir_metadata metadata;

    (void)state;
    memory_fails_at(0);
    arena_init(&arena, memory, sizeof memory);
    metadata_init(&metadata, &arena);
    for (int i = 0; i < 5; i++)
        assert_int_equal(receive(&metadata, "some-header-name", "a usual value"), WEIR_OK);
    assert_int_equal(failing_memory.calls, 0);
    assert_false(memory_failed());
}

/* Adds pairs of all kinds until one is refused; checks that what was added before stays whole. */
static weir_code fill(weir_metadata *metadata)
{
    static char large[5000];
    weir_slice value;
    weir_code code = WEIR_OK;

    memset(large, 'x', sizeof large);
    for (int i = 0; i < 40 && code == WEIR_OK; i++) {
        size_t before = weir_metadata_count(metadata);

        code = i % 3 == 0   ? receive(metadata, "x-bin", "AAAA,BBBB,CCCC")
               : i % 3 == 1 ? weir_metadata_add(metadata, "large", large, sizeof large)
                            : receive(metadata, "name", "value");
        if (code != WEIR_OK)
            assert_int_equal(weir_metadata_count(metadata), before);
    }
    for (size_t i = 0; weir_metadata_get(metadata, "name", i, &value); i++)
        assert_memory_equal(value.data, "value", 5);
    return code;
}

static void running_out_of_memory_is_resource_exhausted_at_every_step(void **state)
{
    (void)state;
    for (size_t at = 0;; at++) {
        memory_fails_at(at);
        weir_metadata *metadata = weir_metadata_create();
        weir_code code = metadata != NULL ? fill(metadata) : WEIR_RESOURCE_EXHAUSTED;

        weir_metadata_free(metadata);
        assert_int_equal(failing_memory.living, 0);
        bool failed = memory_failed();
        assert_int_equal(code, failed ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK);
        if (!failed)
            return;
    }
}

static void wire_values_and_copies_can_run_out_of_memory(void **state)
{
    struct weir_arena arena = {0};
    weir_metadata *to = weir_metadata_create();
    weir_slice value;

    assert_int_equal(add(*state, "a", "1"), WEIR_OK);
    assert_int_equal(weir_metadata_add(*state, "b-bin", "x", 1), WEIR_OK);
    memory_fails_at(0);
    assert_int_equal(metadata_wire_value(*state, 1, &arena, &value), WEIR_RESOURCE_EXHAUSTED);
    memory_fails_at(0);
    assert_int_equal(metadata_append_all(to, *state), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(weir_metadata_count(to), 0);
    assert_true(memory_failed());
    weir_metadata_free(to);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pairs_keep_their_order_and_duplicates),
        TEST(pairs_are_copied),
        TEST(many_pairs_fit),
        TEST(names_are_lower_case_letters_digits_and_three_marks),
        TEST(the_librarys_names_are_reserved),
        TEST(other_names_of_grpcs_may_be_sent),
        TEST(outer_spaces_of_ascii_values_are_stripped),
        TEST(values_that_may_not_be_sent_are_refused),
        TEST(binary_values_are_raw_bytes_here),
        TEST(binary_values_leave_as_base64_without_padding),
        TEST(binary_values_arrive_with_and_without_padding),
        TEST(binary_values_are_split_at_commas_before_decoding),
        TEST(junk_in_a_binary_value_is_internal_and_appends_nothing),
        TEST(what_could_not_be_sent_back_is_left_out_and_fails_nothing),
        TEST(what_was_received_can_be_added_again),
        TEST(a_list_can_be_appended_to_another),
        TEST(a_few_pairs_in_a_call_need_no_allocation),
        TEST(running_out_of_memory_is_resource_exhausted_at_every_step),
        TEST(wire_values_and_copies_can_run_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
