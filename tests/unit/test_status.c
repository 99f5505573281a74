/* SPDX-License-Identifier: MIT */
/*
 * test_status.c - the claims of weir/status.h.
 */
#include "support/streams.h"

#include "failing_memory.h"

static void the_zero_status_is_ok(void **state)
{
    weir_status status = {0};

    (void)state;
    assert_int_equal(status.code, WEIR_OK);
    weir_status_clear(&status);
}

static void make_formats_a_message(void **state)
{
    weir_status status = weir_status_make(WEIR_NOT_FOUND, "no %s at %d", "cat", 4);

    (void)state;
    assert_int_equal(status.code, WEIR_NOT_FOUND);
    assert_bytes(&status.message, "no cat at 4");
    assert_int_equal(status.details.size, 0);
    weir_status_clear(&status);
    assert_int_equal(status.code, WEIR_OK);
    assert_int_equal(status.message.size, 0);
}

static void without_memory_the_code_stands_and_the_message_is_missing(void **state)
{
    weir_status status;

    (void)state;
    memory_fails_at(0);
    status = weir_status_make(WEIR_ABORTED, "why");
    assert_true(memory_failed());
    assert_int_equal(status.code, WEIR_ABORTED);
    assert_int_equal(status.message.size, 0);
    weir_status_clear(&status);
}

static void a_copy_has_references_of_its_own(void **state)
{
    weir_status one = weir_status_make(WEIR_ABORTED, "why");
    weir_status two;

    (void)state;
    one.details = weir_bytes_copy_string("details");
    two = weir_status_ref(&one);
    weir_status_clear(&one);
    assert_int_equal(two.code, WEIR_ABORTED);
    assert_bytes(&two.message, "why");
    assert_bytes(&two.details, "details");
    weir_status_clear(&two);
}

static void fail_replaces_what_the_status_had(void **state)
{
    weir_status why = weir_status_make(WEIR_ABORTED, "before");

    (void)state;
    why.details = weir_bytes_copy_string("details");
    assert_int_equal(weir_fail(&why, WEIR_INTERNAL, "%d", 7), WEIR_INTERNAL);
    assert_int_equal(why.code, WEIR_INTERNAL);
    assert_bytes(&why.message, "7");
    assert_int_equal(why.details.size, 0);
    weir_status_clear(&why);
}

static void fail_needs_no_status(void **state)
{
    (void)state;
    assert_int_equal(weir_fail(NULL, WEIR_INTERNAL, "unseen"), WEIR_INTERNAL);
}

static void codes_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(weir_code_name(WEIR_OK), "OK");
    assert_string_equal(weir_code_name(WEIR_RESOURCE_EXHAUSTED), "RESOURCE_EXHAUSTED");
    assert_string_equal(weir_code_name(WEIR_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_string_equal(weir_code_name((weir_code)17), "UNKNOWN");
    assert_string_equal(weir_code_name((weir_code)-1), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zero_status_is_ok),
        cmocka_unit_test(make_formats_a_message),
        cmocka_unit_test(without_memory_the_code_stands_and_the_message_is_missing),
        cmocka_unit_test(a_copy_has_references_of_its_own),
        cmocka_unit_test(fail_replaces_what_the_status_had),
        cmocka_unit_test(fail_needs_no_status),
        cmocka_unit_test(codes_have_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
