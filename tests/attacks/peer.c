/* SPDX-License-Identifier: MIT */
/*
 * peer.c - one end of an HTTP/2 connection that keeps no rule but those it is told to.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_HEAD = 9, FRAME_MAX = 16384 };
/* Written at once: little, so that a peer that is cut has not sent much more than what cut it. */
enum { OUT_FULL = 32 * 1024, SEND_BUFFER = 32 * 1024, READ_SIZE = 256 * 1024 };

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- bytes ---- */

static uint8_t *bytes_extend(struct bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->size < size) {
        bytes->capacity = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL)
            abort();
    }
    bytes->size += size;
    return bytes->data + bytes->size - size;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (size != 0)
        memcpy(bytes_extend(bytes, size), data, size);
}

void bytes_add_number(struct bytes *bytes, uint64_t value, unsigned size)
{
    while (size-- != 0)
        *bytes_extend(bytes, 1) = (uint8_t)(value >> 8 * size);
}

void bytes_fill(struct bytes *bytes, uint8_t byte, size_t size)
{
    if (size != 0)
        memset(bytes_extend(bytes, size), byte, size);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

static void drop_front(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    memmove(bytes->data, bytes->data + size, bytes->size);
}

static uint32_t read_number(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    while (size-- != 0)
        value = value << 8 | *at++;
    return value;
}

/* ---- header blocks (RFC 7541) ---- */

static void block_number(struct bytes *block, unsigned first, unsigned bits, size_t value)
{
    unsigned max = (1u << bits) - 1;

    if (value < max) {
        bytes_add_number(block, first | value, 1);
        return;
    }
    bytes_add_number(block, first | max, 1);
    for (value -= max; value >= 128; value >>= 7)
        bytes_add_number(block, (value & 127) | 128, 1);
    bytes_add_number(block, value, 1);
}

static void block_string(struct bytes *block, const void *text, size_t size)
{
    block_number(block, 0, 7, size);
    bytes_add(block, text, size);
}

void block_add(struct bytes *block, const void *name, size_t name_size, const void *value,
               size_t value_size)
{
    bytes_add_number(block, 0, 1); /* literal, not indexed */
    block_string(block, name, name_size);
    block_string(block, value, value_size);
}

void block_field(struct bytes *block, const char *name, const char *value)
{
    block_add(block, name, strlen(name), value, strlen(value));
}

void block_index(struct bytes *block, const char *name, const void *value, size_t value_size)
{
    bytes_add_number(block, 0x40, 1);
    block_string(block, name, strlen(name));
    block_string(block, value, value_size);
}

void block_request(struct bytes *block, const char *path)
{
    bytes_add_number(block, 0x83, 1); /* :method POST */
    bytes_add_number(block, 0x86, 1); /* :scheme http */
    block_field(block, ":path", path);
    block_field(block, ":authority", "attacked");
    block_field(block, "te", "trailers");
    block_field(block, "content-type", "application/grpc");
}

void block_response(struct bytes *block)
{
    bytes_add_number(block, 0x88, 1);
    block_field(block, "content-type", "application/grpc");
}

/* ---- messages ---- */

void message_add(struct bytes *body, unsigned flag, const void *data, size_t size)
{
    bytes_add_number(body, flag, 1);
    bytes_add_number(body, size, 4);
    bytes_add(body, data, size);
}

static void varint(struct bytes *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        bytes_add_number(out, (value & 127) | 128, 1);
    bytes_add_number(out, value, 1);
}

static void number_field(struct bytes *out, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    varint(out, field << 3);
    varint(out, value);
}

void message_add_req(struct bytes *body, const struct req *req)
{
    struct bytes message = {0};

    number_field(&message, 1, req->count);
    number_field(&message, 2, req->size);
    if (req->data_size != 0) {
        varint(&message, 3 << 3 | 2);
        varint(&message, req->data_size);
        bytes_fill(&message, 'x', req->data_size);
    }
    number_field(&message, 4, req->interval_ms);
    message_add(body, 0, message.data, message.size);
    bytes_free(&message);
}

/* ---- what comes ---- */

static struct answer *answer_of(struct peer *peer, uint32_t stream)
{
    size_t index = stream / 2;

    if (stream % 2 == 0)
        return NULL;
    if (index >= peer->answer_count) {
        size_t count = index * 2 + 64;

        peer->answers = realloc(peer->answers, count * sizeof *peer->answers);
        if (peer->answers == NULL)
            abort();
        for (; peer->answer_count < count; peer->answer_count++)
            peer->answers[peer->answer_count] =
                (struct answer){.http = NOT_SET, .status = NOT_SET, .reset = NOT_SET};
    }
    return &peer->answers[index];
}

static bool is_named(const nghttp2_nv *nv, const char *name)
{
    return nv->namelen == strlen(name) && memcmp(nv->name, name, nv->namelen) == 0;
}

static int number_of(const nghttp2_nv *nv)
{
    char text[8] = "";

    memcpy(text, nv->value, nv->valuelen < 7 ? nv->valuelen : 7);
    return atoi(text);
}

static void note_field(struct answer *answer, const nghttp2_nv *nv)
{
    if (is_named(nv, ":status"))
        answer->http = number_of(nv);
    else if (is_named(nv, "grpc-status"))
        answer->status = number_of(nv);
}

static void inflate(struct peer *peer)
{
    struct answer *answer = answer_of(peer, peer->block_stream);
    const uint8_t *at = peer->block.data;
    size_t left = peer->block.size;
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        ssize_t used = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, at, left, 1);

        if (used < 0)
            return;
        at += used;
        left -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && answer != NULL)
            note_field(answer, &nv);
    }
    nghttp2_hd_inflate_end_headers(peer->inflater);
    peer->block.size = 0;
    if (answer != NULL)
        answer->ended |= peer->block_ends;
    peer->requests += peer->server;
    peer->request_stream = peer->block_stream;
}

static void on_goaway(struct peer *peer, const uint8_t *payload, size_t size)
{
    size_t debug = size > 8 ? size - 8 : 0;

    if (size < 8)
        return;
    if (debug >= sizeof peer->goaway_debug)
        debug = sizeof peer->goaway_debug - 1;
    peer->goaway = true;
    peer->goaway_last = read_number(payload, 4);
    /* The last one may say only that, and the one before why. */
    if (debug == 0 && peer->goaway_debug[0] != '\0')
        return;
    peer->goaway_code = read_number(payload + 4, 4);
    memcpy(peer->goaway_debug, payload + 8, debug);
    peer->goaway_debug[debug] = '\0';
    for (size_t i = 0; i < debug; i++)
        if (peer->goaway_debug[i] <= ' ')
            peer->goaway_debug[i] = '_';
}

static void on_reset(struct peer *peer, uint32_t stream, uint32_t code)
{
    struct answer *answer = answer_of(peer, stream);

    peer->resets++;
    if (answer == NULL)
        return;
    /* Behind early trailers it only says that the rest of the request is not wanted. */
    if (!answer->ended)
        answer->reset = (int)code;
    answer->ended = true;
}

static void on_headers(struct peer *peer, unsigned type, unsigned flags, uint32_t stream,
                       const uint8_t *payload, size_t size)
{
    if (type == NGHTTP2_HEADERS) {
        peer->block_stream = stream;
        peer->block_ends = (flags & END_STREAM) != 0;
    }
    bytes_add(&peer->block, payload, size);
    if (flags & END_HEADERS)
        inflate(peer);
}

static void on_data(struct peer *peer, unsigned flags, uint32_t stream, size_t size)
{
    struct answer *answer = answer_of(peer, stream);

    peer->data += size;
    if (answer == NULL)
        return;
    answer->data += size;
    answer->ended |= (flags & END_STREAM) != 0;
}

static void on_frame(struct peer *peer, const uint8_t *head, const uint8_t *payload, size_t size)
{
    uint32_t stream = read_number(head + 5, 4);
    unsigned type = head[3], flags = head[4];

    switch (type) {
    case NGHTTP2_DATA:
        on_data(peer, flags, stream, size);
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        on_headers(peer, type, flags, stream, payload, size);
        break;
    case NGHTTP2_RST_STREAM:
        on_reset(peer, stream, size == 4 ? read_number(payload, 4) : 0);
        break;
    case NGHTTP2_PING:
        peer->pongs += (flags & ACK) != 0;
        break;
    case NGHTTP2_WINDOW_UPDATE:
        *(stream == 0 ? &peer->credit : &peer->stream_credit) += read_number(payload, 4);
        break;
    case NGHTTP2_SETTINGS:
        peer->settings_acks += (flags & ACK) != 0;
        break;
    case NGHTTP2_GOAWAY:
        on_goaway(peer, payload, size);
        break;
    default:
        break;
    }
}

static void parse(struct peer *peer)
{
    size_t at = peer->in.size < peer->preface_left ? peer->in.size : peer->preface_left;

    peer->preface_left -= at;
    while (peer->in.size - at >= FRAME_HEAD) {
        const uint8_t *head = peer->in.data + at;
        size_t size = read_number(head, 3);

        if (peer->in.size - at < FRAME_HEAD + size)
            break;
        on_frame(peer, head, head + FRAME_HEAD, size);
        at += FRAME_HEAD + size;
    }
    drop_front(&peer->in, at);
}

/* ---- sockets ---- */

static void end(struct peer *peer, bool aborted)
{
    peer->gone = true;
    peer->aborted |= aborted;
}

static void read_once(struct peer *peer)
{
    uint8_t *at = bytes_extend(&peer->in, READ_SIZE);
    ssize_t size = recv(peer->fd, at, READ_SIZE, MSG_DONTWAIT);

    peer->in.size -= READ_SIZE - (size > 0 ? (size_t)size : 0);
    if (size == 0)
        end(peer, false);
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        end(peer, true);
    parse(peer);
}

static void write_once(struct peer *peer)
{
    ssize_t size = send(peer->fd, peer->out.data, peer->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) {
        /* What it said before it closed may still be there. */
        for (int i = 0; i < 64 && !peer->gone; i++)
            read_once(peer);
        end(peer, true);
        return;
    }
    peer->bytes += (uint64_t)size;
    drop_front(&peer->out, (size_t)size);
}

/* Waits until there is something to do, at most until `until`. False: there was not. */
static bool wait_for(struct peer *peer, bool reads, bool writes, uint64_t until)
{
    struct pollfd set = {.fd = peer->fd, .events = 0};
    uint64_t now = now_ns();

    if (until > peer->deadline)
        until = peer->deadline;
    if (now >= until)
        return false;
    if (reads)
        set.events |= POLLIN;
    if (writes)
        set.events |= POLLOUT;
    if (poll(&set, 1, (int)((until - now) / 1000000) + 1) <= 0)
        return false;
    if (writes && (set.revents & (POLLOUT | POLLERR | POLLHUP)))
        write_once(peer);
    if (reads && !peer->gone && (set.revents & (POLLIN | POLLERR | POLLHUP)))
        read_once(peer);
    return true;
}

bool peer_flush(struct peer *peer)
{
    while (peer->out.size != 0 && !peer->gone && !peer->goaway)
        if (!wait_for(peer, !peer->deaf, true, peer->deadline))
            return false;
    return !peer->gone && !peer->goaway;
}

void peer_read(struct peer *peer, unsigned ms)
{
    uint64_t until = now_ns() + ms * UINT64_C(1000000);

    if (!peer->gone)
        read_once(peer);
    while (!peer->gone && now_ns() < until)
        if (!wait_for(peer, true, peer->out.size != 0, until))
            break;
}

const struct answer *peer_answer(struct peer *peer, uint32_t stream)
{
    while (!peer->gone && !answer_of(peer, stream)->ended)
        if (!wait_for(peer, true, peer->out.size != 0, peer->deadline))
            break;
    return answer_of(peer, stream);
}

uint32_t peer_await_request(struct peer *peer)
{
    while (!peer->gone && peer->requests == 0)
        if (!wait_for(peer, true, peer->out.size != 0, peer->deadline))
            break;
    return peer->request_stream;
}

/* By SETTINGS: pings are counted. */
bool peer_settle(struct peer *peer)
{
    uint64_t acks = ++peer->settings;

    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    while (!peer->gone && peer->settings_acks < acks)
        if (!wait_for(peer, true, peer->out.size != 0, peer->deadline))
            break;
    return peer->settings_acks >= acks;
}

void peer_wait_end(struct peer *peer, unsigned ms)
{
    uint64_t until = now_ns() + ms * UINT64_C(1000000);

    peer->deaf = false;
    if (peer->deadline < until)
        peer->deadline = until;
    peer->out.size = 0; /* a frame cut in half would end it for another reason: so would nothing */
    while (!peer->gone && !peer->goaway && wait_for(peer, true, false, until))
        ;
}

int connect_to(const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in name = {.sin_family = AF_INET};
    char host[64] = "";
    int one = 1, buffer = SEND_BUFFER;
    int fd;

    if (colon == NULL || (size_t)(colon - address) >= sizeof host)
        return -1;
    memcpy(host, address, (size_t)(colon - address));
    name.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &name.sin_addr) != 1)
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    close(fd);
    return -1;
}

static void start(struct peer *peer, int fd, unsigned ms)
{
    uint32_t window = peer->window, connection_window = peer->connection_window;
    bool deaf = peer->deaf;

    *peer = (struct peer){.fd = fd,
                          .deaf = deaf,
                          .window = window,
                          .connection_window = connection_window,
                          .next_stream = 1,
                          .credit = WINDOW,
                          .stream_credit = WINDOW,
                          .deadline = now_ns() + ms * UINT64_C(1000000)};
    if (nghttp2_hd_inflate_new(&peer->inflater) != 0)
        abort();
}

static void say_settings(struct peer *peer)
{
    if (peer->window != WINDOW)
        peer_settings(peer, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, peer->window);
    else
        peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    peer->settings = 1;
    if (peer->connection_window > WINDOW)
        peer_number(peer, NGHTTP2_WINDOW_UPDATE, 0, peer->connection_window - WINDOW);
}

bool peer_open(struct peer *peer, const char *address, unsigned ms)
{
    start(peer, connect_to(address), ms);
    if (peer->fd < 0) {
        peer->gone = true;
        return false;
    }
    bytes_add(&peer->out, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    say_settings(peer);
    return true;
}

void peer_accept(struct peer *peer, int fd, unsigned ms)
{
    start(peer, fd, ms);
    peer->server = true;
    peer->preface_left = NGHTTP2_CLIENT_MAGIC_LEN;
}

void peer_free(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    nghttp2_hd_inflate_del(peer->inflater);
    bytes_free(&peer->out);
    bytes_free(&peer->in);
    bytes_free(&peer->block);
    free(peer->answers);
    *peer = (struct peer){.fd = -1};
}

/* ---- frames ---- */

bool peer_raw(struct peer *peer, const void *data, size_t size)
{
    bytes_add(&peer->out, data, size);
    return peer->out.size < OUT_FULL ? !peer->gone && !peer->goaway : peer_flush(peer);
}

bool peer_frame(struct peer *peer, unsigned type, unsigned flags, uint32_t stream, const void *data,
                size_t size)
{
    bytes_add_number(&peer->out, size, 3);
    bytes_add_number(&peer->out, type, 1);
    bytes_add_number(&peer->out, flags, 1);
    bytes_add_number(&peer->out, stream, 4);
    peer->frames++;
    return peer_raw(peer, data, size);
}

bool peer_number(struct peer *peer, unsigned type, uint32_t stream, uint32_t number)
{
    uint32_t payload = htonl(number);

    return peer_frame(peer, type, 0, stream, &payload, sizeof payload);
}

bool peer_settings(struct peer *peer, unsigned id, uint32_t value)
{
    struct bytes payload = {0};
    bool goes_on;

    bytes_add_number(&payload, id, 2);
    bytes_add_number(&payload, value, 4);
    goes_on = peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, payload.data, payload.size);
    bytes_free(&payload);
    return goes_on;
}

uint32_t peer_request(struct peer *peer, const struct bytes *block, unsigned flags)
{
    uint32_t stream = peer->next_stream;

    peer->next_stream += 2;
    peer->streams++;
    peer_frame(peer, NGHTTP2_HEADERS, END_HEADERS | flags, stream, block->data, block->size);
    return stream;
}

/* How much of a body may go into the next frame; waits for it where that is polite. */
static size_t frame_size(struct peer *peer, size_t left)
{
    int64_t credit;

    if (!peer->polite)
        return left < FRAME_MAX ? left : FRAME_MAX;
    while ((credit = peer->credit < peer->stream_credit ? peer->credit : peer->stream_credit) <= 0)
        if (!peer_flush(peer) || !wait_for(peer, true, false, peer->deadline))
            return 0;
    if (left > FRAME_MAX)
        left = FRAME_MAX;
    return left < (size_t)credit ? left : (size_t)credit;
}

bool peer_body(struct peer *peer, uint32_t stream, const struct bytes *body, unsigned flags)
{
    bool goes_on = true;
    size_t at = 0;

    do {
        size_t size = frame_size(peer, body->size - at);
        bool last = at + size == body->size;

        if (size == 0 && !last)
            return false;
        peer->credit -= (int64_t)size;
        peer->stream_credit -= (int64_t)size;
        goes_on = peer_frame(peer, NGHTTP2_DATA, last ? flags : 0, stream, body->data + at, size);
        at += size;
    } while (goes_on && at < body->size);
    return goes_on;
}

uint32_t peer_call(struct peer *peer, const char *path, const struct bytes *body, unsigned flags)
{
    struct bytes block = {0};
    uint32_t stream;

    block_request(&block, path);
    stream = peer_request(peer, &block, body == NULL ? flags : 0);
    if (body != NULL)
        peer_body(peer, stream, body, flags);
    bytes_free(&block);
    return stream;
}
