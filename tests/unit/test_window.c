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
};

/* One ping and its answer; false: none was sent. */
static bool sample(struct path *p)
{
    uint64_t holds = p->rate * p->delay / (1000 * MS), size;

    p->window.received += p->window.size / 4 + 1;
    if (!window_is_due(&p->window) || !window_look(&p->window, p->now))
        return false;
    size = holds < p->window.size ? holds : p->window.size;
    p->window.received += size;
    p->now += p->delay;
    window_answered(&p->window);
    (void)window_look(&p->window, p->now);
    /* The next ping may be out already. */
    p->window.sampling = false;
    return true;
}

static struct path path_of(uint64_t rate, uint64_t delay)
{
    struct path p = {.rate = rate, .delay = delay, .now = 1000 * MS};

    window_init(&p.window, 0);
    return p;
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
    for (int i = 0; i < 20; i++) {
        (void)sample(&p);
        p.now += 20000 * MS;
    }
    assert_in_range(p.window.size, 2000000, 3000000);
}

static void it_does_not_grow_for_a_path_that_holds_less(void **state)
{
    struct path p = path_of(1000000, MS); /* a thousand bytes */

    (void)state;
    for (int i = 0; i < 20; i++) {
        (void)sample(&p);
        p.now += 20000 * MS;
    }
    assert_int_equal(p.window.size, FIRST);
}

static void it_never_exceeds_its_maximum(void **state)
{
    struct path p = path_of(UINT64_C(10000000000), 100 * MS);

    (void)state;
    for (int i = 0; i < 20; i++)
        (void)sample(&p);
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

static void a_larger_window_that_is_not_faster_is_not_enlarged(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, 0);
    w.received = 16384;
    assert_true(window_look(&w, 100 * MS));
    w.received += 65535 - 16384;
    window_answered(&w);
    assert_true(window_look(&w, 101 * MS)); /* bytes flow: the next sample begins at once */
    assert_int_equal(w.size, 2 * 65535);
    w.received += 2 * 65535; /* the window was full again: in three times the time */
    window_answered(&w);
    assert_true(window_look(&w, 104 * MS));
    assert_int_equal(w.size, 2 * 65535);
}

static void samples_that_change_nothing_become_rare(void **state)
{
    struct path p = path_of(1000000, MS);
    int pings = 0;

    (void)state;
    while (p.now < 61000 * MS) {
        pings += sample(&p);
        p.now += 10 * MS;
    }
    assert_in_range(pings, 5, 15);
}

static void few_bytes_are_not_worth_a_ping(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, 0);
    w.received = 1000;
    assert_false(window_is_due(&w));
}

static void an_answer_that_nobody_asked_for_counts_for_nothing(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, 0);
    w.received = 20000;
    window_answered(&w);
    assert_true(window_look(&w, MS));
    assert_int_equal(w.size, FIRST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_begins_at_64_KiB),
        cmocka_unit_test(it_grows_until_it_is_more_than_the_path_holds),
        cmocka_unit_test(it_does_not_grow_for_a_path_that_holds_less),
        cmocka_unit_test(it_never_exceeds_its_maximum),
        cmocka_unit_test(a_maximum_below_the_first_window_keeps_it_there),
        cmocka_unit_test(a_larger_window_that_is_not_faster_is_not_enlarged),
        cmocka_unit_test(samples_that_change_nothing_become_rare),
        cmocka_unit_test(few_bytes_are_not_worth_a_ping),
        cmocka_unit_test(an_answer_that_nobody_asked_for_counts_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
