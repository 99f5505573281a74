/* SPDX-License-Identifier: MIT */
/*
 * test_timeout.c - the claims of call/timeout.h.
 */
#include "base/clock.h"
#include "call/timeout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void assert_parses(const char *text, uint64_t expected)
{
    uint64_t ns = 12345;

    assert_true(timeout_parse((const uint8_t *)text, strlen(text), &ns));
    assert_true(ns == expected);
}

static void assert_formats(uint64_t ns, const char *text)
{
    char out[TIMEOUT_TEXT_SIZE];

    assert_int_equal(timeout_format(ns, out), strlen(text));
    assert_string_equal(out, text);
}

static void each_unit_has_its_length(void **state)
{
    (void)state;
    assert_parses("7n", 7);
    assert_parses("7u", 7000);
    assert_parses("7m", 7000000);
    assert_parses("7S", UINT64_C(7000000000));
    assert_parses("7M", UINT64_C(420000000000));
    assert_parses("7H", UINT64_C(25200000000000));
    assert_parses("99999999n", 99999999);
    assert_parses("00000001S", UINT64_C(1000000000));
}

static void zero_is_legal(void **state)
{
    (void)state;
    assert_parses("0n", 0);
    assert_parses("0H", 0);
}

static void what_does_not_fit_saturates(void **state)
{
    (void)state;
    assert_parses("5124095H", UINT64_C(5124095) * UINT64_C(3600000000000));
    assert_parses("5124096H", UINT64_MAX);
    assert_parses("99999999H", UINT64_MAX);
    assert_parses("99999999M", UINT64_C(99999999) * UINT64_C(60000000000));
}

static void malformed_text_is_refused(void **state)
{
    static const char *const malformed[] = {
        "",    "n",   "5",   "123456789n", "1234567890", "1s",  "1h", "1N",   "1 S",
        " 1S", "1S ", "-1S", "+1S",        "1.5S",       "1mS", "S1", "0x1n", "1\xC2\xB5",
    };
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_false(timeout_parse((const uint8_t *)malformed[i], strlen(malformed[i]), &ns));
    assert_false(timeout_parse((const uint8_t *)"1\0", 2, &ns));
}

static void the_finest_unit_that_fits_is_used(void **state)
{
    (void)state;
    assert_formats(0, "0n");
    assert_formats(1, "1n");
    assert_formats(99999999, "99999999n");
    assert_formats(100000001, "100001u");
    assert_formats(UINT64_C(99999999000), "99999999u");
    assert_formats(UINT64_C(1234567891234), "1234568m");
}

static void a_coarser_unit_is_used_where_it_says_the_same(void **state)
{
    (void)state;
    assert_formats(WEIR_MILLISECONDS(1), "1m");
    assert_formats(WEIR_MILLISECONDS(1500), "1500m");
    assert_formats(WEIR_SECONDS(1), "1S");
    assert_formats(WEIR_SECONDS(90), "90S");
    assert_formats(WEIR_SECONDS(60), "1M");
    assert_formats(WEIR_SECONDS(7200), "2H");
}

static void rounding_is_up_and_never_more_than_the_unit(void **state)
{
    static const uint64_t values[] = {
        100000001,
        UINT64_C(99999999001),
        UINT64_C(99999999000001),
        UINT64_C(99999999000000001),
        UINT64_C(5999999940000000001),
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    char out[TIMEOUT_TEXT_SIZE];
    uint64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        size_t size = timeout_format(values[i], out);

        assert_true(timeout_parse((const uint8_t *)out, size, &back));
        assert_true(back >= values[i]);
        assert_true(back - values[i] <= values[i] / 100000);
    }
}

static void every_length_survives_within_its_precision(void **state)
{
    char out[TIMEOUT_TEXT_SIZE];
    uint64_t back;

    (void)state;
    for (uint64_t ns = 1; ns < UINT64_MAX / 3; ns = ns * 3 + 7) {
        size_t size = timeout_format(ns, out);

        assert_true(size < TIMEOUT_TEXT_SIZE);
        assert_true(timeout_parse((const uint8_t *)out, size, &back));
        assert_true(back >= ns);
        assert_true(back - ns <= ns / 10000);
    }
}

static void a_deadline_saturates(void **state)
{
    (void)state;
    assert_true(clock_after(5, 10) == 15);
    assert_true(clock_after(5, UINT64_MAX) == WEIR_NEVER);
    assert_true(clock_after(UINT64_MAX - 1, 1) == WEIR_NEVER);
    assert_true(clock_after(7, 0) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_has_its_length),
        cmocka_unit_test(zero_is_legal),
        cmocka_unit_test(what_does_not_fit_saturates),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(the_finest_unit_that_fits_is_used),
        cmocka_unit_test(a_coarser_unit_is_used_where_it_says_the_same),
        cmocka_unit_test(rounding_is_up_and_never_more_than_the_unit),
        cmocka_unit_test(every_length_survives_within_its_precision),
        cmocka_unit_test(a_deadline_saturates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
