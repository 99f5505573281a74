/* SPDX-License-Identifier: MIT */
/*
 * test_progress.c - what a transfer shows, on a terminal and in a pipe, under a clock of its own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "progress.h"

#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

struct shown {
    progress progress;
    FILE *file;
};

static void begin(struct shown *s, bool terminal)
{
    s->file = tmpfile();
    assert_non_null(s->file);
    progress_begin(&s->progress, "downloaded", s->file, 0);
    assert_false(s->progress.terminal);
    s->progress.terminal = terminal;
}

/* All that was shown, for assert_string_equal; closes. */
static const char *end(struct shown *s)
{
    static char text[4096];
    size_t size;

    rewind(s->file);
    size = fread(text, 1, sizeof text - 1, s->file);
    text[size] = '\0';
    fclose(s->file);
    return text;
}

static void a_pipe_gets_one_plain_line_a_second(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    s.progress.total = 100 * MIB;
    for (uint64_t i = 1; i <= 20; i++)
        progress_add(&s.progress, MIB, i * SECOND / 10);
    assert_string_equal(end(&s), " 10% 10.0 MiB of 100.0 MiB, 10.0 MiB/s, 9 s left\n"
                                 " 20% 20.0 MiB of 100.0 MiB, 10.0 MiB/s, 8 s left\n");
}

static void a_terminal_gets_a_bar_that_redraws_itself(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, true);
    s.progress.total = 4 * MIB;
    progress_add(&s.progress, MIB, SECOND / 20); /* too soon */
    progress_add(&s.progress, MIB, SECOND / 5);
    assert_string_equal(end(&s), "\r[###############................] "
                                 " 50% 2.0 MiB of 4.0 MiB, 10.0 MiB/s, 1 s left\033[K");
}

static void a_narrow_terminal_gets_no_bar_and_no_second_line(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, true);
    s.progress.width = 20;
    s.progress.total = 4 * MIB;
    progress_add(&s.progress, MIB, SECOND);
    assert_string_equal(end(&s), "\r 25% 1.0 MiB of 4.0\033[K");
}

static void without_a_total_there_is_no_time_left(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    progress_add(&s.progress, 3 * MIB, 2 * SECOND);
    assert_string_equal(end(&s), "3.0 MiB, 1.5 MiB/s\n");
}

static void more_than_the_total_is_shown_as_it_is(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    s.progress.total = MIB; /* a file that grew */
    progress_add(&s.progress, 3 * MIB, 2 * SECOND);
    assert_string_equal(end(&s), "3.0 MiB, 1.5 MiB/s\n");
}

static void the_time_left_follows_the_rate_of_late(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    s.progress.total = 100 * MIB;
    progress_add(&s.progress, 40 * MIB, SECOND);
    progress_add(&s.progress, 1 * MIB, 2 * SECOND);
    assert_string_equal(end(&s), " 40% 40.0 MiB of 100.0 MiB, 40.0 MiB/s, 2 s left\n"
                                 " 41% 41.0 MiB of 100.0 MiB, 1.0 MiB/s, 59 s left\n");
}

static void a_transfer_that_stands_still_does_not_say_when_it_ends(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    s.progress.total = MIB;
    progress_add(&s.progress, 0, SECOND);
    assert_string_equal(end(&s), "  0% 0 B of 1.0 MiB, 0 B/s, ? left\n");
}

static void the_last_line_says_all(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    progress_add(&s.progress, 3 * MIB, SECOND / 2);
    progress_end(&s.progress, "sha256 abc", 3 * SECOND / 2);
    assert_string_equal(end(&s),
                        "downloaded 3.0 MiB (3145728 bytes) in 1.500 s, 2.0 MiB/s, sha256 abc\n");
}

static void a_transfer_in_no_time_has_no_rate(void **state)
{
    struct shown s;

    (void)state;
    begin(&s, false);
    progress_end(&s.progress, NULL, 0);
    assert_string_equal(end(&s), "downloaded 0 B (0 bytes) in 0 us, 0 B/s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_gets_one_plain_line_a_second),
        cmocka_unit_test(a_terminal_gets_a_bar_that_redraws_itself),
        cmocka_unit_test(a_narrow_terminal_gets_no_bar_and_no_second_line),
        cmocka_unit_test(without_a_total_there_is_no_time_left),
        cmocka_unit_test(more_than_the_total_is_shown_as_it_is),
        cmocka_unit_test(the_time_left_follows_the_rate_of_late),
        cmocka_unit_test(a_transfer_that_stands_still_does_not_say_when_it_ends),
        cmocka_unit_test(the_last_line_says_all),
        cmocka_unit_test(a_transfer_in_no_time_has_no_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
