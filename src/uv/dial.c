/* SPDX-License-Identifier: MIT */
/*
 * dial.c - channels, with a loop and a thread of their own where they are given none.
 */
#include "uv/uv.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "channel/channel.h"

struct dialer {
    weir_uv *uv;
    pthread_t thread;
    atomic_bool closing;
};

static void *run(void *self)
{
    struct dialer *dialer = self;

    weir_uv_run(dialer->uv);
    return NULL;
}

/* The channel's own loop ends when its connections have said goodbye. */
static void end_when_idle(void *self)
{
    struct dialer *dialer = self;

    if (atomic_load(&dialer->closing) && dialer->uv->loop->connections == 0)
        weir_uv_stop(dialer->uv);
}

static void stop(void *driver)
{
    struct dialer *dialer = driver;

    atomic_store(&dialer->closing, true);
    uv_async_send(&dialer->uv->async);
    pthread_join(dialer->thread, NULL);
    weir_uv_free(dialer->uv);
    mem_free(dialer);
}

static struct dialer *create(weir_status *why)
{
    struct dialer *dialer = mem_zalloc(sizeof *dialer);

    if (dialer == NULL || weir_uv_create(&dialer->uv, why) != WEIR_OK) {
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a channel");
        mem_free(dialer);
        return NULL;
    }
    atomic_init(&dialer->closing, false);
    dialer->uv->after_turn = end_when_idle;
    dialer->uv->after_turn_self = dialer;
    return dialer;
}

static void destroy(struct dialer *dialer)
{
    weir_uv_free(dialer->uv);
    mem_free(dialer);
}

static weir_code create_with_thread(const char *target, const weir_channel_options *options,
                                    weir_channel **out, weir_status *why)
{
    struct dialer *dialer = create(why);
    weir_code code;

    *out = NULL;
    if (dialer == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = channel_create(target, options, dialer->uv->loop, out, why);
    if (code == WEIR_OK && !thread_start(&dialer->thread, run, dialer)) {
        weir_channel_unref(*out);
        *out = NULL;
        code = weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "cannot start a thread");
    }
    if (code != WEIR_OK) {
        destroy(dialer);
        return code;
    }
    (*out)->driver = dialer;
    (*out)->stop_driver = stop;
    return WEIR_OK;
}

weir_code weir_channel_create(const char *target, const weir_channel_options *options,
                              weir_channel **out, weir_status *why)
{
    if (options != NULL && options->loop != NULL)
        return channel_create(target, options, options->loop, out, why);
    return create_with_thread(target, options, out, why);
}
