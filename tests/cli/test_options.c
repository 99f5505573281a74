/* SPDX-License-Identifier: MIT */
/*
 * test_options.c - command lines that are right, and what is said about those that are wrong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"
#include "units.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct {
    bool flag;
    const char *text, *address, *path;
    uint64_t count, size, duration;
    option_list list;
    char why[256];
} got;

static options_result parse_words(char *const *words, int count)
{
    const option options[] = {
        {'f', "flag", NULL, OPTION_FLAG, &got.flag, 0, 0, ""},
        {'o', "output", "FILE", OPTION_TEXT, &got.text, 0, 0, ""},
        {'n', "count", "N", OPTION_COUNT, &got.count, 1, 100, ""},
        {0, "size", "SIZE", OPTION_SIZE, &got.size, 0, 1 << 20, ""},
        {0, "pause", "TIME", OPTION_DURATION, &got.duration, 0, UINT64_C(60000000000), ""},
        {'m', "metadata", "PAIR", OPTION_LIST, &got.list, 0, 0, ""},
    };
    const operand operands[] = {{"ADDRESS", &got.address}, {"PATH", &got.path}};
    const command_line line = {
        .command = "test",
        .options = options,
        .option_count = COUNT(options),
        .operands = operands,
        .operand_count = COUNT(operands),
    };

    memset(&got, 0, sizeof got);
    return options_parse(&line, count, words, got.why, sizeof got.why);
}

#define PARSE(...)                                                                                 \
    parse_words((char *const[]){__VA_ARGS__}, (int)COUNT(((const char *const[]){__VA_ARGS__})))

static void options_and_operands_may_mix(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-f", "host:1", "--count", "7", "file", "--output=x"), OPTIONS_RUN);
    assert_true(got.flag);
    assert_string_equal(got.address, "host:1");
    assert_string_equal(got.path, "file");
    assert_string_equal(got.text, "x");
    assert_int_equal(got.count, 7);
}

static void a_letter_may_carry_its_value(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "b", "-n5", "-o", "-"), OPTIONS_RUN);
    assert_int_equal(got.count, 5);
    assert_string_equal(got.text, "-");
}

static void after_two_dashes_all_are_operands(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--", "-f", "--help"), OPTIONS_RUN);
    assert_false(got.flag);
    assert_string_equal(got.address, "-f");
    assert_string_equal(got.path, "--help");
}

static void a_lone_dash_is_an_operand(void **state)
{
    (void)state;
    assert_int_equal(PARSE("host:1", "-"), OPTIONS_RUN);
    assert_string_equal(got.path, "-");
}

static void a_list_keeps_its_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "b", "-m", "x=1", "--metadata", "y=2", "--metadata=z=3"),
                     OPTIONS_RUN);
    assert_int_equal(got.list.count, 3);
    assert_string_equal(got.list.items[0], "x=1");
    assert_string_equal(got.list.items[1], "y=2");
    assert_string_equal(got.list.items[2], "z=3");
}

static void help_is_found_before_anything_is_missed(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help"), OPTIONS_HELP);
    assert_int_equal(PARSE("a", "-h", "--nonsense"), OPTIONS_HELP);
}

static void assert_wrong(options_result result, const char *why)
{
    assert_int_equal(result, OPTIONS_WRONG);
    assert_string_equal(got.why, why);
}

static void an_error_names_the_option_and_the_value_and_says_what_to_do(void **state)
{
    (void)state;
    assert_wrong(PARSE("a", "b", "--count", "many"),
                 "--count many: not a number; write digits, like 100");
    assert_wrong(PARSE("a", "b", "-n", "0"), "--count 0: too small; the least is 1");
    assert_wrong(PARSE("a", "b", "-n", "101"), "--count 101: too large; the most is 100");
    assert_wrong(PARSE("a", "b", "--size", "big"),
                 "--size big: not a size; write bytes or KiB, MiB, GiB, like 64KiB");
    assert_wrong(PARSE("a", "b", "--size=2MiB"), "--size 2MiB: too large; the most is 1.0 MiB");
    assert_wrong(PARSE("a", "b", "--pause", "5"),
                 "--pause 5: not a time; write a number and ns, us, ms, s, m or h, like 1ms");
    assert_wrong(PARSE("a", "b", "--pause", "61s"), "--pause 61s: too large; the most is 1 m 00 s");
    assert_wrong(PARSE("a", "b", "--output"),
                 "--output: its value is missing; write --output FILE");
    assert_wrong(PARSE("a", "b", "--nonsense"),
                 "--nonsense: no such option; `weir test --help` lists them");
    assert_wrong(PARSE("a", "b", "-x"), "-x: no such option; `weir test --help` lists them");
    assert_wrong(PARSE("a", "b", "--flag=yes"), "--flag takes no value; leave yes out");
    assert_wrong(PARSE("a", "b", "c"),
                 "c: one word too many; `weir test --help` shows what it takes");
    assert_wrong(PARSE("a"), "PATH is missing; `weir test --help` shows how to write it");
}

static void part_of_a_name_is_no_name(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "b", "--coun", "5"), OPTIONS_WRONG);
    assert_int_equal(PARSE("a", "b", "--countx", "5"), OPTIONS_WRONG);
}

static void a_list_is_bounded(void **state)
{
    char *words[2 * OPTION_LIST_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(words); i += 2) {
        words[i] = (char *)"-m";
        words[i + 1] = (char *)"a=b";
    }
    assert_wrong(parse_words(words, COUNT(words)),
                 "--metadata a=b: given too often; 32 is the most");
}

static void assert_duration(const char *text, uint64_t expected)
{
    uint64_t value = 0;

    assert_true(parse_duration_ns(text, &value));
    assert_true(value == expected);
}

static void durations_are_exact(void **state)
{
    (void)state;
    assert_duration("0", 0);
    assert_duration("1ns", 1);
    assert_duration("500us", 500000);
    assert_duration("1ms", 1000000);
    assert_duration("1.5s", 1500000000);
    assert_duration("0.001s", 1000000);
    assert_duration("2m", UINT64_C(120000000000));
    assert_duration("1h", UINT64_C(3600000000000));
    assert_duration("18446744073709551615ns", UINT64_MAX);
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "5",
                                        "ms",
                                        "-1ms",
                                        "1 ms",
                                        "1msx",
                                        ".5s",
                                        "1e3s",
                                        "18446744073709551616ns",
                                        "18446744073709551615s",
                                        "5124096h"};
    uint64_t value = 42;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(parse_duration_ns(wrong[i], &value));
    assert_int_equal(value, 42);
}

static void sizes_are_powers_of_1024(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(parse_size("4096", &value) && value == 4096);
    assert_true(parse_size("64KiB", &value) && value == 65536);
    assert_true(parse_size("64K", &value) && value == 65536);
    assert_true(parse_size("1.5MiB", &value) && value == 1572864);
    assert_true(parse_size("2G", &value) && value == UINT64_C(2147483648));
    assert_false(parse_size("64kb", &value));
    assert_false(parse_size("99999999999G", &value));
}

static void sizes_and_times_are_written_for_people(void **state)
{
    char text[UNITS_TEXT_SIZE];

    (void)state;
    assert_string_equal(format_size(text, 0), "0 B");
    assert_string_equal(format_size(text, 1023), "1023 B");
    assert_string_equal(format_size(text, 1024), "1.0 KiB");
    assert_string_equal(format_size(text, 1048575), "1.0 MiB");
    assert_string_equal(format_size(text, 1.5 * (1 << 30)), "1.5 GiB");
    assert_string_equal(format_duration(text, 1), "1 ns");
    assert_string_equal(format_duration(text, 850000), "850 us");
    assert_string_equal(format_duration(text, 1002345678), "1.002 s");
    assert_string_equal(format_duration(text, UINT64_C(125000000000)), "2 m 05 s");
    assert_string_equal(format_duration(text, UINT64_C(11400000000000)), "3 h 10 m");
    assert_string_equal(format_seconds(text, 5), "5 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_may_mix),
        cmocka_unit_test(a_letter_may_carry_its_value),
        cmocka_unit_test(after_two_dashes_all_are_operands),
        cmocka_unit_test(a_lone_dash_is_an_operand),
        cmocka_unit_test(a_list_keeps_its_order),
        cmocka_unit_test(help_is_found_before_anything_is_missed),
        cmocka_unit_test(an_error_names_the_option_and_the_value_and_says_what_to_do),
        cmocka_unit_test(part_of_a_name_is_no_name),
        cmocka_unit_test(a_list_is_bounded),
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(sizes_and_times_are_written_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
