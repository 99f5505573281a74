/* SPDX-License-Identifier: MIT */
/*
 * test_window.c - what a path holds, measured.
 */
#include "conn/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MS UINT64_C(1000000)
#define FIRST WINDOW_FIRST

/* A path of so many bytes a second and so much delay, whose sender uses up each window. */
struct path {
    struct window window;
    uint64_t rate, delay, now;
    unsigned pings;
};

static struct path path_of(uint64_t rate, uint64_t delay)
{
    struct path p = {.rate = rate, .delay = delay, .now = 1000 * MS};

    window_init(&p.window, 0);
    return p;
}

static void look(struct path *p)
{
    if (window_is_due(&p->window) && window_look(&p->window, p->now))
        p->pings++;
}

/* One round trip: what the window and the path let through, and the answer to a ping behind it. */
static void trip(struct path *p)
{
    uint64_t holds = p->rate * p->delay / (1000 * MS);

    p->window.received += holds < p->window.size ? holds : p->window.size;
    look(p);
    p->now += p->delay;
    window_answered(&p->window);
    look(p);
}

static void a_window_begins_at_64_KiB(void **state)
{
    struct path p = path_of(1000, MS);

    (void)state;
    assert_int_equal(p.window.size, 65535);
}

static void it_grows_until_it_is_more_than_the_path_holds(void **state)
{
    struct path p = path_of(20000000, 50 * MS); /* holds a million bytes */

    (void)state;
    for (int i = 0; i < 1000; i++)
        trip(&p);
    assert_in_range(p.window.size, 1500000, 2000000);
}

static void it_grows_within_a_few_round_trips(void **state)
{
    struct path p = path_of(20000000, 50 * MS);

    (void)state;
    for (int i = 0; i < 10; i++)
        trip(&p);
    assert_true(p.window.size > 1000000);
}

static void it_does_not_grow_for_a_path_that_holds_less(void **state)
{
    struct path p = path_of(1000000, MS); /* a thousand bytes */

    (void)state;
    for (int i = 0; i < 10000; i++)
        trip(&p);
    assert_int_equal(p.window.size, FIRST);
}

static void it_never_exceeds_its_maximum(void **state)
{
    struct path p = path_of(UINT64_C(10000000000), 100 * MS);

    (void)state;
    for (int i = 0; i < 20; i++)
        trip(&p);
    assert_int_equal(p.window.size, WINDOW_MAX);
    p.window.received += 100 * WINDOW_MAX;
    assert_false(window_is_due(&p.window)); /* there is nothing left to measure */
}

static void a_maximum_below_the_first_window_keeps_it_there(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, 1000);
    w.received += 1000000;
    assert_false(window_is_due(&w));
    assert_int_equal(w.size, FIRST);
}

/* The same bytes a second, which wait ten times as long: what was too much for the path. */
static void a_queue_on_the_way_is_not_taken_for_a_longer_path(void **state)
{
    struct path p = path_of(20000000, MS); /* holds 20,000 bytes */

    (void)state;
    for (int i = 0; i < 10; i++)
        trip(&p);
    assert_int_equal(p.window.size, FIRST);
    p.delay = 10 * MS;
    for (int i = 0; i < 1000; i++)
        trip(&p);
    assert_int_equal(p.window.size, FIRST);
}

static void samples_that_change_nothing_become_rare(void **state)
{
    struct path p = path_of(20000000, MS);

    (void)state;
    while (p.now < 61000 * MS)
        trip(&p);
    assert_in_range(p.pings, 20, 60); /* of 60,000 round trips: a few at a time */
}

static void few_bytes_are_not_worth_a_ping(void **state)
{
    struct path p = path_of(1000000, MS);

    (void)state;
    p.window.received = 1000;
    look(&p);
    assert_int_equal(p.pings, 0);
}

static void bytes_right_behind_the_answer_belong_to_the_next_sample(void **state)
{
    struct path p = path_of(20000000, 50 * MS);

    (void)state;
    p.window.received = 20000;
    look(&p);
    p.now += 50 * MS;
    window_answered(&p.window);
    p.window.received += FIRST; /* read in one go with it */
    look(&p);
    assert_int_equal(p.window.received - p.window.mark, FIRST);
}

/* Its time is from when they came, not from the first byte of a sample before it. */
static void bytes_that_come_with_the_answer_count_in_full(void **state)
{
    struct path p = path_of(20000000, 50 * MS);

    (void)state;
    trip(&p);
    p.now += 50 * MS;
    p.window.received += p.window.size / 8 * 7;
    window_answered(&p.window);
    look(&p);
    assert_true(p.window.size > 4 * FIRST / 2);
}

static void an_answer_that_nobody_asked_for_counts_for_nothing(void **state)
{
    struct path p = path_of(20000000, MS);

    (void)state;
    p.window.received = 60000;
    window_answered(&p.window);
    look(&p);
    assert_int_equal(p.pings, 1);
    assert_int_equal(p.window.size, FIRST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_begins_at_64_KiB),
        cmocka_unit_test(it_grows_until_it_is_more_than_the_path_holds),
        cmocka_unit_test(it_grows_within_a_few_round_trips),
        cmocka_unit_test(it_does_not_grow_for_a_path_that_holds_less),
        cmocka_unit_test(it_never_exceeds_its_maximum),
        cmocka_unit_test(a_maximum_below_the_first_window_keeps_it_there),
        cmocka_unit_test(a_queue_on_the_way_is_not_taken_for_a_longer_path),
        cmocka_unit_test(samples_that_change_nothing_become_rare),
        cmocka_unit_test(few_bytes_are_not_worth_a_ping),
        cmocka_unit_test(bytes_right_behind_the_answer_belong_to_the_next_sample),
        cmocka_unit_test(bytes_that_come_with_the_answer_count_in_full),
        cmocka_unit_test(an_answer_that_nobody_asked_for_counts_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
