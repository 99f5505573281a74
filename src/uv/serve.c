/* SPDX-License-Identifier: MIT */
/*
 * serve.c - a server's sockets and threads.
 *
 * The first loop listens and hands the accepted fds to all loops in turn. A loop of the server's
 * own ends when a shutdown was asked for and its last connection is gone.
 */
#include "uv/uv.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "server/server.h"
#include "tls/session.h"
#include "uv/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
/* Out of fds: the listener rests this long, so that it does not spin. */
#define ACCEPT_REST_MS 100
#define ACCEPTS_A_TURN 64

struct accepted {
    int fd;
    weir_tls *tls; /* NULL: plain text; referenced */
};

struct serving_loop {
    struct served *served;
    weir_uv *uv;
    pthread_t thread;
    bool running;
    struct weir_cell *cell;
    pthread_mutex_t lock;
    struct accepted *fds; /* handed over, under the lock */
    size_t count;
    size_t capacity;
};

struct listener {
    struct listener *next;
    struct served *served;
    int fd;
    weir_tls *tls; /* NULL: plain text */
    char *path;    /* of a Unix socket, to be removed */
    int handles;
    uv_poll_t poll;
    uv_timer_t rest;
};

struct served {
    weir_server *server;
    bool own_threads;
    bool started;
    atomic_bool stopping;
    unsigned count;
    unsigned next;
    struct listener *listeners;
    struct serving_loop loops[];
};

/* ---- accepted fds ---- */

static void refuse_fd(struct accepted accepted)
{
    close(accepted.fd);
    weir_tls_unref(accepted.tls);
}

static weir_code accept_fd(struct serving_loop *loop, weir_tls *tls, const char *peer,
                           weir_connection **out)
{
    weir_server *server = loop->served->server;

    if (tls != NULL)
        return weir_server_accept_tls(server, loop->uv->loop, tls, peer, out, NULL);
    return weir_server_accept(server, loop->uv->loop, peer, out, NULL);
}

static void serve_fd(struct serving_loop *loop, struct accepted accepted)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    char text[ADDRESS_TEXT_SIZE];
    weir_connection *connection;

    memset(&peer, 0, sizeof peer);
    getpeername(accepted.fd, (struct sockaddr *)&peer, &size);
    address_format(&peer, size, text);
    if (accept_fd(loop, accepted.tls, text, &connection) != WEIR_OK) {
        close(accepted.fd);
    } else if (!socket_open(loop->uv, connection, accepted.fd)) {
        weir_connection_free(connection);
        close(accepted.fd);
    }
    weir_tls_unref(accepted.tls);
}

static bool push_fd(struct serving_loop *loop, struct accepted accepted)
{
    bool fits = true;

    pthread_mutex_lock(&loop->lock);
    if (loop->count == loop->capacity) {
        size_t capacity = loop->capacity == 0 ? 16 : loop->capacity * 2;
        struct accepted *fds = mem_resize(loop->fds, capacity * sizeof *fds);

        fits = fds != NULL;
        if (fits) {
            loop->fds = fds;
            loop->capacity = capacity;
        }
    }
    if (fits)
        loop->fds[loop->count++] = accepted;
    pthread_mutex_unlock(&loop->lock);
    return fits;
}

static bool take_fd(struct serving_loop *loop, struct accepted *out)
{
    bool any;

    pthread_mutex_lock(&loop->lock);
    any = loop->count != 0;
    if (any)
        *out = loop->fds[--loop->count];
    pthread_mutex_unlock(&loop->lock);
    return any;
}

static void hand_over(const struct listener *listener, int fd)
{
    struct served *served = listener->served;
    struct serving_loop *loop = &served->loops[served->next++ % served->count];
    struct accepted accepted = {fd, listener->tls != NULL ? weir_tls_ref(listener->tls) : NULL};

    if (loop == &served->loops[0])
        serve_fd(loop, accepted);
    else if (push_fd(loop, accepted))
        cell_wake(loop->cell);
    else
        refuse_fd(accepted);
}

/* ---- listening ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *rest)
{
    struct listener *listener = rest->data;

    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            hand_over(listener, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            uv_poll_stop(poll);
            uv_timer_start(&listener->rest, on_rested, ACCEPT_REST_MS, 0);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    if (--listener->handles != 0)
        return;
    weir_tls_unref(listener->tls);
    mem_free(listener->path);
    mem_free(listener);
}

static void close_listeners(struct served *served)
{
    struct listener *listener;

    while ((listener = served->listeners) != NULL) {
        served->listeners = listener->next;
        uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
        close(listener->fd);
        if (listener->path != NULL)
            unlink(listener->path);
        uv_close((uv_handle_t *)&listener->rest, on_listener_closed);
    }
}

/* A bound, listening fd, or -1 with errno. */
static int open_listener(const struct address *address)
{
    const struct sockaddr *name = (const struct sockaddr *)&address->storage;
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, name, address->size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    one = errno;
    close(fd);
    errno = one;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;

    memset(&name, 0, sizeof name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&name)->sin_port) : 0;
}

static bool watch_listener(struct served *served, int fd, const char *path, weir_tls *tls)
{
    struct listener *listener = mem_zalloc(sizeof *listener);
    weir_uv *uv = served->loops[0].uv;

    if (listener == NULL)
        return false;
    if (path != NULL)
        listener->path = mem_copy_string(path);
    if ((path != NULL && listener->path == NULL) ||
        uv_poll_init(&uv->uv, &listener->poll, fd) != 0) {
        mem_free(listener->path);
        mem_free(listener);
        return false;
    }
    uv_timer_init(&uv->uv, &listener->rest);
    listener->handles = 2;
    listener->poll.data = listener->rest.data = listener;
    listener->served = served;
    listener->fd = fd;
    listener->tls = tls != NULL ? weir_tls_ref(tls) : NULL;
    listener->next = served->listeners;
    served->listeners = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    return true;
}

/* ---- loops ---- */

/* woken() of a loop's cell: fds came, or a stop. */
static void on_poked(void *target)
{
    struct serving_loop *loop = target;
    struct accepted accepted;

    while (take_fd(loop, &accepted)) {
        if (atomic_load(&loop->served->stopping))
            refuse_fd(accepted);
        else
            serve_fd(loop, accepted);
    }
    if (atomic_load(&loop->served->stopping) && loop == &loop->served->loops[0])
        close_listeners(loop->served);
}

static void end_when_idle(void *self)
{
    struct serving_loop *loop = self;

    if (atomic_load(&loop->served->stopping) &&
        server_connection_on(loop->served->server, loop->uv->loop) == NULL)
        weir_uv_stop(loop->uv);
}

static bool open_loop(struct served *served, struct serving_loop *loop, weir_status *why)
{
    loop->served = served;
    if (served->own_threads && weir_uv_create(&loop->uv, why) != WEIR_OK)
        return false;
    loop->cell = cell_create(loop->uv->loop->mailbox, on_poked, loop);
    if (loop->cell == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a loop") == WEIR_OK;
    pthread_mutex_init(&loop->lock, NULL);
    if (served->own_threads) {
        loop->uv->after_turn = end_when_idle;
        loop->uv->after_turn_self = loop;
    }
    return true;
}

static void close_loop(struct serving_loop *loop)
{
    struct accepted accepted;

    if (loop->cell != NULL) {
        while (take_fd(loop, &accepted))
            refuse_fd(accepted);
        cell_detach(loop->cell);
        pthread_mutex_destroy(&loop->lock);
        mem_free(loop->fds);
    }
    if (loop->served != NULL && loop->served->own_threads)
        weir_uv_free(loop->uv);
}

static void served_stop(void *driver)
{
    struct served *served = driver;

    atomic_store(&served->stopping, true);
    for (unsigned i = 0; i < served->count; i++)
        cell_wake(served->loops[i].cell);
}

static void served_wait(void *driver)
{
    struct served *served = driver;

    for (unsigned i = 0; i < served->count; i++) {
        if (served->loops[i].running)
            pthread_join(served->loops[i].thread, NULL);
        served->loops[i].running = false;
    }
}

/* On a loop of the user's, by its thread: nobody turns it for us now. */
static void drop_connections(struct served *served)
{
    weir_loop *loop = served->loops[0].uv->loop;
    weir_connection *connection;

    while ((connection = server_connection_on(served->server, loop)) != NULL) {
        weir_connection_eof(connection, "the server was freed");
        socket_drive(connection);
    }
}

static void served_free(void *driver)
{
    struct served *served = driver;

    served_wait(served);
    if (!served->own_threads)
        drop_connections(served);
    close_listeners(served);
    for (unsigned i = 0; i < served->count; i++)
        close_loop(&served->loops[i]);
    mem_free(served);
}

static const struct server_driver_ops served_ops = {served_stop, served_wait, served_free};

static struct served *create_served(weir_server *server, weir_status *why)
{
    unsigned count = server->options.loop != NULL ? 1 : server->options.threads;
    struct served *served = mem_zalloc(sizeof *served + count * sizeof served->loops[0]);

    if (served == NULL) {
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a server");
        return NULL;
    }
    served->server = server;
    served->own_threads = server->options.loop == NULL;
    served->count = count;
    atomic_init(&served->stopping, false);
    if (!served->own_threads && !uv_of_loop(server->options.loop, &served->loops[0].uv)) {
        weir_fail(why, WEIR_FAILED_PRECONDITION, "the server's loop has no sockets");
        mem_free(served);
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        if (open_loop(served, &served->loops[i], why))
            continue;
        served_free(served);
        return NULL;
    }
    return served;
}

static struct served *served_of(weir_server *server, weir_status *why)
{
    if (server->driver == NULL) {
        server->driver = create_served(server, why);
        server->driver_ops = server->driver != NULL ? &served_ops : NULL;
    }
    return server->driver;
}

static weir_code listen_on(weir_server *server, const char *text, weir_tls *tls, uint16_t *port,
                           weir_status *why)
{
    struct served *served = served_of(server, why);
    struct address address;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address.storage;
    bool is_path = strncmp(text, "unix:", 5) == 0;
    int fd;

    if (served == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (served->started)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "the server was started already");
    if (!address_parse_local(text, &address))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "cannot listen on '%s': \"127.0.0.1:50051\", \"[::]:50051\" or "
                         "\"unix:/path\" is an address",
                         text);
    fd = open_listener(&address);
    if (fd < 0)
        return weir_fail(why, WEIR_UNAVAILABLE, "cannot listen on %s: %s", text, strerror(errno));
    if (!watch_listener(served, fd, is_path ? un->sun_path : NULL, tls)) {
        close(fd);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a listener");
    }
    if (port != NULL)
        *port = port_of(fd);
    return WEIR_OK;
}

weir_code weir_server_listen(weir_server *server, const char *text, uint16_t *port,
                             weir_status *why)
{
    return listen_on(server, text, NULL, port, why);
}

weir_code weir_server_listen_tls(weir_server *server, const char *text, weir_tls *tls,
                                 uint16_t *port, weir_status *why)
{
    if (!tls_can_serve(tls))
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "TLS: a server needs a certificate");
    return listen_on(server, text, tls, port, why);
}

static void *run_loop(void *self)
{
    struct serving_loop *loop = self;

    weir_uv_run(loop->uv);
    return NULL;
}

weir_code weir_server_start(weir_server *server, weir_status *why)
{
    struct served *served = served_of(server, why);

    if (served == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (!served->own_threads || served->started)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "the server is started already");
    served->started = true;
    for (unsigned i = 0; i < served->count; i++) {
        struct serving_loop *loop = &served->loops[i];

        loop->running = thread_start(&loop->thread, run_loop, loop);
        if (!loop->running)
            return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "cannot start a thread");
    }
    return WEIR_OK;
}
