/* SPDX-License-Identifier: MIT */
/*
 * service_blocking.c - the echo service as functions that read and write and may block.
 */
#include "service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What a read that gave no message means for the function: END is no failure. */
static weir_code end_of(weir_poll poll, weir_item *item, weir_status *why)
{
    if (poll == WEIR_END)
        return WEIR_OK;
    weir_status_clear(why);
    *why = item->status;
    item->status = (weir_status){0};
    return why->code;
}

static weir_code bidi(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;
    weir_code code;

    (void)self;
    reflect(call);
    while ((poll = weir_read(io, &item)) == WEIR_READY)
        if (weir_write(io, item.message) != WEIR_OK)
            return WEIR_CANCELLED;
    code = end_of(poll, &item, why);
    return code != WEIR_OK ? code : wanted_code(call, why);
}

static weir_code unary(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;

    (void)self;
    reflect(call);
    poll = weir_read(io, &item);
    if (poll == WEIR_END)
        return weir_fail(why, WEIR_UNIMPLEMENTED, "one request message is due");
    if (poll == WEIR_ERROR)
        return end_of(poll, &item, why);
    if (wanted_code(call, why) == WEIR_OK)
        return weir_write(io, item.message);
    weir_item_clear(&item);
    return why->code;
}

static weir_code server_stream(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;
    uint64_t count = 0;
    size_t size = 0;
    bool good;

    (void)self;
    reflect(call);
    poll = weir_read(io, &item);
    if (poll != WEIR_READY)
        return end_of(poll, &item, why);
    good = parse_count_size(&item.message, &count, &size);
    weir_item_clear(&item);
    if (!good)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "expected COUNT SIZE");
    for (uint64_t i = 0; i < count; i++)
        if (weir_write(io, numbered_message(i, size)) != WEIR_OK)
            return WEIR_CANCELLED;
    return wanted_code(call, why);
}

static weir_code client_stream(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    uint64_t count = 0, bytes = 0;
    weir_item item;
    weir_poll poll;

    (void)self;
    reflect(call);
    while ((poll = weir_read(io, &item)) == WEIR_READY) {
        count++;
        bytes += item.message.size;
        weir_item_clear(&item);
    }
    if (end_of(poll, &item, why) != WEIR_OK || wanted_code(call, why) != WEIR_OK)
        return why->code;
    return weir_write(io, weir_bytes_format("%" PRIu64 " %" PRIu64, count, bytes));
}

/* Waits on the condition for a moment, so that a cancellation is seen, too. */
static void wait_a_moment(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10 * 1000 * 1000;
    if (until.tv_nsec >= 1000 * 1000 * 1000) {
        until.tv_nsec -= 1000 * 1000 * 1000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&sleeps.changed, &sleeps.lock, &until);
}

static weir_code sleep_blocking(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;

    (void)self;
    sleep_started();
    while ((poll = weir_read(io, &item)) == WEIR_READY)
        weir_item_clear(&item);
    if (poll == WEIR_END) {
        pthread_mutex_lock(&sleeps.lock);
        while (!weir_call_cancelled(call))
            wait_a_moment();
        pthread_mutex_unlock(&sleeps.lock);
        weir_fail(why, WEIR_CANCELLED, "woken");
    } else {
        end_of(poll, &item, why);
    }
    sleep_ended(call);
    return why->code;
}

static weir_code cancel_blocking(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;

    (void)self;
    /* The second read waits until the cancellation is through. */
    while ((poll = weir_read(io, &item)) == WEIR_READY) {
        weir_item_clear(&item);
        weir_call_cancel(call);
    }
    weir_item_clear(&item);
    if (poll == WEIR_END)
        return weir_fail(why, WEIR_INTERNAL, "the requests ended before the call was cancelled");
    return weir_fail(why, WEIR_INTERNAL, "the call is over: nobody is told this");
}

static weir_code await(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    char text[32] = "", which[16] = "";
    unsigned number = 0, *counter;
    weir_item item;
    weir_bytes reply;

    (void)self;
    if (weir_read(io, &item) == WEIR_READY)
        copy_text(text, sizeof text, &item.message);
    weir_item_clear(&item);
    if (sscanf(text, "%15s %u", which, &number) != 2)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "expected WHICH N");
    counter = strcmp(which, "started") == 0 ? &sleeps.started : &sleeps.ended;
    pthread_mutex_lock(&sleeps.lock);
    while (*counter < number && !weir_call_cancelled(call))
        wait_a_moment();
    reply = weir_bytes_format("%u %u %u", sleeps.started, sleeps.ended, sleeps.cancelled);
    pthread_mutex_unlock(&sleeps.lock);
    return weir_write(io, reply);
}

weir_code handle_blocking(weir_server *server, weir_status *why)
{
    static const struct {
        const char *method;
        weir_blocking_fn *fn;
    } methods[] = {
        {"/weir.test.Blocking/Unary", unary},
        {"/weir.test.Blocking/ServerStream", server_stream},
        {"/weir.test.Blocking/ClientStream", client_stream},
        {"/weir.test.Blocking/Bidi", bidi},
        {"/weir.test.Blocking/Sleep", sleep_blocking},
        {"/weir.test.Blocking/Cancel", cancel_blocking},
        {"/weir.test.Echo/Await", await},
    };
    weir_code code = WEIR_OK;

    for (size_t i = 0; code == WEIR_OK && i < sizeof methods / sizeof *methods; i++)
        code = weir_server_handle(server, methods[i].method,
                                  weir_blocking(methods[i].fn, NULL, NULL), why);
    return code;
}
