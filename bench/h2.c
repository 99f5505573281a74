/* SPDX-License-Identifier: MIT */
/*
 * h2.c - the client end of one gRPC connection, made to cost less than any server it loads.
 *
 * Frames are collected in one growing buffer and written together. DATA is cut to what the windows
 * allow and to a buffer of OUT_FULL, in turn for all calls that have something to send.
 */
#include "h2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secure.h"
#include "wire.h"

enum { OUT_FULL = 256 * 1024, DEFAULT_WINDOW = 65535, TABLE_SIZE = 4096 };
enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

static bool broken(struct h2 *c, const char *why)
{
    if (c->error[0] == '\0')
        snprintf(c->error, sizeof c->error, "%s", why);
    return false;
}

/* ---- output ---- */

static uint8_t *extend(struct h2 *c, size_t size)
{
    if (c->out_capacity - c->out_size < size) {
        c->out_capacity = (c->out_size + size) * 2;
        c->out = realloc(c->out, c->out_capacity);
        if (c->out == NULL)
            abort();
    }
    c->out_size += size;
    return c->out + c->out_size - size;
}

/* Queues a frame's head; returns where its `size` bytes of payload go. */
static uint8_t *frame(struct h2 *c, unsigned type, unsigned flags, uint32_t id, size_t size)
{
    uint8_t *head = extend(c, H2_FRAME_HEAD + size);

    bench_write_u32(head, (uint32_t)size << 8 | type);
    head[4] = (uint8_t)flags;
    bench_write_u32(head + 5, id);
    return head + H2_FRAME_HEAD;
}

static void window_update(struct h2 *c, uint32_t id, uint64_t size)
{
    bench_write_u32(frame(c, WINDOW_UPDATE, 0, id, 4), (uint32_t)size);
}

static void put_setting(uint8_t *at, unsigned id, uint32_t value)
{
    at[0] = 0;
    at[1] = (uint8_t)id;
    bench_write_u32(at + 2, value);
}

static void preface(struct h2 *c)
{
    const struct h2_config *config = c->config;

    memcpy(extend(c, NGHTTP2_CLIENT_MAGIC_LEN), NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    uint8_t *settings = frame(c, SETTINGS, 0, 0, 12);
    put_setting(settings, NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
    put_setting(settings + 6, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, config->stream_window);
    if (config->connection_window > DEFAULT_WINDOW)
        window_update(c, 0, config->connection_window - DEFAULT_WINDOW);
}

static void enqueue(struct h2 *c, struct h2_stream *s)
{
    if (s->queued || s->id == 0 || s->sent == s->body->size || s->send_window <= 0)
        return;
    s->queued = true;
    s->next = NULL;
    *c->last = s;
    c->last = &s->next;
}

static struct h2_stream *dequeue(struct h2 *c)
{
    struct h2_stream *s = c->first;

    c->first = s->next;
    if (c->first == NULL)
        c->last = &c->first;
    s->queued = false;
    return s;
}

/* One DATA frame of one call. */
static void put_data(struct h2 *c, struct h2_stream *s)
{
    const struct h2_body *body = s->body;
    int64_t size = H2_FRAME_MAX;

    if (size > s->send_window)
        size = s->send_window;
    if (size > c->send_window)
        size = c->send_window;
    if ((uint64_t)size > body->size - s->sent)
        size = (int64_t)(body->size - s->sent);
    bool last = s->sent + (uint64_t)size == body->size && !body->open;
    memcpy(frame(c, DATA, last ? END_STREAM : 0, s->id, (size_t)size),
           body->pattern + s->sent % body->period, (size_t)size);
    s->closed = last;
    s->sent += (uint64_t)size;
    s->send_window -= size;
    c->send_window -= size;
}

static void put_bodies(struct h2 *c)
{
    while (c->first != NULL && c->send_window > 0 && c->out_size < OUT_FULL) {
        struct h2_stream *s = dequeue(c);
        if (s->id == 0 || s->sent == s->body->size || s->send_window <= 0)
            continue; /* its call ended, or its window shrank, while it waited */
        put_data(c, s);
        enqueue(c, s);
    }
}

bool h2_flush(struct h2 *c)
{
    for (;;) {
        put_bodies(c);
        if (c->out_sent == c->out_size)
            return true;
        ssize_t n = secure_write(c->tls, c->fd, c->out + c->out_sent, c->out_size - c->out_sent);
        if (n < 0)
            return errno == EAGAIN || broken(c, strerror(errno));
        c->out_sent += (size_t)n;
        if (c->out_sent < c->out_size)
            return true;
        c->out_sent = c->out_size = 0;
    }
}

bool h2_wants_write(const struct h2 *c)
{
    return c->out_sent < c->out_size;
}

/* ---- calls ---- */

bool h2_request_make(struct h2_request *request, const char *path, const char *authority)
{
    const char *pairs[][2] = {
        {":method", "POST"},        {":scheme", "http"}, {":path", path},
        {":authority", authority},  {"te", "trailers"},  {"content-type", "application/grpc"},
        {"user-agent", "weir-load"}};
    enum { COUNT = sizeof pairs / sizeof pairs[0] };
    nghttp2_nv nv[COUNT];
    nghttp2_hd_deflater *deflater;

    for (size_t i = 0; i < COUNT; i++)
        nv[i] = (nghttp2_nv){(uint8_t *)pairs[i][0], (uint8_t *)pairs[i][1], strlen(pairs[i][0]),
                             strlen(pairs[i][1]), NGHTTP2_NV_FLAG_NONE};
    if (nghttp2_hd_deflate_new(&deflater, TABLE_SIZE) != 0)
        return false;
    /* From the second on, a block only refers to what the first put into the table. */
    ssize_t first = nghttp2_hd_deflate_hd(deflater, request->first, H2_BLOCK_MAX, nv, COUNT);
    ssize_t next = nghttp2_hd_deflate_hd(deflater, request->next, H2_BLOCK_MAX, nv, COUNT);
    nghttp2_hd_deflate_del(deflater);
    request->first_size = (size_t)first;
    request->next_size = (size_t)next;
    return first > 0 && next > 0;
}

/* The call with this id, or NULL where it ended already. Answers mostly come in the order of the
 * calls, so the search begins where the last one ended. */
static struct h2_stream *find(struct h2 *c, uint32_t id)
{
    unsigned i = c->hint;

    for (unsigned n = 0; n < c->stream_count && id != 0; n++) {
        if (c->ids[i] == id) {
            c->hint = i;
            return c->streams[i];
        }
        i = i + 1 < c->stream_count ? i + 1 : 0;
    }
    return NULL;
}

void h2_call(struct h2 *c, struct h2_stream *s, const struct h2_body *body)
{
    const struct h2_request *request = c->config->request;
    bool first = c->next_id == 1;
    size_t size = first ? request->first_size : request->next_size;

    c->ids[s->slot] = s->id = c->next_id;
    c->next_id += 2;
    s->closed = body->size == 0 && !body->open;
    memcpy(frame(c, HEADERS, END_HEADERS | (s->closed ? END_STREAM : 0), s->id, size),
           first ? request->first : request->next, size);
    s->got_headers = false;
    s->body = body;
    s->sent = 0;
    s->send_window = c->peer_window;
    s->uncredited = 0;
    s->message_seen = 0;
    s->prefix_seen = 0;
    enqueue(c, s);
}

void h2_finish(struct h2 *c, struct h2_stream *s, const struct h2_body *body)
{
    s->body = body;
    s->sent = 0;
    enqueue(c, s);
}

void h2_ping(struct h2 *c)
{
    memset(frame(c, PING, 0, 0, 8), 'w', 8);
}

/* Frees the slot, then reports, so that the report may start the next call in it. */
static void end_call(struct h2 *c, struct h2_stream *s, int status, const char *why)
{
    c->ids[s->slot] = 0;
    if (s->prefix_seen > 0 && status == 0) {
        status = -1;
        why = "the response ended in the middle of a message";
    }
    if (!s->closed) /* the server will not read what we did not send */
        bench_write_u32(frame(c, RST_STREAM, 0, s->id, 4), 0);
    s->id = 0;
    c->config->events->end(c, s, status, why);
}

/* ---- messages ---- */

static bool take_prefix(struct h2 *c, struct h2_stream *s, const uint8_t **at, size_t *size)
{
    while (s->prefix_seen<sizeof s->prefix && * size> 0) {
        s->prefix[s->prefix_seen++] = *(*at)++;
        --*size;
    }
    if (s->prefix_seen < sizeof s->prefix)
        return true;
    s->message_size = bench_read_u32(s->prefix + 1);
    s->message_seen = 0;
    return s->prefix[0] == 0 || broken(c, "a message is marked as compressed");
}

static void keep(struct h2_stream *s, const uint8_t *at, size_t size)
{
    if (s->message_seen < H2_KEEP) {
        size_t room = H2_KEEP - s->message_seen;
        memcpy(s->kept + s->message_seen, at, size < room ? size : room);
    }
    s->message_seen += (uint32_t)size;
}

/* A piece of a message that did not come whole. */
static bool take_piece(struct h2 *c, struct h2_stream *s, const uint8_t **at, size_t *size)
{
    if (s->prefix_seen < sizeof s->prefix && !take_prefix(c, s, at, size))
        return false;
    if (s->prefix_seen < sizeof s->prefix)
        return true;
    size_t take = s->message_size - s->message_seen;
    if (take > *size)
        take = *size;
    keep(s, *at, take);
    *at += take;
    *size -= take;
    if (s->message_seen < s->message_size)
        return true;
    s->prefix_seen = 0;
    size_t given = s->message_size < H2_KEEP ? s->message_size : H2_KEEP;
    return c->config->events->message(c, s, s->kept, given, s->message_size) ||
           broken(c, "a message is not what was asked for");
}

static bool on_messages(struct h2 *c, struct h2_stream *s, const uint8_t *at, size_t size)
{
    while (size > 0) {
        uint32_t length = size >= BENCH_PREFIX_SIZE ? bench_read_u32(at + 1) : 0;
        if (s->prefix_seen > 0 || at[0] != 0 || size < BENCH_PREFIX_SIZE + (size_t)length) {
            if (!take_piece(c, s, &at, &size))
                return false;
            continue;
        }
        at += BENCH_PREFIX_SIZE;
        if (!c->config->events->message(c, s, at, length, length))
            return broken(c, "a message is not what was asked for");
        at += length;
        size -= BENCH_PREFIX_SIZE + (size_t)length;
    }
    return true;
}

static void credit(struct h2 *c, struct h2_stream *s, uint32_t size)
{
    c->received += size;
    if (!c->config->credit)
        return;
    c->uncredited += size;
    if (c->uncredited > c->config->connection_window / 2) {
        window_update(c, 0, c->uncredited);
        c->uncredited = 0;
    }
    if (s == NULL)
        return;
    s->uncredited += size;
    if (s->uncredited > c->config->stream_window / 2) {
        window_update(c, s->id, s->uncredited);
        s->uncredited = 0;
    }
}

/* ---- frames ---- */

static bool same(const nghttp2_nv *nv, const char *name, size_t size)
{
    return nv->namelen == size && memcmp(nv->name, name, size) == 0;
}

static int number(const nghttp2_nv *nv)
{
    int value = 0;

    for (size_t i = 0; i < nv->valuelen && i < 6; i++)
        value = value * 10 + (nv->value[i] - '0');
    return value;
}

/* Decodes a header block: the two numbers that matter, or -1. */
static bool inflate(struct h2 *c, const uint8_t *at, size_t size, int *http, int *grpc)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, at, size, 1);
        if (n < 0)
            return broken(c, "a header block does not decode");
        at += n;
        size -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            break;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0)
            return broken(c, "a header block is cut short");
        if (same(&nv, ":status", 7))
            *http = number(&nv);
        else if (same(&nv, "grpc-status", 11))
            *grpc = number(&nv);
    }
    nghttp2_hd_inflate_end_headers(c->inflater);
    return true;
}

static bool on_headers(struct h2 *c, unsigned flags, uint32_t id, const uint8_t *at, size_t size)
{
    int http = -1;
    int grpc = -1;

    if ((flags & (PADDED | PRIORITY)) != 0 || (flags & END_HEADERS) == 0)
        return broken(c, "headers with padding, priority or CONTINUATION");
    if (!inflate(c, at, size, &http, &grpc))
        return false;
    struct h2_stream *s = find(c, id);
    if (s == NULL)
        return true;
    if (!s->got_headers && http != 200)
        return broken(c, "the HTTP status is not 200");
    s->got_headers = true;
    if ((flags & END_STREAM) != 0)
        end_call(c, s, grpc, grpc < 0 ? "no grpc-status" : NULL);
    return true;
}

static bool set_peer_window(struct h2 *c, uint32_t value)
{
    int64_t change = (int64_t)value - c->peer_window;

    c->peer_window = value;
    for (unsigned i = 0; i < c->stream_count; i++) {
        if (c->ids[i] == 0)
            continue;
        c->streams[i]->send_window += change;
        enqueue(c, c->streams[i]);
    }
    return true;
}

static bool on_setting(struct h2 *c, unsigned id, uint32_t value)
{
    switch (id) {
    case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
        return value >= TABLE_SIZE || broken(c, "the header table is smaller than the default");
    case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
        c->max_streams = value;
        return true;
    case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
        return set_peer_window(c, value);
    default:
        return true;
    }
}

static bool on_settings(struct h2 *c, unsigned flags, const uint8_t *at, size_t size)
{
    if ((flags & ACK) != 0)
        return true;
    for (; size >= 6; at += 6, size -= 6) {
        if (!on_setting(c, (unsigned)(at[0] << 8 | at[1]), bench_read_u32(at + 2)))
            return false;
    }
    frame(c, SETTINGS, ACK, 0, 0);
    c->ready = true;
    return true;
}

static void on_window_update(struct h2 *c, uint32_t id, uint32_t size)
{
    if (id == 0) {
        c->send_window += size;
        return;
    }
    struct h2_stream *s = find(c, id);
    if (s == NULL)
        return;
    s->send_window += size;
    enqueue(c, s);
}

static bool on_goaway(struct h2 *c, const uint8_t *at, size_t size)
{
    if (size >= 8)
        snprintf(c->error, sizeof c->error, "GOAWAY %u %.*s", bench_read_u32(at + 4),
                 (int)(size - 8 < 100 ? size - 8 : 100), (const char *)at + 8);
    return broken(c, "GOAWAY");
}

static bool on_rst(struct h2 *c, uint32_t id, uint32_t code)
{
    char why[48];
    struct h2_stream *s = find(c, id);

    snprintf(why, sizeof why, "RST_STREAM %u", code);
    if (s != NULL) {
        s->closed = true; /* no RST in answer to one */
        end_call(c, s, -1, why);
    }
    return true;
}

static bool on_frame(struct h2 *c, const uint8_t *head, const uint8_t *at, size_t size)
{
    uint32_t id = bench_read_u32(head + 5) & INT32_MAX;
    unsigned flags = head[4];

    switch (head[3]) {
    case HEADERS:
        return on_headers(c, flags, id, at, size);
    case RST_STREAM:
        return size == 4 && on_rst(c, id, bench_read_u32(at));
    case SETTINGS:
        return on_settings(c, flags, at, size);
    case PING:
        if ((flags & ACK) != 0)
            c->pongs++;
        else if (size == 8)
            memcpy(frame(c, PING, ACK, 0, 8), at, 8);
        return true;
    case GOAWAY:
        return on_goaway(c, at, size);
    case WINDOW_UPDATE:
        if (size == 4)
            on_window_update(c, id, bench_read_u32(at));
        return true;
    case CONTINUATION:
        return broken(c, "CONTINUATION");
    default:
        return true;
    }
}

static bool end_data(struct h2 *c)
{
    if (c->data_end && c->data_stream != NULL)
        end_call(c, c->data_stream, -1, "END_STREAM on DATA");
    return true;
}

static bool begin_data(struct h2 *c, const uint8_t *head, uint32_t size)
{
    if ((head[4] & PADDED) != 0)
        return broken(c, "padding");
    c->data_stream = find(c, bench_read_u32(head + 5) & INT32_MAX);
    c->data_left = size;
    c->data_end = (head[4] & END_STREAM) != 0;
    credit(c, c->data_stream, size);
    return size > 0 || end_data(c);
}

static bool take_data(struct h2 *c, const uint8_t **at, size_t *size)
{
    size_t take = c->data_left < *size ? c->data_left : *size;

    if (c->data_stream != NULL && !on_messages(c, c->data_stream, *at, take))
        return false;
    *at += take;
    *size -= take;
    c->data_left -= (uint32_t)take;
    return c->data_left > 0 || end_data(c);
}

/* Collects bytes until c->carry holds `want` of them. */
static bool carry(struct h2 *c, size_t want, const uint8_t **at, size_t *size)
{
    size_t take = want > c->carry_size ? want - c->carry_size : 0;

    if (take > *size)
        take = *size;
    memcpy(c->carry + c->carry_size, *at, take);
    c->carry_size += take;
    *at += take;
    *size -= take;
    return c->carry_size >= want;
}

/* A frame of which the buffer holds only the beginning, or the rest. */
static bool take_carried(struct h2 *c, const uint8_t **at, size_t *size)
{
    if (!carry(c, H2_FRAME_HEAD, at, size))
        return true;
    uint32_t length = bench_read_u32(c->carry) >> 8;
    if (length > H2_FRAME_MAX)
        return broken(c, "a frame is larger than 16 KiB");
    if (c->carry[3] == DATA) {
        c->carry_size = 0;
        return begin_data(c, c->carry, length);
    }
    if (!carry(c, H2_FRAME_HEAD + length, at, size))
        return true;
    c->carry_size = 0;
    return on_frame(c, c->carry, c->carry + H2_FRAME_HEAD, length);
}

/* A frame whose head is in the buffer. */
static bool take_frame(struct h2 *c, const uint8_t **at, size_t *size)
{
    const uint8_t *head = *at;
    uint32_t length = bench_read_u32(head) >> 8;

    if (head[3] != DATA && length > *size - H2_FRAME_HEAD)
        return take_carried(c, at, size);
    *at += H2_FRAME_HEAD;
    *size -= H2_FRAME_HEAD;
    if (head[3] == DATA)
        return begin_data(c, head, length);
    *at += length;
    *size -= length;
    return on_frame(c, head, head + H2_FRAME_HEAD, length);
}

bool h2_input(struct h2 *c, const uint8_t *data, size_t size)
{
    while (size > 0) {
        bool fine;
        if (c->data_left > 0)
            fine = take_data(c, &data, &size);
        else if (c->carry_size > 0 || size < H2_FRAME_HEAD)
            fine = take_carried(c, &data, &size);
        else
            fine = take_frame(c, &data, &size);
        if (!fine)
            return broken(c, "a malformed frame");
    }
    return true;
}

bool h2_init(struct h2 *c, const struct h2_config *config, int fd, struct ssl_st *tls,
             struct h2_stream **streams, unsigned count)
{
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->tls = tls;
    c->config = config;
    c->streams = streams;
    c->stream_count = count;
    c->ids = calloc(count, sizeof *c->ids);
    c->next_id = 1;
    c->max_streams = UINT32_MAX;
    c->peer_window = DEFAULT_WINDOW;
    c->send_window = DEFAULT_WINDOW;
    c->last = &c->first;
    if (c->ids == NULL || nghttp2_hd_inflate_new(&c->inflater) != 0)
        return broken(c, "out of memory");
    for (unsigned i = 0; i < count; i++)
        streams[i]->slot = i;
    preface(c);
    return true;
}

void h2_clear(struct h2 *c)
{
    if (c->inflater != NULL)
        nghttp2_hd_inflate_del(c->inflater);
    free(c->ids);
    free(c->out);
    secure_close(c->tls);
    close(c->fd);
}
