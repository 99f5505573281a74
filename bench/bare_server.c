/* SPDX-License-Identifier: MIT */
/*
 * bare_server.c - bench.Echo on nghttp2 alone: what weir's servers are measured against.
 *
 * One thread, one epoll, no streams, hand-parsed protobuf: the plain way to use nghttp2 well. Each
 * connection collects frames in one buffer and sends them with one write. It trusts its client: it
 * checks no headers, and it never stops reading because a peer does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "wire.h"

enum {
    READ_SIZE = 256 * 1024,
    OUT_SIZE = 192 * 1024, /* room for one more frame of any size above ... */
    OUT_FULL = 64 * 1024,  /* ... this, where a write is due */
    CONNECTION_WINDOW = 1024 * 1024,
    MAX_STREAMS = 1000,
    MAX_MESSAGE = 4 * 1024 * 1024,
    MAX_EVENTS = 64
};

static const char OK[] = "0";
static const char UNIMPLEMENTED[] = "12";
static const char INTERNAL[] = "13";

enum method { UNKNOWN_METHOD, UNARY, DOWN, UP, CHAT };

struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

struct call {
    struct call *next; /* in the connection's list */
    struct call **link;
    enum method method;
    int32_t id;
    bool answered;      /* the response was submitted */
    bool ended;         /* nothing will be added to `out` */
    const char *status; /* OK, or one of the others below */
    struct bytes in;    /* the beginning of a message that is not complete */
    struct bytes out;   /* framed replies */
    size_t out_sent;
    uint64_t total;      /* Up: bytes so far */
    uint32_t left;       /* Down: messages to send, the current one included */
    size_t message_size; /* Down: of a framed message */
    size_t message_sent; /* Down: so much of the current one */
    uint8_t head[BENCH_PREFIX_SIZE + BENCH_FIELD_HEAD_MAX];
    size_t head_size;
};

struct connection {
    int fd;
    nghttp2_session *session;
    struct call *calls; /* nghttp2_session_del closes no streams, so they are found here */
    bool blocked;       /* the socket takes no more: EPOLLOUT is on */
    size_t out_size;
    size_t out_sent;
    uint8_t out[OUT_SIZE];
};

static int epoll_fd;
static uint8_t read_buffer[READ_SIZE];

static void die(const char *what)
{
    fprintf(stderr, "bare-nghttp2-server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint8_t *bytes_extend(struct bytes *b, size_t size)
{
    if (b->capacity - b->size < size) {
        b->capacity = (b->size + size) * 2;
        b->data = realloc(b->data, b->capacity);
        if (b->data == NULL)
            die("realloc");
    }
    b->size += size;
    return b->data + b->size - size;
}

/* ---- replies ---- */

static void reply(struct call *call, const void *data, size_t size)
{
    uint8_t head[BENCH_FIELD_HEAD_MAX];
    size_t head_size = bench_rep_head(head, size);
    uint8_t *out = bytes_extend(&call->out, BENCH_PREFIX_SIZE + head_size + size);

    bench_prefix(out, head_size + size);
    memcpy(out + BENCH_PREFIX_SIZE, head, head_size);
    if (size > 0)
        memcpy(out + BENCH_PREFIX_SIZE + head_size, data, size);
}

static size_t read_replies(struct call *call, uint8_t *buffer, size_t length)
{
    size_t size = call->out.size - call->out_sent;

    if (size > length)
        size = length;
    if (size > 0)
        memcpy(buffer, call->out.data + call->out_sent, size);
    call->out_sent += size;
    if (call->out_sent == call->out.size)
        call->out_sent = call->out.size = 0;
    return size;
}

/* Writes the next `size` bytes of the current message of Down. */
static void write_down(struct call *call, uint8_t *buffer, size_t size)
{
    size_t head = 0;

    if (call->message_sent < call->head_size) {
        head = call->head_size - call->message_sent;
        if (head > size)
            head = size;
        memcpy(buffer, call->head + call->message_sent, head);
    }
    memset(buffer + head, 'x', size - head);
    call->message_sent += size;
    if (call->message_sent == call->message_size) {
        call->message_sent = 0;
        call->left--;
    }
}

/* Fills a DATA frame with as many messages as go into it. */
static size_t read_down(struct call *call, uint8_t *buffer, size_t length)
{
    size_t n = 0;

    while (call->left > 0 && n < length) {
        size_t size = call->message_size - call->message_sent;
        if (size > length - n)
            size = length - n;
        write_down(call, buffer + n, size);
        n += size;
    }
    return n;
}

/* Of strings that live for ever. */
static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct call *call = source->ptr;
    (void)user;

    size_t n =
        call->method == DOWN ? read_down(call, buffer, length) : read_replies(call, buffer, length);
    if (call->ended && call->out.size == 0 && call->left == 0) {
        nghttp2_nv trailer = pair("grpc-status", call->status);
        *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, &trailer, 1);
        return (ssize_t)n;
    }
    return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static void answer(nghttp2_session *session, struct call *call)
{
    nghttp2_nv headers[] = {pair(":status", "200"), pair("content-type", "application/grpc")};
    nghttp2_data_provider provider = {{.ptr = call}, read_reply};

    if (call->answered) {
        nghttp2_session_resume_data(session, call->id);
        return;
    }
    call->answered = true;
    nghttp2_submit_response(session, call->id, headers, 2, &provider);
}

/* ---- requests ---- */

static void start_down(struct call *call, const struct bench_req *req)
{
    if (req->interval_ms > 0 || req->count < 0 || req->size < 0) {
        call->status = UNIMPLEMENTED; /* there is no timer here */
        return;
    }
    size_t field = bench_rep_head(call->head + BENCH_PREFIX_SIZE, (size_t)req->size);
    call->left = (uint32_t)req->count;
    call->head_size = BENCH_PREFIX_SIZE + field;
    call->message_size = call->head_size + (size_t)req->size;
    bench_prefix(call->head, field + (size_t)req->size);
}

static void on_message(nghttp2_session *session, struct call *call, const uint8_t *message,
                       size_t size)
{
    struct bench_req req;

    if (!bench_req_parse(message, size, &req)) {
        call->status = INTERNAL;
        return;
    }
    switch (call->method) {
    case UNARY:
        reply(call, req.data, req.data_size);
        break;
    case DOWN:
        start_down(call, &req);
        break;
    case UP:
        call->total += req.data_size;
        break;
    case CHAT:
        reply(call, req.data, req.data_size);
        answer(session, call);
        break;
    case UNKNOWN_METHOD:
        break;
    }
}

/* Takes the whole messages at the beginning of `data`; returns how many bytes those were. */
static size_t take_messages(nghttp2_session *session, struct call *call, const uint8_t *data,
                            size_t size)
{
    size_t taken = 0;

    while (size - taken >= BENCH_PREFIX_SIZE) {
        size_t length = bench_read_u32(data + taken + 1);
        if (data[taken] != 0 || length > MAX_MESSAGE) {
            call->status = INTERNAL;
            return size;
        }
        if (size - taken - BENCH_PREFIX_SIZE < length)
            break;
        on_message(session, call, data + taken + BENCH_PREFIX_SIZE, length);
        taken += BENCH_PREFIX_SIZE + length;
    }
    return taken;
}

/* How much the message that call->in begins still lacks, or its prefix. */
static size_t missing(const struct call *call)
{
    if (call->in.size < BENCH_PREFIX_SIZE)
        return BENCH_PREFIX_SIZE - call->in.size;
    size_t whole = BENCH_PREFIX_SIZE + bench_read_u32(call->in.data + 1);
    return whole > call->in.size ? whole - call->in.size : 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    (void)flags, (void)user;

    if (call == NULL || call->status != OK)
        return 0;
    while (call->in.size > 0 && size > 0) {
        size_t take = missing(call) < size ? missing(call) : size;
        memcpy(bytes_extend(&call->in, take), data, take);
        data += take;
        size -= take;
        if (take_messages(session, call, call->in.data, call->in.size) > 0)
            call->in.size = 0;
    }
    size_t taken = take_messages(session, call, data, size);
    if (taken < size)
        memcpy(bytes_extend(&call->in, size - taken), data + taken, size - taken);
    return 0;
}

static void on_request_end(nghttp2_session *session, struct call *call)
{
    if (call->method == UP && call->status == OK) {
        char text[24];
        int size = snprintf(text, sizeof text, "%llu", (unsigned long long)call->total);
        reply(call, text, (size_t)size);
    }
    if (call->in.size > 0 && call->status == OK)
        call->status = INTERNAL;
    call->ended = true;
    answer(session, call);
}

static void link_call(struct connection *c, struct call *call)
{
    call->next = c->calls;
    call->link = &c->calls;
    if (call->next != NULL)
        call->next->link = &call->next;
    c->calls = call;
}

static void free_call(struct call *call)
{
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    free(call->in.data);
    free(call->out.data);
    free(call);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        die("calloc");
    call->id = frame->hd.stream_id;
    call->status = OK;
    link_call(user, call);
    nghttp2_session_set_stream_user_data(session, call->id, call);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    static const struct {
        const char *path;
        enum method method;
    } methods[] = {{"/bench.Echo/Unary", UNARY},
                   {"/bench.Echo/Down", DOWN},
                   {"/bench.Echo/Up", UP},
                   {"/bench.Echo/Chat", CHAT}};
    (void)flags, (void)user;

    if (name_size != 5 || memcmp(name, ":path", 5) != 0)
        return 0;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    for (size_t i = 0; call != NULL && i < sizeof methods / sizeof methods[0]; i++) {
        if (value_size == strlen(methods[i].path) &&
            memcmp(value, methods[i].path, value_size) == 0)
            call->method = methods[i].method;
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (call->method == UNKNOWN_METHOD)
        call->status = UNIMPLEMENTED;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        on_request_end(session, call);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    (void)error, (void)user;

    if (call != NULL)
        free_call(call);
    return 0;
}

/* ---- connections ---- */

static nghttp2_session *make_session(struct connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS};

    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    if (nghttp2_session_server_new(&session, callbacks, c) != 0)
        die("nghttp2_session_server_new");
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &settings, 1);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    return session;
}

static void close_connection(struct connection *c)
{
    while (c->calls != NULL)
        free_call(c->calls);
    nghttp2_session_del(c->session);
    close(c->fd);
    free(c);
}

static void watch(struct connection *c, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (c->blocked ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(epoll_fd, operation, c->fd, &event) != 0)
        die("epoll_ctl");
}

/* Collects frames up to OUT_FULL; false when the session failed. */
static bool fill(struct connection *c)
{
    while (c->out_size < OUT_FULL) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->session, &data);
        if (n <= 0)
            return n == 0;
        memcpy(c->out + c->out_size, data, (size_t)n);
        c->out_size += (size_t)n;
    }
    return true;
}

/* Sends until there is nothing to send or the socket is full; false when the connection is over. */
static bool flush(struct connection *c)
{
    for (;;) {
        if (c->out_size == 0 && !fill(c))
            return false;
        if (c->out_size == 0)
            break;
        ssize_t n = write(c->fd, c->out + c->out_sent, c->out_size - c->out_sent);
        if (n < 0 && errno == EAGAIN) {
            if (!c->blocked) {
                c->blocked = true;
                watch(c, EPOLL_CTL_MOD);
            }
            return true;
        }
        if (n < 0)
            return false;
        c->out_sent += (size_t)n;
        if (c->out_sent == c->out_size)
            c->out_sent = c->out_size = 0;
    }
    if (c->blocked) {
        c->blocked = false;
        watch(c, EPOLL_CTL_MOD);
    }
    return nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session);
}

static bool receive(struct connection *c)
{
    ssize_t n = read(c->fd, read_buffer, sizeof read_buffer);

    if (n < 0)
        return errno == EAGAIN;
    return n > 0 && nghttp2_session_mem_recv(c->session, read_buffer, (size_t)n) == n;
}

static void on_event(struct connection *c, uint32_t events)
{
    bool alive = true;

    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        alive = receive(c);
    if (!flush(c) || !alive)
        close_connection(c);
}

static void accept_connection(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = malloc(sizeof *c);
    if (c == NULL)
        die("malloc");
    c->fd = fd;
    c->calls = NULL;
    c->blocked = false;
    c->out_size = c->out_sent = 0;
    c->session = make_session(c);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(c, EPOLL_CTL_ADD);
    if (!flush(c))
        close_connection(c);
}

static void serve(int listener)
{
    struct epoll_event events[MAX_EVENTS];

    for (;;) {
        int n = epoll_wait(epoll_fd, events, MAX_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_connection(listener);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
    }
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: bare-nghttp2-server --listen HOST:PORT\n";
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 3 || strcmp(argv[1], "--listen") != 0) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = address_listen(argv[2]);
    if (listener < 0)
        die(argv[2]);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) != 0)
        die("epoll_ctl");
    serve(listener);
}
