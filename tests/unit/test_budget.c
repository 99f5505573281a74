/* SPDX-License-Identifier: MIT */
/*
 * test_budget.c - the claims of base/budget.h.
 */
#include "base/budget.h"

#include "failing_memory.h"
#include "support/threads.h"

#include <sched.h>

#define KIB ((size_t)1024)
#define LIMIT (1024 * KIB)

struct family {
    struct budget_total *total;
    struct budget *loop;
    struct budget *one;
    struct budget *other;
    atomic_uint loop_woken;
    atomic_uint one_woken;
    atomic_uint other_woken;
};

static void count(void *self)
{
    atomic_fetch_add((atomic_uint *)self, 1);
}

static int make_family(void **state)
{
    struct family *f = calloc(1, sizeof *f);

    if (f == NULL)
        return 1;
    f->total = budget_total_create(LIMIT);
    f->loop = budget_create_for_loop(f->total, count, &f->loop_woken);
    f->one = budget_create(f->loop, 0, count, &f->one_woken);
    f->other = budget_create(f->loop, 0, count, &f->other_woken);
    *state = f;
    return 0;
}

static int drop_family(void **state)
{
    struct family *f = *state;

    budget_close(f->one);
    budget_close(f->other);
    assert_int_equal(budget_total_held(f->total), 0);
    budget_close(f->loop);
    assert_int_equal(budget_total_held(f->total), 0);
    budget_total_unref(f->total);
    free(f);
    return 0;
}

#define FAMILY_TEST(name) cmocka_unit_test_setup_teardown(name, make_family, drop_family)

/* ---- counting ---- */

static void what_is_charged_is_held_up_to_the_total(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, 10 * KIB);
    budget_charge(f->other, 20 * KIB);
    assert_int_equal(budget_held(f->one), 10 * KIB);
    assert_int_equal(budget_held(f->loop), 30 * KIB);
    assert_int_equal(budget_total_held(f->total), 30 * KIB);
    budget_release(f->one, 10 * KIB);
    budget_release(f->other, 20 * KIB);
    assert_int_equal(budget_total_held(f->total), 0);
}

static void less_than_a_grain_is_not_passed_on(void **state)
{
    struct family *f = *state;

    for (int i = 0; i < 1000; i++) {
        budget_charge(f->one, 100);
        assert_int_equal(budget_held(f->loop), 0);
        budget_release(f->one, 100);
    }
    budget_charge(f->one, 4 * KIB);
    assert_int_equal(budget_held(f->loop), 4 * KIB);
    budget_release(f->one, 4 * KIB);
}

static void what_was_not_passed_on_is_when_a_budget_ends(void **state)
{
    struct family *f = *state;
    struct budget *third = budget_create(f->loop, 10 * KIB, count, &f->one_woken);

    budget_charge(third, 500);
    budget_ref(third); /* somebody's, who holds the 500 bytes */
    budget_close(third);
    assert_true(budget_total_held(f->total) <= 2 * KIB);
    budget_release(third, 500);
    budget_unref(third);
    assert_int_equal(budget_held(f->loop), 0);
}

static void a_call_counts_for_itself_and_for_its_connection(void **state)
{
    struct family *f = *state;
    struct call_budget call = {.budget = f->one};
    size_t charged = 0;

    call_recharge(&call, &charged, 3000);
    assert_int_equal(atomic_load(&call.messages), 3000);
    assert_true(atomic_exchange(&call.began, false));
    call_recharge(&call, &charged, 2000);
    assert_int_equal(budget_held(f->one), 2000);
    assert_false(atomic_load(&call.began));
    call_recharge(&call, &charged, 0);
    assert_int_equal(atomic_load(&call.messages), 0);
    assert_int_equal(budget_held(f->one), 0);
}

/* ---- marks ---- */

static void memory_is_short_from_three_quarters_and_until_five_eighths(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, LIMIT / 4 * 3 - 2 * KIB);
    assert_false(budget_is_short(f->one));
    budget_charge(f->one, 2 * KIB);
    assert_true(budget_is_short(f->one));
    assert_int_equal(f->loop_woken, 1);
    budget_release(f->one, LIMIT / 8);
    assert_true(budget_is_short(f->one));
    budget_release(f->one, 2 * KIB);
    assert_false(budget_is_short(f->one));
    assert_int_equal(f->loop_woken, 1);
    budget_release(f->one, LIMIT / 8 * 5 - 2 * KIB);
}

static void only_those_who_hold_much_go_without(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, LIMIT / 4 * 3);
    assert_int_equal(budget_level(f->one), BUDGET_SHORT);
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    budget_charge(f->one, LIMIT / 8);
    assert_int_equal(budget_level(f->one), BUDGET_FULL);
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    assert_true(budget_admits(f->other, 0));
    assert_false(budget_admits(f->one, 0));
    budget_charge(f->one, LIMIT / 8);
    assert_true(budget_admits(f->other, LIMIT / 16 - 1));
    assert_false(budget_admits(f->other, LIMIT / 16));
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    budget_charge(f->other, LIMIT / 64);
    assert_int_equal(budget_level(f->other), BUDGET_FULL);
    assert_false(budget_admits(f->other, 0));
    budget_release(f->other, LIMIT / 64);
    budget_release(f->one, LIMIT);
    assert_int_equal(budget_level(f->one), BUDGET_PLENTY);
}

static void the_allowance_is_a_share_of_what_is_left_and_never_less_than_some_calls(void **state)
{
    struct family *f = *state;
    struct budget *more[20];

    budget_charge(f->one, LIMIT / 4 * 3);
    budget_charge(f->other, LIMIT / 16 - 1);
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    budget_charge(f->other, 1); /* an eighth of the limit, for two */
    assert_int_equal(budget_level(f->other), BUDGET_SHORT);
    for (size_t i = 0; i < 20; i++)
        more[i] = budget_create(f->loop, 0, count, &f->loop_woken);
    budget_charge(more[0], LIMIT / 16 - 1);
    assert_int_equal(budget_level(more[0]), BUDGET_PLENTY);
    budget_release(more[0], LIMIT / 16 - 1);
    for (size_t i = 0; i < 20; i++)
        budget_close(more[i]);
    budget_release(f->one, LIMIT / 4 * 3);
    budget_release(f->other, LIMIT / 16);
}

static void what_a_connection_takes_itself_does_not_make_it_heavy(void **state)
{
    struct family *f = *state;
    struct budget *large = budget_create(f->loop, LIMIT / 2, count, &f->one_woken);

    budget_charge(f->one, LIMIT / 4);
    assert_int_equal(budget_level(large), BUDGET_PLENTY);
    assert_int_equal(budget_level(f->one), BUDGET_SHORT);
    budget_release(f->one, LIMIT / 4);
    budget_close(large);
}

static void without_a_limit_memory_is_never_short(void **state)
{
    struct budget_total *total = budget_total_create(SIZE_MAX);
    struct budget *loop = budget_create_for_loop(total, count, NULL);

    (void)state;
    budget_charge(loop, SIZE_MAX / 2);
    assert_false(budget_is_short(loop));
    budget_release(loop, SIZE_MAX / 2);
    budget_close(loop);
    budget_total_unref(total);
}

/* ---- waiting ---- */

static void who_waits_is_woken_once_when_memory_is_there_again(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, LIMIT / 4 * 3);
    budget_wait(f->one, true);
    budget_wait(f->one, true);
    budget_release(f->one, LIMIT / 8);
    assert_int_equal(f->one_woken, 0);
    budget_release(f->one, 2 * KIB);
    assert_int_equal(f->one_woken, 1);
    budget_release(f->one, LIMIT / 8 * 5 - 2 * KIB);
    assert_int_equal(f->one_woken, 1);
}

static void who_waits_is_woken_when_it_holds_less_itself(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, LIMIT / 4 * 3);
    budget_charge(f->other, LIMIT / 16);
    budget_wait(f->other, true);
    budget_release(f->other, 1);
    assert_int_equal(f->other_woken, 1);
    budget_release(f->other, LIMIT / 16 - 1);
    assert_int_equal(f->other_woken, 1);
    budget_release(f->one, LIMIT / 4 * 3);
}

/* It may be full of connections and calls, which wait for their user. */
static void a_channel_with_next_to_nothing_to_let_go_does_not_wait(void **state)
{
    struct family *f = *state;

    f->other->is_channels = true;
    budget_charge(f->one, LIMIT);
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    assert_false(budget_admits(f->other, 0));
    budget_hold(f->loop, 10 * KIB);
    budget_hold(f->other, 6 * KIB);
    assert_int_equal(budget_level(f->other), BUDGET_FULL);
    budget_wait(f->other, true);
    budget_hold(f->loop, 1);
    budget_let_go(f->other, 1);
    assert_int_equal(f->other_woken, 0);
    budget_let_go(f->loop, 1);
    assert_int_equal(f->other_woken, 1);
    assert_int_equal(budget_level(f->other), BUDGET_PLENTY);
    budget_let_go(f->other, 6 * KIB - 1);
    budget_let_go(f->loop, 10 * KIB);
    assert_int_equal(f->other_woken, 1);
    budget_release(f->one, LIMIT);
}

static unsigned order[2], ordered;

static void put_in_order(void *self)
{
    order[ordered++] = *(const unsigned *)self;
}

static void who_was_served_comes_after_those_who_were_not(void **state)
{
    struct family *f = *state;
    unsigned numbers[] = {0, 1};
    struct budget *first = budget_create(f->loop, 0, put_in_order, &numbers[0]);
    struct budget *second = budget_create(f->loop, 0, put_in_order, &numbers[1]);

    ordered = 0;
    budget_charge(f->one, LIMIT);
    budget_wait(first, true);
    budget_wait(second, false);
    budget_release(f->one, LIMIT);
    assert_int_equal(ordered, 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    budget_close(first);
    budget_close(second);
}

/* It was below its allowance when it began to wait, and another thread charges it. */
static void who_comes_to_hold_too_much_only_then_is_woken_too(void **state)
{
    struct family *f = *state;

    budget_charge(f->one, LIMIT / 4 * 3);
    budget_wait(f->other, true);
    budget_charge(f->other, LIMIT / 16);
    assert_int_equal(budget_level(f->other), BUDGET_SHORT);
    budget_release(f->other, LIMIT / 16);
    assert_int_equal(f->other_woken, 1);
    budget_release(f->one, LIMIT / 4 * 3);
}

/* Of 16 MiB four have 512 KiB each, and three 682. */
static void who_waits_is_woken_when_others_end_and_its_allowance_grows(void **state)
{
    const size_t limit = 16 * LIMIT;
    atomic_uint woken[5] = {0};
    struct budget_total *total = budget_total_create(limit);
    struct budget *loop = budget_create_for_loop(total, count, &woken[4]);
    struct budget *budgets[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        budgets[i] = budget_create(loop, 0, count, &woken[i]);
    budget_charge(budgets[0], limit / 4 * 3);
    budget_charge(budgets[1], 600 * KIB);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(budget_level(budgets[i]), BUDGET_SHORT);
        budget_wait(budgets[i], true);
    }
    budget_close(budgets[2]);
    assert_int_equal(budget_level(budgets[1]), BUDGET_PLENTY);
    assert_int_equal(woken[1], 1);
    budget_charge(budgets[1], 90 * KIB);
    assert_int_equal(budget_level(budgets[1]), BUDGET_SHORT);
    budget_wait(budgets[1], true);
    budget_close(budgets[3]); /* two are left, with 1 MiB each */
    assert_int_equal(woken[1], 2);
    budget_release(budgets[0],
                   limit / 4 * 3 - 900 * KIB); /* and one of them holds less than that */
    assert_int_equal(woken[0], 1);
    budget_release(budgets[0], 900 * KIB);
    budget_release(budgets[1], 690 * KIB);
    budget_close(budgets[0]);
    budget_close(budgets[1]);
    budget_close(loop);
    budget_total_unref(total);
}

static void who_ended_is_not_woken(void **state)
{
    struct family *f = *state;
    atomic_uint woken = 0;
    struct budget *third = budget_create(f->loop, 0, count, &woken);

    budget_charge(f->one, LIMIT);
    budget_wait(third, true);
    budget_close(third);
    budget_release(f->one, LIMIT);
    assert_int_equal(woken, 0);
}

static void the_loop_with_the_oldest_stalled_call_is_found_and_woken(void **state)
{
    struct family *f = *state;
    atomic_uint woken = 0;
    struct budget *second = budget_create_for_loop(f->total, count, &woken);

    assert_true(budget_is_oldest(f->loop)); /* there are none */
    budget_set_oldest(second, 100);
    assert_false(budget_is_oldest(f->loop));
    assert_int_equal(woken, 1);
    budget_set_oldest(f->loop, 99);
    assert_true(budget_is_oldest(f->loop));
    assert_int_equal(woken, 1);
    assert_false(budget_is_oldest(second));
    assert_int_equal(f->loop_woken, 1);
    budget_close(second);
}

/* ---- threads ---- */

struct holder {
    struct budget *budget;
    struct budget *waiter;
    atomic_uint *woken;
};

/* Holds so much by turns that memory is short, then there, then short again. */
static void *hold_by_turns(void *arg)
{
    struct holder *h = arg;

    for (int i = 0; i < 20000; i++) {
        budget_charge(h->budget, LIMIT / 2);
        budget_release(h->budget, LIMIT / 2);
    }
    return NULL;
}

/* Goes on whenever it may. When the others have ended it must not wait any more. */
static void *wait_by_turns(void *arg)
{
    struct holder *h = arg;
    unsigned seen = atomic_load(h->woken);

    for (int i = 0; i < 2000; i++) {
        budget_charge(h->waiter, LIMIT / 8);
        while (budget_level(h->waiter) != BUDGET_PLENTY) {
            budget_wait(h->waiter, true);
            if (budget_level(h->waiter) == BUDGET_PLENTY)
                break;
            while (atomic_load(h->woken) == seen)
                sched_yield();
            seen = atomic_load(h->woken);
        }
        seen = atomic_load(h->woken);
        budget_release(h->waiter, LIMIT / 8);
    }
    return NULL;
}

static void no_wake_is_lost_between_threads(void **state)
{
    struct family *f = *state;
    struct budget *second_loop = budget_create_for_loop(f->total, count, &f->loop_woken);
    struct budget *far = budget_create(second_loop, 0, count, &f->loop_woken);
    struct holder near_holder = {.budget = f->one};
    struct holder far_holder = {.budget = far};
    struct holder waiter = {.waiter = f->other, .woken = &f->other_woken};
    pthread_t threads[3];

    thread_create(&threads[0], hold_by_turns, &near_holder);
    thread_create(&threads[1], hold_by_turns, &far_holder);
    thread_create(&threads[2], wait_by_turns, &waiter);
    for (size_t i = 0; i < 3; i++)
        thread_join(threads[i]);
    budget_close(far);
    budget_close(second_loop);
    assert_false(budget_is_short(f->one));
}

/* ---- memory ---- */

static void without_memory_there_is_no_budget_and_nothing_leaks(void **state)
{
    (void)state;
    for (size_t at = 0; memory_fails_at(at), true; at++) {
        struct budget_total *total = budget_total_create(LIMIT);
        struct budget *loop = total != NULL ? budget_create_for_loop(total, count, NULL) : NULL;
        struct budget *budget = loop != NULL ? budget_create(loop, 100, count, NULL) : NULL;

        budget_close(budget);
        budget_close(loop);
        budget_total_unref(total);
        if (!memory_failed())
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(what_is_charged_is_held_up_to_the_total),
        FAMILY_TEST(less_than_a_grain_is_not_passed_on),
        FAMILY_TEST(what_was_not_passed_on_is_when_a_budget_ends),
        FAMILY_TEST(a_call_counts_for_itself_and_for_its_connection),
        FAMILY_TEST(memory_is_short_from_three_quarters_and_until_five_eighths),
        FAMILY_TEST(only_those_who_hold_much_go_without),
        FAMILY_TEST(the_allowance_is_a_share_of_what_is_left_and_never_less_than_some_calls),
        FAMILY_TEST(what_a_connection_takes_itself_does_not_make_it_heavy),
        cmocka_unit_test(without_a_limit_memory_is_never_short),
        FAMILY_TEST(who_waits_is_woken_once_when_memory_is_there_again),
        FAMILY_TEST(who_waits_is_woken_when_it_holds_less_itself),
        FAMILY_TEST(a_channel_with_next_to_nothing_to_let_go_does_not_wait),
        FAMILY_TEST(who_was_served_comes_after_those_who_were_not),
        FAMILY_TEST(who_comes_to_hold_too_much_only_then_is_woken_too),
        cmocka_unit_test(who_waits_is_woken_when_others_end_and_its_allowance_grows),
        FAMILY_TEST(who_ended_is_not_woken),
        FAMILY_TEST(the_loop_with_the_oldest_stalled_call_is_found_and_woken),
        FAMILY_TEST(no_wake_is_lost_between_threads),
        cmocka_unit_test(without_memory_there_is_no_budget_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
