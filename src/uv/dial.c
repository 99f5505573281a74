/* SPDX-License-Identifier: MIT */
/*
 * dial.c - channels, with a loop and a thread of their own where they are given none.
 */
#include "uv/uv.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "channel/channel.h"
#include "uv/listen.h"

#include <stdio.h>
#include <unistd.h>

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

static void close_fd(int fd)
{
    close(fd);
}

/* What a channel is made for: a target, or a socket. */
struct destination {
    const char *target;                  /* NULL: */
    const struct channel_socket *socket; /* this */
};

static weir_code create_on_loop(const struct destination *to, const weir_channel_options *options,
                                weir_loop *loop, weir_channel **out, weir_status *why)
{
    if (to->target != NULL)
        return channel_create(to->target, options, loop, out, why);
    return channel_create_on(to->socket, options, loop, out, why);
}

/* A channel whose thread never was. */
static void drop_channel(struct dialer *dialer, weir_channel *channel)
{
    if (channel != NULL)
        channel->socket.fd = -1;
    weir_channel_unref(channel);
    destroy(dialer);
}

static weir_code create_with_thread(const struct destination *to,
                                    const weir_channel_options *options, weir_channel **out,
                                    weir_status *why)
{
    struct dialer *dialer = create(why);
    weir_channel *channel;
    weir_code code;

    if (dialer == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = create_on_loop(to, options, dialer->uv->loop, &channel, why);
    if (code == WEIR_OK && !thread_start(&dialer->thread, run, dialer))
        code = weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "cannot start a thread");
    if (code != WEIR_OK) {
        drop_channel(dialer, channel);
        return code;
    }
    channel->driver = dialer;
    channel->stop_driver = stop;
    *out = channel;
    return WEIR_OK;
}

/* No socket can be connected to a path that is too long, or to a name where there are none. */
static bool can_be_reached(const char *target)
{
    struct address address;

    return !address_is_unix(target) || address_parse(target, &address) == ADDRESS_READY;
}

weir_code weir_channel_create(const char *target, const weir_channel_options *options,
                              weir_channel **out, weir_status *why)
{
    const struct destination to = {.target = target};
    weir_uv *uv;

    *out = NULL;
    if ((options == NULL || options->loop == NULL || uv_of_loop(options->loop, &uv)) &&
        !can_be_reached(target))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "'%s' is no Unix socket: a path has 1 to 107 bytes%s", target,
                         ADDRESS_HAS_ABSTRACT ? ", and so has an abstract name"
                                              : ", and only Linux has abstract names");
    if (options != NULL && options->loop != NULL)
        return create_on_loop(&to, options, options->loop, out, why);
    return create_with_thread(&to, options, out, why);
}

weir_code weir_channel_create_fd(int fd, const weir_channel_options *options, weir_channel **out,
                                 weir_status *why)
{
    struct channel_socket socket = {.fd = fd, .close = close_fd};
    const struct destination to = {.socket = &socket};
    const char *wrong = connected_check(fd);
    weir_uv *uv;

    *out = NULL;
    if (wrong != NULL)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "no channel: fd %d %s", fd, wrong);
    snprintf(socket.address, sizeof socket.address, SOCKET_FD "%d", fd);
    if (options == NULL || options->loop == NULL)
        return create_with_thread(&to, options, out, why);
    if (!uv_of_loop(options->loop, &uv))
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "the channel's loop has no sockets");
    return create_on_loop(&to, options, options->loop, out, why);
}
