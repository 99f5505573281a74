/* SPDX-License-Identifier: MIT */
/*
 * test_task_threads.c - the claims of wakers, and of threads that block, across threads.
 */
#include "support/streams.h"
#include "support/threads.h"

#include "base/clock.h"
#include "stream/task.h"

#include <stdatomic.h>

enum { ROUNDS = 2000 };

/* ---- a source that another thread fills ---- */

struct cellar {
    pthread_mutex_t lock;
    unsigned bottles;
    bool closed;
    weir_waker waker;
};

static weir_poll cellar_next(void *state, weir_task *by, weir_item *out)
{
    struct cellar *cellar = state;
    weir_poll poll = WEIR_READY;

    pthread_mutex_lock(&cellar->lock);
    if (cellar->bottles != 0) {
        cellar->bottles--;
        out->message = weir_bytes_static("bottle", 6);
    } else if (cellar->closed) {
        poll = WEIR_END;
    } else {
        weir_waker_keep(&cellar->waker, by);
        poll = WEIR_PENDING;
    }
    pthread_mutex_unlock(&cellar->lock);
    return poll;
}

static void cellar_add(struct cellar *cellar, unsigned bottles, bool last)
{
    weir_waker waker;

    pthread_mutex_lock(&cellar->lock);
    cellar->bottles += bottles;
    cellar->closed = last;
    waker = weir_waker_ref(&cellar->waker);
    pthread_mutex_unlock(&cellar->lock);
    weir_waker_wake(&waker);
    weir_waker_release(&waker);
}

static void *fill(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        cellar_add(arg, 1, false);
    cellar_add(arg, 0, true);
    return NULL;
}

static weir_code count(void *arg, const weir_bytes *message, weir_status *why)
{
    (void)message;
    (void)why;
    ++*(unsigned *)arg;
    return WEIR_OK;
}

static void a_blocked_thread_loses_no_wake_of_another(void **state)
{
    struct cellar cellar = {.lock = PTHREAD_MUTEX_INITIALIZER};
    unsigned counted = 0;
    pthread_t thread;

    (void)state;
    thread_create(&thread, fill, &cellar);
    assert_int_equal(
        weir_stream_for_each(weir_stream_from(cellar_next, &cellar, NULL), count, &counted, NULL),
        WEIR_OK);
    assert_int_equal(counted, ROUNDS);
    thread_join(thread);
    weir_waker_release(&cellar.waker);
}

static void a_thread_task_is_used_again_and_again(void **state)
{
    struct cellar cellar = {.lock = PTHREAD_MUTEX_INITIALIZER};
    weir_stream stream = weir_stream_from(cellar_next, &cellar, NULL);
    weir_task *own = thread_task_create();
    unsigned counted = 0;
    weir_item item;
    pthread_t thread;

    (void)state;
    thread_create(&thread, fill, &cellar);
    while (thread_next(own, &stream, &item) == WEIR_READY) {
        weir_item_clear(&item);
        counted++;
    }
    assert_int_equal(counted, ROUNDS);
    thread_join(thread);
    thread_task_free(own);
    weir_waker_release(&cellar.waker);
}

static void a_blocked_thread_waits_until_its_wake_at_and_no_longer(void **state)
{
    weir_bytes message = weir_bytes_static("late", 4);
    weir_stream stream = weir_stream_delay(weir_stream_once(message), WEIR_MILLISECONDS(5));
    uint64_t before = clock_now();
    weir_item item;

    (void)state;
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_READY);
    assert_true(clock_now() - before >= WEIR_MILLISECONDS(5));
    weir_item_clear(&item);
    weir_stream_release(&stream);
}

static void *wake_many_times(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        weir_waker_wake(arg);
    return NULL;
}

static void wakers_may_be_called_while_their_task_is_freed(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        weir_task *own = thread_task_create();
        weir_waker waker = weir_task_waker(own);
        pthread_t threads[2];

        for (unsigned i = 0; i < 2; i++)
            thread_create(&threads[i], wake_many_times, &waker);
        thread_task_wait(own);
        thread_task_free(own);
        for (unsigned i = 0; i < 2; i++)
            thread_join(threads[i]);
        weir_waker_release(&waker);
    }
}

/* ---- a driver with many cells, woken from many threads ---- */

enum { CELLS = 16, WAKERS = 3 };

struct driver {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool notified;
    struct mailbox *mailbox;
    struct weir_cell *cells[CELLS];
    atomic_uint asked[CELLS]; /* raised before each wake */
    unsigned seen[CELLS];
    struct slot {
        struct driver *driver;
        unsigned at;
    } slots[CELLS];
};

static void driver_notify(void *self)
{
    struct driver *driver = self;

    pthread_mutex_lock(&driver->lock);
    driver->notified = true;
    pthread_cond_signal(&driver->changed);
    pthread_mutex_unlock(&driver->lock);
}

static void driver_woken(void *target)
{
    struct slot *slot = target;

    slot->driver->seen[slot->at] = atomic_load(&slot->driver->asked[slot->at]);
}

static void *wake_cells(void *arg)
{
    struct driver *driver = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&driver->asked[i % CELLS], 1);
        cell_wake(driver->cells[i % CELLS]);
    }
    return NULL;
}

static bool all_seen(const struct driver *driver)
{
    for (unsigned i = 0; i < CELLS; i++)
        if (driver->seen[i] != ROUNDS / CELLS * WAKERS)
            return false;
    return true;
}

static void drive(struct driver *driver)
{
    while (!all_seen(driver)) {
        pthread_mutex_lock(&driver->lock);
        while (!driver->notified)
            pthread_cond_wait(&driver->changed, &driver->lock);
        driver->notified = false;
        pthread_mutex_unlock(&driver->lock);
        mailbox_drain(driver->mailbox);
    }
}

static void a_driver_sees_what_was_done_before_each_wake(void **state)
{
    struct driver driver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t threads[WAKERS];

    (void)state;
    driver.mailbox = mailbox_create(driver_notify, &driver);
    mailbox_attach(driver.mailbox);
    for (unsigned i = 0; i < CELLS; i++) {
        driver.slots[i] = (struct slot){&driver, i};
        driver.cells[i] = cell_create(driver.mailbox, driver_woken, &driver.slots[i]);
    }
    for (unsigned i = 0; i < WAKERS; i++)
        thread_create(&threads[i], wake_cells, &driver);
    drive(&driver); /* returns only when no wake was lost */
    for (unsigned i = 0; i < WAKERS; i++)
        thread_join(threads[i]);
    for (unsigned i = 0; i < CELLS; i++)
        cell_detach(driver.cells[i]);
    mailbox_close(driver.mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_thread_loses_no_wake_of_another),
        cmocka_unit_test(a_thread_task_is_used_again_and_again),
        cmocka_unit_test(a_blocked_thread_waits_until_its_wake_at_and_no_longer),
        cmocka_unit_test(wakers_may_be_called_while_their_task_is_freed),
        cmocka_unit_test(a_driver_sees_what_was_done_before_each_wake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
