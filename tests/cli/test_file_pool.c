/* SPDX-License-Identifier: MIT */
/*
 * test_file_pool.c - jobs and their owners: who may touch what, and who frees it.
 *
 * No job here takes time: those that must still run when something else happens wait for it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "file_pool.h"

/* An owner of a job, and what its job saw. */
struct owner {
    file_job job;
    sem_t *begun; /* posted when it runs */
    sem_t *go;    /* what it waits for then; NULL: nothing */
    unsigned runs;
    pthread_t ran_on;
    atomic_uint *dropped; /* outlives the owner */
};

static void owner_run(file_job *job)
{
    struct owner *o = (struct owner *)job;

    o->runs++;
    o->ran_on = pthread_self();
    if (o->begun != NULL)
        sem_post(o->begun);
    if (o->go != NULL)
        sem_wait(o->go);
}

static void owner_drop(file_job *job)
{
    struct owner *o = (struct owner *)job;

    atomic_fetch_add(o->dropped, 1);
    free(o);
}

static struct owner *owner_create(file_pool *pool, atomic_uint *dropped)
{
    struct owner *o = calloc(1, sizeof *o);

    assert_non_null(o);
    file_job_init(&o->job, pool, owner_run, owner_drop);
    o->dropped = dropped;
    return o;
}

static void notify(void *self)
{
    sem_post(self);
}

/* A task that says when it is woken. */
struct waiter {
    weir_task *task;
    sem_t woken;
};

static void waiter_init(struct waiter *w)
{
    sem_init(&w->woken, 0, 0);
    w->task = weir_task_create(&(weir_task_options){.notify = notify, .self = &w->woken});
    assert_non_null(w->task);
    weir_task_begin(w->task, 0);
}

static void waiter_free(struct waiter *w)
{
    weir_task_free(w->task);
    sem_destroy(&w->woken);
}

static void a_job_runs_on_another_thread_and_wakes_its_task(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;
    struct owner *o = owner_create(pool, &dropped);
    struct waiter w;

    (void)state;
    waiter_init(&w);
    assert_true(file_job_idle(&o->job, w.task));
    file_job_start(&o->job, w.task);
    sem_wait(&w.woken);
    assert_true(file_job_idle(&o->job, w.task));
    assert_int_equal(o->runs, 1);
    assert_false(pthread_equal(o->ran_on, pthread_self()));
    file_job_leave(&o->job);
    file_pool_free(pool);
    assert_int_equal(atomic_load(&dropped), 1);
    waiter_free(&w);
}

static void the_task_that_asked_last_is_woken(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;
    struct owner *o = owner_create(pool, &dropped);
    struct waiter first, last;
    sem_t go;

    (void)state;
    sem_init(&go, 0, 0);
    waiter_init(&first);
    waiter_init(&last);
    o->go = &go;
    file_job_start(&o->job, first.task);
    assert_false(file_job_idle(&o->job, last.task)); /* the stream moved to another owner */
    waiter_free(&first);
    sem_post(&go);
    sem_wait(&last.woken);
    assert_true(file_job_idle(&o->job, last.task));
    file_job_leave(&o->job);
    file_pool_free(pool);
    waiter_free(&last);
    sem_destroy(&go);
}

static void a_job_that_is_left_while_it_runs_is_dropped_when_it_ended(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;
    struct owner *o = owner_create(pool, &dropped);
    struct waiter w;
    sem_t begun, go;

    (void)state;
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    waiter_init(&w);
    o->begun = &begun;
    o->go = &go;
    file_job_start(&o->job, w.task);
    sem_wait(&begun);
    file_job_leave(&o->job);
    assert_int_equal(atomic_load(&dropped), 0);
    sem_post(&go);
    file_pool_free(pool);
    assert_int_equal(atomic_load(&dropped), 1);
    waiter_free(&w);
    sem_destroy(&begun);
    sem_destroy(&go);
}

static void a_job_that_is_left_in_the_queue_never_runs(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;
    struct owner *running = owner_create(pool, &dropped), *queued = owner_create(pool, &dropped);
    struct waiter w;
    sem_t begun, go;
    int value;

    (void)state;
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    waiter_init(&w);
    running->begun = queued->begun = &begun;
    running->go = &go;
    file_job_start(&running->job, w.task);
    sem_wait(&begun);
    file_job_start(&queued->job, w.task);
    file_job_leave(&queued->job);
    file_job_leave(&running->job);
    sem_post(&go);
    file_pool_free(pool);
    assert_int_equal(atomic_load(&dropped), 2);
    sem_getvalue(&begun, &value);
    assert_int_equal(value, 0);
    waiter_free(&w);
    sem_destroy(&begun);
    sem_destroy(&go);
}

static void an_idle_job_that_is_left_is_dropped(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;

    (void)state;
    file_job_leave(&owner_create(pool, &dropped)->job);
    file_pool_free(pool);
    assert_int_equal(atomic_load(&dropped), 1);
}

static void a_wake_after_the_task_is_gone_does_no_harm(void **state)
{
    file_pool *pool = file_pool_create(1);
    atomic_uint dropped = 0;
    struct owner *o = owner_create(pool, &dropped);
    struct waiter w;
    sem_t go;

    (void)state;
    sem_init(&go, 0, 0);
    waiter_init(&w);
    o->go = &go;
    file_job_start(&o->job, w.task);
    waiter_free(&w);
    sem_post(&go);
    file_job_leave(&o->job);
    file_pool_free(pool);
    assert_int_equal(atomic_load(&dropped), 1);
    sem_destroy(&go);
}

enum { OWNERS = 200, ROUNDS = 50 };

/* Starts jobs, waits for some, leaves others behind in whatever state they are. */
static void *use_pool(void *arg)
{
    file_pool *pool = arg;
    static atomic_uint dropped;
    struct waiter w;

    waiter_init(&w);
    for (int i = 0; i < OWNERS; i++) {
        struct owner *o = owner_create(pool, &dropped);

        for (int round = 0; round < i % ROUNDS; round++) {
            weir_task_begin(w.task, 0);
            file_job_start(&o->job, w.task);
            while (!file_job_idle(&o->job, w.task)) {
                sem_wait(&w.woken);
                weir_task_begin(w.task, 0);
            }
            assert_int_equal(o->runs, round + 1);
        }
        if (i % 3 == 0)
            file_job_start(&o->job, w.task);
        file_job_leave(&o->job);
    }
    waiter_free(&w);
    return NULL;
}

static void many_threads_may_use_one_pool(void **state)
{
    file_pool *pool = file_pool_create(3);
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_pool, pool), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    file_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_on_another_thread_and_wakes_its_task),
        cmocka_unit_test(the_task_that_asked_last_is_woken),
        cmocka_unit_test(a_job_that_is_left_while_it_runs_is_dropped_when_it_ended),
        cmocka_unit_test(a_job_that_is_left_in_the_queue_never_runs),
        cmocka_unit_test(an_idle_job_that_is_left_is_dropped),
        cmocka_unit_test(a_wake_after_the_task_is_gone_does_no_harm),
        cmocka_unit_test(many_threads_may_use_one_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
