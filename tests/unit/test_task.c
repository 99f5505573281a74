/* SPDX-License-Identifier: MIT */
/*
 * test_task.c - the claims of weir/task.h and of the mailbox under it, on one thread.
 */
#include "support/streams.h"

#include "stream/task.h"

#include "failing_memory.h"

/* ---- a task's clock ---- */

static void a_task_tells_the_time_it_was_begun_with(void **state)
{
    (void)state;
    weir_task_begin(task, 42);
    assert_int_equal(weir_task_now(task), 42);
}

static void the_earliest_wake_at_since_begin_wins(void **state)
{
    (void)state;
    weir_task_begin(task, 0);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
    weir_task_wake_at(task, 30);
    weir_task_wake_at(task, 20);
    weir_task_wake_at(task, 40);
    assert_int_equal(weir_task_wakeup(task), 20);
    assert_false(weir_task_due(task, 19));
    assert_true(weir_task_due(task, 20));
    weir_task_begin(task, 1);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
}

/* ---- wakers ---- */

static void a_wake_makes_the_task_due_until_it_begins(void **state)
{
    weir_waker waker = weir_task_waker(task);

    (void)state;
    weir_task_begin(task, 0);
    assert_false(weir_task_due(task, 0));
    weir_waker_wake(&waker);
    weir_waker_wake(&waker);
    assert_true(weir_task_due(task, 0));
    weir_task_begin(task, 0);
    assert_false(weir_task_due(task, 0));
    weir_waker_wake(&waker);
    assert_true(weir_task_due(task, 0));
    weir_waker_release(&waker);
}

static void the_zero_waker_wakes_nothing(void **state)
{
    weir_waker waker = {0};

    (void)state;
    weir_waker_wake(&waker);
    assert_false(weir_waker_will_wake(&waker, task));
    assert_null(weir_waker_ref(&waker).cell);
    weir_waker_release(&waker);
}

static void a_waker_outlives_its_task_and_wakes_nothing_then(void **state)
{
    weir_task *gone = weir_task_create(NULL);
    weir_waker waker = weir_task_waker(gone);
    weir_waker again = weir_waker_ref(&waker);

    (void)state;
    weir_task_free(gone);
    weir_waker_wake(&waker);
    weir_waker_release(&waker);
    weir_waker_wake(&again);
    weir_waker_release(&again);
}

static void a_task_that_was_woken_may_be_freed_before_it_is_polled(void **state)
{
    weir_task *gone = weir_task_create(NULL);
    weir_waker waker = weir_task_waker(gone);

    (void)state;
    weir_waker_wake(&waker);
    weir_task_free(gone);
    weir_waker_wake(&waker);
    weir_waker_release(&waker);
}

static void a_kept_waker_is_replaced_only_by_another_tasks(void **state)
{
    weir_task *other = weir_task_create(NULL);
    weir_waker waker = {0};
    struct weir_cell *cell;

    (void)state;
    weir_waker_keep(&waker, task);
    cell = waker.cell;
    assert_true(weir_waker_will_wake(&waker, task));
    assert_false(weir_waker_will_wake(&waker, other));
    weir_waker_keep(&waker, task);
    assert_ptr_equal(waker.cell, cell);
    weir_waker_keep(&waker, other);
    assert_true(weir_waker_will_wake(&waker, other));
    weir_waker_wake(&waker);
    assert_true(weir_task_due(other, 0));
    assert_false(weir_task_due(task, 0));
    weir_waker_release(&waker);
    weir_task_free(other);
}

static void without_memory_for_a_waker_the_task_is_due_by_the_clock(void **state)
{
    weir_waker waker;

    (void)state;
    weir_task_begin(task, 1000);
    memory_fails_at(0);
    waker = weir_task_waker(task);
    assert_true(memory_failed());
    weir_waker_wake(&waker);
    assert_int_equal(weir_task_wakeup(task), 1000 + WEIR_MILLISECONDS(5));
    weir_waker_release(&waker);
}

/* ---- notify ---- */

static void count(void *self)
{
    ++*(unsigned *)self;
}

static void a_task_is_notified_once_between_two_polls(void **state)
{
    unsigned notified = 0;
    weir_task *own = weir_task_create(&(weir_task_options){.notify = count, .self = &notified});
    weir_waker waker = weir_task_waker(own);

    (void)state;
    for (unsigned round = 1; round < 4; round++) {
        weir_task_begin(own, 0);
        weir_waker_wake(&waker);
        weir_waker_wake(&waker);
        assert_int_equal(notified, round);
    }
    weir_task_free(own);
    weir_waker_wake(&waker);
    assert_int_equal(notified, 3);
    weir_waker_release(&waker);
}

/* ---- the mailbox of a driver with many cells ---- */

struct target {
    unsigned woken;
    struct weir_cell *wakes; /* another, from inside its own wake */
};

static void woken(void *self)
{
    struct target *target = self;

    target->woken++;
    if (target->wakes != NULL)
        cell_wake(target->wakes);
}

static void a_drain_wakes_each_queued_target_once_in_order(void **state)
{
    struct mailbox *mailbox = mailbox_create(NULL, NULL);
    struct target targets[3] = {{0}, {0}, {0}};
    struct weir_cell *cells[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        cells[i] = cell_create(mailbox, woken, &targets[i]);
    assert_false(mailbox_drain(mailbox));
    cell_wake(cells[2]);
    cell_wake(cells[0]);
    cell_wake(cells[2]);
    assert_true(mailbox_has_mail(mailbox));
    assert_true(mailbox_drain(mailbox));
    assert_false(mailbox_has_mail(mailbox));
    assert_int_equal(targets[0].woken, 1);
    assert_int_equal(targets[1].woken, 0);
    assert_int_equal(targets[2].woken, 1);
    for (unsigned i = 0; i < 3; i++)
        cell_detach(cells[i]);
    mailbox_close(mailbox);
}

static void a_wake_from_inside_a_drain_is_kept_for_the_next(void **state)
{
    struct mailbox *mailbox = mailbox_create(NULL, NULL);
    struct target target = {0};

    (void)state;
    mailbox_attach(mailbox);
    target.wakes = cell_create(mailbox, woken, &target);
    cell_wake(target.wakes);
    assert_true(mailbox_drain(mailbox));
    assert_int_equal(target.woken, 1);
    assert_true(mailbox_has_mail(mailbox));
    assert_true(mailbox_drain(mailbox));
    assert_int_equal(target.woken, 2);
    cell_detach(target.wakes);
    mailbox_close(mailbox);
}

static void a_detached_cell_wakes_nothing(void **state)
{
    struct mailbox *mailbox = mailbox_create(NULL, NULL);
    struct target target = {0};
    struct weir_cell *cell = cell_create(mailbox, woken, &target);

    (void)state;
    cell_ref(cell);
    cell_wake(cell);
    cell_detach(cell);
    mailbox_drain(mailbox);
    cell_wake(cell);
    mailbox_drain(mailbox);
    assert_int_equal(target.woken, 0);
    cell_unref(cell);
    mailbox_close(mailbox);
}

static void an_attended_driver_is_not_notified_by_its_own_thread(void **state)
{
    unsigned notified = 0;
    struct mailbox *mailbox = mailbox_create(count, &notified);
    struct target target = {0};
    struct weir_cell *cell = cell_create(mailbox, woken, &target);

    (void)state;
    assert_false(mailbox_is_local(mailbox));
    mailbox_attach(mailbox);
    assert_true(mailbox_is_local(mailbox));
    cell_wake(cell);
    assert_int_equal(notified, 1);
    mailbox_drain(mailbox);
    mailbox->attended = true;
    cell_wake(cell);
    assert_int_equal(notified, 1);
    mailbox_drain(mailbox);
    assert_int_equal(target.woken, 2);
    cell_detach(cell);
    mailbox_close(mailbox);
}

static void a_mailbox_may_be_closed_with_mail_in_it(void **state)
{
    struct mailbox *mailbox;
    struct target target = {0};
    struct weir_cell *local;
    struct weir_cell *remote;

    (void)state;
    memory_fails_at(SIZE_MAX);
    mailbox = mailbox_create(NULL, NULL);
    local = cell_create(mailbox, woken, &target);
    remote = cell_create(mailbox, woken, &target);
    cell_wake(remote);
    mailbox_attach(mailbox);
    cell_wake(local);
    cell_detach(remote);
    mailbox_close(mailbox);
    cell_wake(local);
    cell_unref(local);
    assert_int_equal(target.woken, 0);
    assert_int_equal(failing_memory.living, 0);
    assert_false(memory_failed());
}

static struct weir_cell *destroyed;

static void destroy(struct weir_cell *cell)
{
    destroyed = cell;
    cell_release_mailbox(cell);
}

static void a_cell_may_be_part_of_something_larger(void **state)
{
    struct mailbox *mailbox = mailbox_create(NULL, NULL);
    struct target target = {0};
    struct weir_cell cell;

    (void)state;
    cell_init(&cell, mailbox, woken, &target, destroy);
    cell_wake(&cell);
    mailbox_drain(mailbox);
    assert_int_equal(target.woken, 1);
    mailbox_close(mailbox);
    assert_null(destroyed);
    cell_detach(&cell);
    assert_ptr_equal(destroyed, &cell);
}

/* ---- turns ---- */

static void turns_nest(void **state)
{
    (void)state;
    assert_false(turn_is_running());
    turn_start();
    turn_start();
    turn_stop();
    assert_true(turn_is_running());
    turn_stop();
    assert_false(turn_is_running());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(a_task_tells_the_time_it_was_begun_with),
        STREAM_TEST(the_earliest_wake_at_since_begin_wins),
        STREAM_TEST(a_wake_makes_the_task_due_until_it_begins),
        STREAM_TEST(the_zero_waker_wakes_nothing),
        STREAM_TEST(a_waker_outlives_its_task_and_wakes_nothing_then),
        STREAM_TEST(a_task_that_was_woken_may_be_freed_before_it_is_polled),
        STREAM_TEST(a_kept_waker_is_replaced_only_by_another_tasks),
        STREAM_TEST(without_memory_for_a_waker_the_task_is_due_by_the_clock),
        STREAM_TEST(a_task_is_notified_once_between_two_polls),
        STREAM_TEST(a_drain_wakes_each_queued_target_once_in_order),
        STREAM_TEST(a_wake_from_inside_a_drain_is_kept_for_the_next),
        STREAM_TEST(a_detached_cell_wakes_nothing),
        STREAM_TEST(an_attended_driver_is_not_notified_by_its_own_thread),
        STREAM_TEST(a_mailbox_may_be_closed_with_mail_in_it),
        STREAM_TEST(a_cell_may_be_part_of_something_larger),
        STREAM_TEST(turns_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
