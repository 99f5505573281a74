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
#include "uv/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So long a listener rests that cannot accept. */
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
    struct listening socket;
    weir_tls *tls; /* NULL: plain text */
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
    atomic_size_t waiting; /* fds that were handed to a loop, which has not looked yet */
    atomic_uint next;      /* whose turn it is to get a connection */
    struct listener *listeners;
    struct serving_loop loops[];
};

/* ---- accepted fds ---- */

static void close_fd(struct accepted accepted)
{
    close(accepted.fd);
    weir_tls_unref(accepted.tls);
}

static void peer_of(int fd, struct sockaddr_storage *peer, char text[ADDRESS_TEXT_SIZE])
{
    socklen_t size = sizeof *peer;

    memset(peer, 0, sizeof *peer);
    getpeername(fd, (struct sockaddr *)peer, &size);
    address_format(peer, size, text);
}

/* On the thread of the loop that listens. */
static void refuse_fd(struct served *served, struct accepted accepted, const char *reason)
{
    struct sockaddr_storage peer;
    char text[ADDRESS_TEXT_SIZE];

    peer_of(accepted.fd, &peer, text);
    server_refuse(served->server, served->loops[0].uv->loop, accepted.tls != NULL, text, reason);
    close_fd(accepted);
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
    char text[ADDRESS_TEXT_SIZE];
    weir_peer_credentials credentials;
    weir_connection *connection;

    peer_of(accepted.fd, &peer, text);
    credentials = peer_credentials(accepted.fd, &peer);
    if (accept_fd(loop, accepted.tls, text, &connection) != WEIR_OK) {
        close_fd(accepted);
        return;
    }
    weir_connection_set_peer_credentials(connection, &credentials);
    set_local_address(connection, accepted.fd);
    if (!socket_open(loop->uv, connection, accepted.fd)) {
        server_refuse(loop->served->server, loop->uv->loop, accepted.tls != NULL, text,
                      "out of memory for a socket");
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
    if (fits) {
        loop->fds[loop->count++] = accepted;
        atomic_fetch_add(&loop->served->waiting, 1);
    }
    pthread_mutex_unlock(&loop->lock);
    return fits;
}

static bool take_fd(struct serving_loop *loop, struct accepted *out)
{
    bool any;

    pthread_mutex_lock(&loop->lock);
    any = loop->count != 0;
    if (any) {
        *out = loop->fds[--loop->count];
        atomic_fetch_sub(&loop->served->waiting, 1);
    }
    pthread_mutex_unlock(&loop->lock);
    return any;
}

static struct serving_loop *next_loop(struct served *served)
{
    unsigned next = atomic_fetch_add_explicit(&served->next, 1, memory_order_relaxed);

    return &served->loops[next % served->count];
}

static weir_tls *ref_tls(weir_tls *tls)
{
    return tls != NULL ? weir_tls_ref(tls) : NULL;
}

/* A loop that is busy must not let fds pile up. */
static bool is_full(struct served *served)
{
    return server_is_full(served->server, atomic_load(&served->waiting));
}

static void hand_over(const struct listener *listener, int fd)
{
    struct served *served = listener->served;
    struct serving_loop *loop = next_loop(served);
    struct accepted accepted = {fd, ref_tls(listener->tls)};

    if (is_full(served))
        refuse_fd(served, accepted, SERVER_IS_FULL);
    else if (loop == &served->loops[0])
        serve_fd(loop, accepted);
    else if (push_fd(loop, accepted))
        cell_wake(loop->cell);
    else
        refuse_fd(served, accepted, "out of memory");
}

/* ---- listening ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *rest)
{
    struct listener *listener = rest->data;

    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Only this connection could not be accepted, and it is gone (accept(2)). */
static bool is_peers_fault(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return true;
    default:
        return false;
    }
}

/* Out of fds or of memory, or a socket that somebody else shut down: what waits stays readable, and
 * asking at once again would spin. */
static void rest(struct listener *listener, int error)
{
    struct served *served = listener->served;

    server_cannot_accept(served->server, served->loops[0].uv->loop, listener->tls != NULL,
                         strerror(error));
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->rest, on_rested, ACCEPT_REST_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            hand_over(listener, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_peers_fault(errno)) {
            rest(listener, errno);
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
    mem_free(listener);
}

static void close_listeners(struct served *served)
{
    struct listener *listener;

    while ((listener = served->listeners) != NULL) {
        served->listeners = listener->next;
        uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
        listening_close(&listener->socket);
        uv_close((uv_handle_t *)&listener->rest, on_listener_closed);
    }
}

/* The socket moves in when this is true. */
static bool watch_listener(struct served *served, const struct listening *socket, weir_tls *tls)
{
    struct listener *listener = mem_zalloc(sizeof *listener);
    weir_uv *uv = served->loops[0].uv;

    if (listener == NULL)
        return false;
    if (uv_poll_init(&uv->uv, &listener->poll, socket->fd) != 0) {
        mem_free(listener);
        return false;
    }
    uv_timer_init(&uv->uv, &listener->rest);
    listener->handles = 2;
    listener->poll.data = listener->rest.data = listener;
    listener->served = served;
    listener->socket = *socket;
    listener->tls = ref_tls(tls);
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
            close_fd(accepted);
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
            close_fd(accepted);
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
    atomic_init(&served->waiting, 0);
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

static weir_code may_listen(weir_server *server, struct served **out, weir_status *why)
{
    *out = served_of(server, why);
    if (*out == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if ((*out)->started)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "the server was started already");
    return WEIR_OK;
}

static weir_code cannot_watch(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a listener");
}

static weir_code listen_at(struct served *served, const char *text, weir_tls *tls, uint16_t *port,
                           weir_status *why)
{
    struct address address;
    struct listening socket;
    int error;

    if (!address_parse_local(text, &address))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "cannot listen on '%s': \"127.0.0.1:50051\", \"[::]:50051\", "
                         "\"unix:/path\"%s, \"fd:3\" or \"systemd\" is an address",
                         text, ADDRESS_HAS_ABSTRACT ? ", \"unix-abstract:name\"" : "");
    error = listening_open(&socket, &address);
    if (error != 0)
        return weir_fail(why, WEIR_UNAVAILABLE, "cannot listen on %s: %s", text, strerror(error));
    if (!watch_listener(served, &socket, tls)) {
        listening_close(&socket);
        return cannot_watch(why);
    }
    *port = listening_port(socket.fd);
    return WEIR_OK;
}

static weir_code listen_on_fd(struct served *served, int fd, weir_tls *tls, weir_status *why)
{
    const struct listening socket = {.fd = fd};
    const char *wrong = listening_check(fd);

    if (wrong != NULL)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "cannot listen: fd %d %s", fd, wrong);
    return watch_listener(served, &socket, tls) ? WEIR_OK : cannot_watch(why);
}

/* "fd:3" */
static weir_code listen_on_number(struct served *served, const char *number, weir_tls *tls,
                                  uint16_t *port, weir_status *why)
{
    char *end;
    long fd = strtol(number, &end, 10);
    weir_code code;

    if (number[0] < '0' || number[0] > '9' || *end != '\0' || fd > INT32_MAX)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "cannot listen on 'fd:%s': no number", number);
    code = listen_on_fd(served, (int)fd, tls, why);
    if (code == WEIR_OK)
        *port = listening_port((int)fd);
    return code;
}

/* "systemd", "systemd:NAME": all that a service manager passed under this name. */
static weir_code listen_on_passed(struct served *served, const char *name, weir_tls *tls,
                                  uint16_t *port, weir_status *why)
{
    weir_code code = WEIR_OK;
    int fd = passed_fd(name, -1);

    if (fd < 0)
        return weir_fail(why, WEIR_UNAVAILABLE,
                         "cannot listen: no socket%s%s was passed to this process (LISTEN_FDS)",
                         name != NULL ? " named " : "", name != NULL ? name : "");
    *port = listening_port(fd);
    for (; fd >= 0 && code == WEIR_OK; fd = passed_fd(name, fd))
        code = listen_on_fd(served, fd, tls, why);
    return code;
}

static weir_code listen_on(weir_server *server, const char *text, weir_tls *tls, uint16_t *port,
                           weir_status *why)
{
    struct served *served;
    uint16_t unused;
    weir_code code = may_listen(server, &served, why);

    if (port == NULL)
        port = &unused;
    if (code != WEIR_OK)
        return code;
    if (strncmp(text, "fd:", 3) == 0)
        return listen_on_number(served, text + 3, tls, port, why);
    if (strcmp(text, "systemd") == 0)
        return listen_on_passed(served, NULL, tls, port, why);
    if (strncmp(text, "systemd:", 8) == 0)
        return listen_on_passed(served, text + 8, tls, port, why);
    return listen_at(served, text, tls, port, why);
}

static weir_code no_certificate(weir_status *why)
{
    return weir_fail(why, WEIR_INVALID_ARGUMENT, "TLS: a server needs a certificate");
}

/* Plain text without it. */
static bool may_serve(weir_tls *tls)
{
    return tls == NULL || tls_can_serve(tls);
}

weir_code weir_server_listen(weir_server *server, const char *text, uint16_t *port,
                             weir_status *why)
{
    return listen_on(server, text, NULL, port, why);
}

weir_code weir_server_listen_tls(weir_server *server, const char *text, weir_tls *tls,
                                 uint16_t *port, weir_status *why)
{
    if (tls == NULL || !may_serve(tls))
        return no_certificate(why);
    return listen_on(server, text, tls, port, why);
}

weir_code weir_server_listen_fd(weir_server *server, int fd, weir_tls *tls, weir_status *why)
{
    struct served *served;
    weir_code code;

    if (!may_serve(tls))
        return no_certificate(why);
    code = may_listen(server, &served, why);
    return code == WEIR_OK ? listen_on_fd(served, fd, tls, why) : code;
}

weir_code weir_server_adopt(weir_server *server, int fd, weir_tls *tls, weir_status *why)
{
    struct served *served;
    struct serving_loop *loop;
    const char *wrong = connected_check(fd);

    if (!may_serve(tls))
        return no_certificate(why);
    if (wrong != NULL)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "cannot serve: fd %d %s", fd, wrong);
    served = served_of(server, why);
    if (served == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (atomic_load(&served->stopping))
        return weir_fail(why, WEIR_UNAVAILABLE, "the server is shutting down");
    if (is_full(served)) {
        server_count_refused(served->server);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "the server has too many connections");
    }
    loop = next_loop(served);
    if (!push_fd(loop, (struct accepted){fd, ref_tls(tls)})) {
        weir_tls_unref(tls);
        server_count_refused(served->server);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a connection");
    }
    cell_wake(loop->cell);
    return WEIR_OK;
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
