/* SPDX-License-Identifier: MIT */
/*
 * socket.c - a connection's socket: connect, read, write, close.
 *
 * Reading and writing are plain recv and sendmsg on a fd that libuv watches: what is ready is moved
 * at once, and only what would block is watched for. A write never raises SIGPIPE.
 */
#include "uv/uv.h"

#include "base/alloc.h"
#include "uv/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS 1000
/* No more of them at once: peers that make us close must not hold our fds by not closing. */
#define MAX_LINGERING 256
#define SLICES 64
/* Read this often before the others have their turn. */
#define READS_A_TURN 4
/* Write this often likewise: 512 KiB at most. */
#define WRITES_A_TURN 8
/* ... and so long: tiny messages take a hundred times as long to make as large ones. */
#define TURN_NS (300 * 1000)

struct socket {
    struct list link;
    weir_uv *uv;
    weir_connection *connection; /* NULL: it let go of this socket, which is about to close */
    int fd;
    int watched; /* events that libuv watches for */
    bool connecting;
    bool blocked; /* the last write would have blocked */
    bool closing;
    bool lingering;
    int handles; /* that are open */
    uv_poll_t poll;
    uv_timer_t timer; /* connecting failed at once, or lingering takes too long */
    uv_getaddrinfo_t lookup;
    bool looking_up;
    struct addrinfo *addresses; /* all that were found, and the next to try */
    struct addrinfo *next;
    int error; /* libuv's, of a connect that failed at once */
};

/* ---- closing ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct socket *s = handle->data;

    if (--s->handles != 0 || s->looking_up)
        return;
    if (s->addresses != NULL)
        uv_freeaddrinfo(s->addresses);
    mem_free(s);
}

/* The handle first: libuv takes the fd out of its epoll then, and by that time another thread may
 * have opened one of the same number. */
static void close_poll(struct socket *s, uv_close_cb on_closed)
{
    uv_close((uv_handle_t *)&s->poll, on_closed);
    close(s->fd);
    s->fd = -1;
}

/* The connection must have been freed or told. */
static void socket_close(struct socket *s)
{
    if (s->closing)
        return;
    s->closing = true;
    s->uv->lingering -= s->lingering;
    list_remove(&s->link);
    if (s->looking_up)
        uv_cancel((uv_req_t *)&s->lookup);
    if (s->fd >= 0)
        close_poll(s, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

static void watch(struct socket *s, int events);

static void free_connection(struct socket *s)
{
    weir_connection *connection = s->connection;

    s->connection = NULL;
    weir_connection_set_driver(connection, NULL);
    weir_connection_free(connection);
}

/* The connection is done, or will be tried again on another socket. */
static void let_go(struct socket *s, const char *reason)
{
    weir_connection *connection = s->connection;

    weir_connection_eof(connection, reason);
    if (weir_connection_done(connection)) {
        free_connection(s);
    } else {
        weir_connection_set_driver(connection, NULL);
        s->connection = NULL;
    }
}

static void on_linger_timeout(uv_timer_t *timer)
{
    socket_close(timer->data);
}

/*
 * The connection is done. Its socket stays until the peer has closed, or for a moment: closing it
 * while input is unread, or still comes, resets it, and the peer may then lose what it was told
 * last, the GOAWAY that says why.
 */
static void finish(struct socket *s)
{
    let_go(s, NULL);
    if (s->fd < 0 || s->connecting || s->uv->lingering == MAX_LINGERING ||
        shutdown(s->fd, SHUT_WR) != 0) {
        socket_close(s);
        return;
    }
    s->lingering = true;
    s->uv->lingering++;
    watch(s, UV_READABLE);
    uv_timer_start(&s->timer, on_linger_timeout, LINGER_MS, 0);
}

/* Nobody wants what still comes. */
static void read_off(struct socket *s)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t size = recv(s->fd, s->uv->buffer, READ_BUFFER_SIZE, MSG_DONTWAIT);

        if (size > 0 || (size < 0 && errno == EINTR))
            continue;
        if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            socket_close(s);
        return;
    }
}

/* The socket is of no use any more. */
static void give_up(struct socket *s, const char *reason)
{
    let_go(s, reason);
    socket_close(s);
}

/* ---- moving bytes ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct socket *s, int events)
{
    if (events == s->watched)
        return;
    s->watched = events;
    if (events == 0)
        uv_poll_stop(&s->poll);
    else
        uv_poll_start(&s->poll, events, on_poll);
}

static ssize_t write_once(struct socket *s, bool *all)
{
    weir_slice slices[SLICES];
    struct iovec vectors[SLICES];
    struct msghdr message = {.msg_iov = vectors};
    size_t count = weir_connection_output(s->connection, slices, SLICES);
    size_t size = 0;
    ssize_t sent;

    for (size_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){(void *)slices[i].data, slices[i].size};
        size += slices[i].size;
    }
    if (size == 0)
        return 0;
    message.msg_iovlen = count;
    do
        sent = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    *all = sent == (ssize_t)size;
    if (sent > 0)
        weir_connection_output_done(s->connection, (size_t)sent);
    return sent;
}

/* False: the socket broke, with errno. */
static bool write_all(struct socket *s)
{
    uint64_t end = uv_hrtime() + TURN_NS;
    bool all = true;

    s->blocked = false;
    for (int i = 0; i < WRITES_A_TURN; i++) {
        ssize_t sent = write_once(s, &all);

        if (sent == 0)
            return true;
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
            return false;
        if (sent < 0 || !all || uv_hrtime() >= end)
            break;
    }
    /* Would block, or had its turn: libuv says when it is writable, which may be at once. */
    s->blocked = true;
    return true;
}

static void attend(struct socket *s)
{
    int events = 0;

    if (!s->connecting && !s->blocked && !write_all(s)) {
        give_up(s, uv_strerror(-errno));
        return;
    }
    if (weir_connection_done(s->connection)) {
        finish(s);
        return;
    }
    if (s->connecting)
        return;
    if (weir_connection_wants_input(s->connection))
        events |= UV_READABLE;
    if (s->blocked)
        events |= UV_WRITABLE;
    watch(s, events);
}

/* False: the socket is at its end, or broke. */
static bool read_some(struct socket *s, const char **reason)
{
    uint64_t end = uv_hrtime() + TURN_NS;

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t size = recv(s->fd, s->uv->buffer, READ_BUFFER_SIZE, MSG_DONTWAIT);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (size <= 0) {
            *reason = size == 0 ? "the peer closed it" : uv_strerror(-errno);
            return false;
        }
        if (weir_connection_input(s->connection, s->uv->buffer, (size_t)size) != WEIR_OK ||
            (size_t)size < READ_BUFFER_SIZE || !weir_connection_wants_input(s->connection) ||
            uv_hrtime() >= end)
            return true;
    }
    return true;
}

static void on_connected(struct socket *s);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket *s = poll->data;
    const char *reason = NULL;

    if (s->closing)
        return;
    if (status < 0)
        s->watched = 0; /* libuv stops a poll that tells of an error */
    if (s->connection == NULL) {
        read_off(s);
        return;
    }
    if (s->connecting) {
        on_connected(s);
        return;
    }
    if (status < 0)
        events = UV_READABLE;
    if ((events & UV_READABLE) && !read_some(s, &reason)) {
        give_up(s, reason);
        return;
    }
    if (status < 0)
        watch(s, UV_READABLE); /* more came before the error */
    if (events & UV_WRITABLE) {
        s->blocked = false;
        attend(s);
    }
}

/* ---- opening ---- */

static struct socket *socket_create(weir_uv *uv, weir_connection *connection)
{
    struct socket *s = mem_zalloc(sizeof *s);

    if (s == NULL)
        return NULL;
    list_init(&s->link);
    s->uv = uv;
    s->connection = connection;
    s->fd = -1;
    uv_timer_init(&uv->uv, &s->timer);
    s->handles = 1;
    s->timer.data = s->poll.data = s->lookup.data = s;
    list_append(&uv->sockets, &s->link);
    weir_connection_set_driver(connection, s);
    return s;
}

static int use_fd(struct socket *s, int fd)
{
    int one = 1;
    int failed = uv_poll_init(&s->uv->uv, &s->poll, fd);

    if (failed != 0)
        return failed;
    s->poll.data = s;
    s->handles++;
    s->fd = fd;
    s->watched = 0;
    /* Not a TCP socket: then there is nothing to turn off. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return 0;
}

bool socket_open(weir_uv *uv, weir_connection *connection, int fd)
{
    struct socket *s = socket_create(uv, connection);

    if (s == NULL)
        return false;
    if (use_fd(s, fd) != 0) {
        s->connection = NULL;
        weir_connection_set_driver(connection, NULL);
        socket_close(s);
        return false;
    }
    watch(s, UV_READABLE);
    return true;
}

weir_peer_credentials peer_credentials(int fd, const struct sockaddr_storage *peer)
{
    weir_peer_credentials credentials = {0};

#ifdef SO_PEERCRED
    struct ucred found;
    socklen_t size = sizeof found;

    if (peer->ss_family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) == 0 &&
        found.uid != (uid_t)-1)
        credentials = (weir_peer_credentials){
            .known = true, .uid = found.uid, .gid = found.gid, .pid = found.pid};
#else
    (void)fd, (void)peer;
#endif
    return credentials;
}

void set_local_address(weir_connection *connection, int fd)
{
    struct sockaddr_storage local;
    socklen_t size = sizeof local;
    char text[ADDRESS_TEXT_SIZE];

    memset(&local, 0, sizeof local);
    if (getsockname(fd, (struct sockaddr *)&local, &size) != 0)
        return;
    address_format(&local, size, text);
    weir_connection_set_local_address(connection, text);
}

/* The connection is told who is at the other end, and that it may speak. */
static void open_connection(struct socket *s)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    char text[ADDRESS_TEXT_SIZE];
    weir_peer_credentials credentials;

    memset(&peer, 0, sizeof peer);
    getpeername(s->fd, (struct sockaddr *)&peer, &size);
    address_format(&peer, size, text);
    credentials = peer_credentials(s->fd, &peer);
    s->connecting = false;
    weir_connection_set_peer_credentials(s->connection, &credentials);
    set_local_address(s->connection, s->fd);
    weir_connection_open(s->connection, text);
    attend(s);
}

static void connect_next(struct socket *s, int error);

static void on_connected(struct socket *s)
{
    socklen_t error_size = sizeof(int);
    int error = 0;

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0)
        error = errno;
    if (error != 0)
        connect_next(s, error);
    else
        open_connection(s);
}

/* Starts to connect; 0 or an errno. The poll handle of an earlier try must be gone. */
static int start_connect(struct socket *s, const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, address, size) != 0 && errno != EINPROGRESS)
        error = errno;
    if (error == 0)
        error = -use_fd(s, fd);
    if (error != 0) {
        close(fd);
        return error;
    }
    watch(s, UV_WRITABLE);
    return 0;
}

static void on_next_closed(uv_handle_t *handle)
{
    struct socket *s = handle->data;

    if (s->closing) {
        on_handle_closed(handle);
        return;
    }
    s->handles--;
    connect_next(s, 0);
}

/* Tries the next address; with a fd of a failed try, when that is closed. */
static void connect_next(struct socket *s, int error)
{
    struct addrinfo *next = s->next;

    if (next == NULL) {
        give_up(s, uv_strerror(error != 0 ? -error : UV_ECONNREFUSED));
        return;
    }
    if (s->fd >= 0) {
        close_poll(s, on_next_closed);
        return;
    }
    s->next = next->ai_next;
    error = start_connect(s, next->ai_addr, next->ai_addrlen);
    if (error != 0)
        connect_next(s, error);
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct socket *s = lookup->data;

    s->looking_up = false;
    s->addresses = s->next = found;
    if (s->closing) {
        if (s->handles == 0) {
            s->handles = 1;
            on_handle_closed((uv_handle_t *)&s->timer);
        }
        return;
    }
    if (status != 0)
        give_up(s, uv_strerror(status));
    else
        connect_next(s, 0);
}

static void on_connect_failed(uv_timer_t *timer)
{
    struct socket *s = timer->data;

    give_up(s, uv_strerror(s->error));
}

/* A failure that is known at once is told in libuv's next round: the call that wants the connection
 * is not on it yet, and may be one that waits for another try. */
static void fail_later(struct socket *s, int error)
{
    s->error = error;
    uv_timer_start(&s->timer, on_connect_failed, 0, 0);
}

/* 0 or libuv's error. */
static int connect_to(struct socket *s, const char *text)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct address address;
    enum address_kind kind = address_parse(text, &address);
    int error;

    if (kind == ADDRESS_READY)
        return -start_connect(s, (struct sockaddr *)&address.storage, address.size);
    if (kind == ADDRESS_INVALID)
        return UV_EINVAL;
    error = uv_getaddrinfo(&s->uv->uv, &s->lookup, on_lookup, address.host, address.port, &hints);
    s->looking_up = error == 0;
    return error;
}

/* It is connected: that is seen when it is writable. */
static int connect_fd(struct socket *s, int fd)
{
    int error = use_fd(s, fd);

    if (error != 0)
        close(fd);
    else
        watch(s, UV_WRITABLE);
    return error;
}

/* The fd in an address that is one; -1: it is another. */
static int fd_of(const char *text)
{
    return strncmp(text, SOCKET_FD, strlen(SOCKET_FD)) == 0 ? atoi(text + strlen(SOCKET_FD)) : -1;
}

void socket_connect(void *self, weir_connection *connection, const char *text)
{
    struct socket *s = socket_create(self, connection);
    int fd = fd_of(text), error;

    if (s == NULL) {
        if (fd >= 0)
            close(fd);
        weir_connection_eof(connection, "out of memory for a socket");
        return;
    }
    s->connecting = true;
    error = fd >= 0 ? connect_fd(s, fd) : connect_to(s, text);
    if (error != 0)
        fail_later(s, error);
}

void socket_drive(weir_connection *connection)
{
    struct socket *s = weir_connection_driver(connection);

    if (s != NULL)
        attend(s);
    else if (weir_connection_done(connection))
        weir_connection_free(connection);
}

void socket_close_all(weir_uv *uv)
{
    while (!list_is_empty(&uv->sockets)) {
        struct socket *s = LIST_MEMBER(uv->sockets.next, struct socket, link);

        if (s->connection != NULL)
            free_connection(s);
        socket_close(s);
    }
}
