/* SPDX-License-Identifier: MIT */
/*
 * uv.c - weir's own driver: turns a loop with libuv.
 *
 * The loop is turned where libuv is about to wait: by then all sockets that had something were
 * read, and everything that came of it goes out in one turn.
 */
#include "uv/uv.h"

#include "base/alloc.h"

/* A turn may make work for the next; past this many the sockets have their turn first. */
#define MAX_TURNS 4

static void notify(void *self)
{
    weir_uv *uv = self;

    uv_async_send(&uv->async);
}

static void nothing(uv_async_t *async)
{
    (void)async;
}

static void on_timer(uv_timer_t *timer)
{
    ((weir_uv *)timer->data)->timer_due = WEIR_NEVER;
}

/* libuv's timers are whole milliseconds: rounded up, so that nothing fires early. */
static void arm_timer(weir_uv *uv, uint64_t now)
{
    uint64_t due = weir_loop_wakeup(uv->loop);

    if (due == uv->timer_due)
        return;
    uv->timer_due = due;
    if (due == WEIR_NEVER) {
        uv_timer_stop(&uv->timer);
        return;
    }
    uv_update_time(&uv->uv);
    uv_timer_start(&uv->timer, on_timer, due > now ? (due - now + 999999) / 1000000 : 0, 0);
}

static void drive(weir_uv *uv)
{
    uint64_t now;
    int turns = 0;

    do {
        weir_connection *connection;

        now = uv_hrtime();
        weir_loop_turn(uv->loop, now);
        while ((connection = weir_loop_next(uv->loop)) != NULL)
            socket_drive(connection);
    } while (weir_loop_wakeup(uv->loop) == 0 && ++turns < MAX_TURNS);
    arm_timer(uv, now);
    if (uv->after_turn != NULL)
        uv->after_turn(uv->after_turn_self);
}

static void on_prepare(uv_prepare_t *prepare)
{
    drive(prepare->data);
}

bool uv_of_loop(const weir_loop *loop, weir_uv **uv)
{
    if (loop->transport == NULL || loop->transport->connect != socket_connect)
        return false;
    *uv = loop->transport->self;
    return true;
}

/* The prepare handle is started last: nothing is driven before the loop is whole. */
static bool open_handles(weir_uv *uv)
{
    if (uv_async_init(&uv->uv, &uv->async, nothing) != 0)
        return false;
    uv_timer_init(&uv->uv, &uv->timer);
    uv->prepare.data = uv->timer.data = uv;
    return true;
}

static void close_handles(weir_uv *uv)
{
    uv_close((uv_handle_t *)&uv->timer, NULL);
    uv_close((uv_handle_t *)&uv->async, NULL);
    /* Closing callbacks and cancelled look-ups; no handle is left to wait for. */
    while (uv_loop_close(&uv->uv) == UV_EBUSY)
        uv_run(&uv->uv, UV_RUN_ONCE);
}

weir_code weir_uv_create(weir_uv **out, weir_status *why)
{
    weir_uv *uv = mem_zalloc(sizeof *uv);
    weir_loop_options options = {.notify = notify, .self = uv};
    int failed;

    *out = NULL;
    if (uv == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a loop");
    failed = uv_loop_init(&uv->uv);
    if (failed != 0) {
        mem_free(uv);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "no event loop: %s", uv_strerror(failed));
    }
    uv->transport = (weir_transport){.connect = socket_connect, .self = uv};
    options.transport = &uv->transport;
    uv->timer_due = WEIR_NEVER;
    list_init(&uv->sockets);
    atomic_init(&uv->stopping, false);
    if (!open_handles(uv)) {
        uv_loop_close(&uv->uv);
        mem_free(uv);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "no event loop");
    }
    if (weir_loop_create(&options, &uv->loop, why) != WEIR_OK) {
        close_handles(uv);
        mem_free(uv);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    uv_prepare_init(&uv->uv, &uv->prepare);
    uv_prepare_start(&uv->prepare, on_prepare);
    *out = uv;
    return WEIR_OK;
}

weir_loop *weir_uv_loop(weir_uv *uv)
{
    return uv->loop;
}

void weir_uv_run(weir_uv *uv)
{
    while (!atomic_load(&uv->stopping))
        uv_run(&uv->uv, UV_RUN_ONCE);
    atomic_store(&uv->stopping, false);
    loop_detach(uv->loop);
}

void weir_uv_stop(weir_uv *uv)
{
    atomic_store(&uv->stopping, true);
    notify(uv);
}

int weir_uv_fd(const weir_uv *uv)
{
    return uv_backend_fd(&uv->uv);
}

int weir_uv_timeout_ms(const weir_uv *uv)
{
    /* libuv counts from its own clock, which stands still between two steps. */
    uv_update_time((uv_loop_t *)&uv->uv);
    return weir_loop_wakeup(uv->loop) == 0 ? 0 : uv_backend_timeout(&uv->uv);
}

void weir_uv_step(weir_uv *uv)
{
    uv_run(&uv->uv, UV_RUN_NOWAIT);
    drive(uv);
}

void weir_uv_free(weir_uv *uv)
{
    if (uv == NULL)
        return;
    drive(uv);
    socket_close_all(uv);
    /* First: other threads may wake until then, and a closed handle must not be told. */
    weir_loop_free(uv->loop);
    uv_close((uv_handle_t *)&uv->prepare, NULL);
    close_handles(uv);
    mem_free(uv);
}
