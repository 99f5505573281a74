/* SPDX-License-Identifier: MIT */
/*
 * service_stream.c - the echo service as streams that are polled on the loop.
 */
#include "service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_stream unary(void *self, weir_call *call, weir_stream requests)
{
    weir_status status = wanted_status(call);

    (void)self;
    reflect(call);
    if (status.code == WEIR_OK)
        return requests;
    weir_stream_release(&requests);
    return weir_stream_error(status);
}

static weir_stream bidi(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    reflect(call);
    return weir_stream_chain(requests, weir_stream_error(wanted_status(call)));
}

/* ---- ServerStream ---- */

struct numbers {
    uint64_t next;
    uint64_t count;
    size_t size;
};

static weir_poll next_number(void *state, weir_task *task, weir_item *out)
{
    struct numbers *n = state;

    (void)task;
    if (n->next == n->count)
        return WEIR_END;
    out->message = numbered_message(n->next++, n->size);
    return WEIR_READY;
}

static weir_stream numbers_for(void *arg, weir_bytes request)
{
    struct numbers *n = calloc(1, sizeof *n);
    bool good = n == NULL || parse_count_size(&request, &n->count, &n->size);

    (void)arg;
    weir_bytes_unref(&request);
    if (good)
        return weir_stream_from(next_number, n, free);
    free(n);
    return weir_stream_fail(WEIR_INVALID_ARGUMENT, "expected COUNT SIZE");
}

static weir_stream server_stream(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    reflect(call);
    return weir_stream_chain(weir_stream_then(requests, numbers_for, NULL),
                             weir_stream_error(wanted_status(call)));
}

/* ---- ClientStream ---- */

struct sum {
    uint64_t count;
    uint64_t bytes;
};

static weir_code sum_step(void *state, const weir_bytes *message, weir_status *why)
{
    struct sum *sum = state;

    (void)why;
    sum->count++;
    sum->bytes += message->size;
    return WEIR_OK;
}

static weir_code sum_finish(void *state, weir_bytes *out, weir_status *why)
{
    struct sum *sum = state;

    (void)why;
    *out = weir_bytes_format("%" PRIu64 " %" PRIu64, sum->count, sum->bytes);
    return WEIR_OK;
}

static weir_stream client_stream(void *self, weir_call *call, weir_stream requests)
{
    weir_status status = wanted_status(call);
    weir_fold fold = {sum_step, sum_finish, free, calloc(1, sizeof(struct sum))};

    (void)self;
    reflect(call);
    requests = weir_stream_fold(requests, &fold);
    if (status.code == WEIR_OK)
        return requests;
    /* The answer is taken, and the status given instead. */
    return weir_stream_chain(weir_stream_skip(requests, 1), weir_stream_error(status));
}

/* ---- Sleep and Cancel ---- */

struct sleeper {
    weir_call *call;
    weir_stream requests;
    bool cancels;
};

static weir_poll sleeper_poll(void *self, weir_task *task, weir_item *out)
{
    struct sleeper *s = self;

    for (;;) {
        weir_poll poll = weir_stream_poll(&s->requests, task, out);

        if (poll == WEIR_ERROR)
            return poll;
        if (poll != WEIR_READY)
            return WEIR_PENDING;
        weir_item_clear(out);
        if (s->cancels)
            weir_call_cancel(s->call);
    }
}

static void sleeper_release(void *self)
{
    struct sleeper *s = self;

    if (!s->cancels)
        sleep_ended(s->call);
    weir_stream_release(&s->requests);
    weir_call_unref(s->call);
    free(s);
}

static weir_stream sleeping(weir_call *call, weir_stream requests, bool cancels)
{
    static const weir_stream_ops ops = {sleeper_poll, sleeper_release};
    struct sleeper *s = malloc(sizeof *s);

    if (s == NULL) {
        weir_stream_release(&requests);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    *s = (struct sleeper){weir_call_ref(call), requests, cancels};
    return (weir_stream){&ops, s};
}

static weir_stream sleep_handler(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    sleep_started();
    return sleeping(call, requests, false);
}

static weir_stream cancel_handler(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    return sleeping(call, requests, true);
}

/* ---- Barrier ---- */

struct waiting {
    struct waiting *next;
    weir_call *call;
    weir_waker waker;
    unsigned needed;
    bool arrived;
    bool released;
    bool answered;
};

static struct {
    pthread_mutex_t lock;
    struct waiting *first;
    unsigned count;
} barrier = {PTHREAD_MUTEX_INITIALIZER, NULL, 0};

static void barrier_open(void)
{
    for (struct waiting *w = barrier.first; w != NULL; w = w->next) {
        w->released = true;
        weir_waker_wake(&w->waker);
    }
    barrier.first = NULL;
    barrier.count = 0;
}

static bool barrier_pass(struct waiting *w, weir_task *task)
{
    bool released;

    pthread_mutex_lock(&barrier.lock);
    if (!w->arrived) {
        w->arrived = true;
        w->next = barrier.first;
        barrier.first = w;
        if (++barrier.count == w->needed)
            barrier_open();
    }
    released = w->released;
    if (!released)
        weir_waker_keep(&w->waker, task);
    pthread_mutex_unlock(&barrier.lock);
    return released;
}

static weir_poll waiting_poll(void *self, weir_task *task, weir_item *out)
{
    struct waiting *w = self;

    if (w->answered)
        return WEIR_END;
    if (!barrier_pass(w, task))
        return WEIR_PENDING;
    w->answered = true;
    out->message = weir_bytes_copy_string(weir_call_peer(w->call)->address);
    return WEIR_READY;
}

static void waiting_release(void *self)
{
    struct waiting *w = self;

    pthread_mutex_lock(&barrier.lock);
    for (struct waiting **at = &barrier.first; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            barrier.count--;
            break;
        }
    }
    pthread_mutex_unlock(&barrier.lock);
    weir_waker_release(&w->waker);
    weir_call_unref(w->call);
    free(w);
}

static weir_stream wait_for(void *arg, weir_bytes request)
{
    static const weir_stream_ops ops = {waiting_poll, waiting_release};
    weir_call *call = arg;
    struct waiting *w = calloc(1, sizeof *w);
    char text[16];

    copy_text(text, sizeof text, &request);
    weir_bytes_unref(&request);
    if (w == NULL)
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    w->call = weir_call_ref(call);
    w->needed = (unsigned)atoi(text);
    return (weir_stream){&ops, w};
}

static weir_stream barrier_handler(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    return weir_stream_then(requests, wait_for, call);
}

weir_code handle_streams(weir_server *server, weir_status *why)
{
    static const struct {
        const char *method;
        weir_handler_fn *call;
    } methods[] = {
        {"/weir.test.Echo/Unary", unary},
        {"/weir.test.Echo/ServerStream", server_stream},
        {"/weir.test.Echo/ClientStream", client_stream},
        {"/weir.test.Echo/Bidi", bidi},
        {"/weir.test.Echo/Sleep", sleep_handler},
        {"/weir.test.Echo/Cancel", cancel_handler},
        {"/weir.test.Echo/Barrier", barrier_handler},
    };
    weir_code code = WEIR_OK;

    for (size_t i = 0; code == WEIR_OK && i < sizeof methods / sizeof *methods; i++)
        code = weir_server_handle(server, methods[i].method,
                                  (weir_handler){.call = methods[i].call}, why);
    return code;
}
