/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - connections thrown away, connections that say little, and those that say nothing.
 */
#include "attack.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ABORTS = 2000, HELD = 400, DRIP_MS = 1500 };

/* Closing it sends RST, and whatever was not read or sent is lost. */
static void abort_socket(int fd)
{
    struct linger linger = {.l_onoff = 1};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

static void send_all(int fd, const struct bytes *bytes, size_t size)
{
    if (send(fd, bytes->data, size < bytes->size ? size : bytes->size, MSG_NOSIGNAL) < 0)
        return;
}

/* A preface and a call whose answer does not fit into the socket. */
static void make_request(struct bytes *out)
{
    struct bytes block = {0}, body = {0};
    uint8_t settings[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff};
    uint8_t update[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0};

    message_add_req(&body, &(struct req){.count = 100000, .size = 16384});
    block_request(&block, "/bench.Echo/Down");
    bytes_add(out, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    bytes_add(out, settings, sizeof settings);
    bytes_add(out, update, sizeof update);
    bytes_add_number(out, block.size, 3);
    bytes_add_number(out, 0x0104, 2);
    bytes_add_number(out, 1, 4);
    bytes_add(out, block.data, block.size);
    bytes_add_number(out, body.size, 3);
    bytes_add_number(out, 0x0001, 2);
    bytes_add_number(out, 1, 4);
    bytes_add(out, body.data, body.size);
    bytes_free(&block);
    bytes_free(&body);
}

/* Waits for the first bytes, so that the other end is amid its answer. */
static void await_answer(int fd)
{
    struct pollfd set = {.fd = fd, .events = POLLIN};
    char byte;

    if (poll(&set, 1, 1000) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
        return;
}

static void abort_one(const struct target *target, const struct bytes *request, size_t kind)
{
    int fd = connect_to(target->address);

    if (fd < 0)
        return;
    if (kind == 1)
        send_all(fd, request, 10);
    if (kind >= 2)
        send_all(fd, request, SIZE_MAX);
    if (kind == 3)
        await_answer(fd);
    if (kind == 4) {
        shutdown(fd, SHUT_WR);
        close(fd);
    } else {
        abort_socket(fd);
    }
}

static void tcp_aborts(const struct target *target)
{
    struct bytes request = {0};
    size_t count = times(target, ABORTS);

    make_request(&request);
    for (size_t i = 0; i < count; i++)
        abort_one(target, &request, i % 5);
    check_text("aborted", "all", "all");
    bytes_free(&request);
}

/* ---- connections that say little ---- */

/* Reads off what came: whether the other end has closed it. */
static bool is_closed(int fd)
{
    uint8_t buffer[4096];
    ssize_t size;

    do
        size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    while (size > 0);
    return size == 0 || (errno != EAGAIN && errno != EINTR);
}

static void check_closed(const char *name, const int *fds, size_t count, const char *want)
{
    size_t closed = 0;
    char got[32];

    for (size_t i = 0; i < count; i++)
        closed += fds[i] < 0 || is_closed(fds[i]);
    snprintf(got, sizeof got, "closed:%zu", closed);
    check_text(name, got, want);
}

/* Opens connections, and sends of `bytes` the `first` at once, and one after the other of the rest
 * on each, for DRIP_MS. They stay as they are then. */
static void hold(const char *name, const char *address, const struct bytes *bytes, size_t first,
                 const char *want)
{
    uint64_t until = now_ns() + DRIP_MS * UINT64_C(1000000);
    int fds[HELD];
    size_t at = first;

    for (size_t i = 0; i < HELD; i++) {
        fds[i] = connect_to(address);
        if (fds[i] >= 0 && first != 0)
            send_all(fds[i], bytes, first);
    }
    for (; now_ns() < until; at++) {
        poll(NULL, 0, 20);
        for (size_t i = 0; i < HELD && at < bytes->size; i++)
            if (send(fds[i], bytes->data + at, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                continue; /* it was closed */
    }
    check_closed(name, fds, HELD, want);
}

#define ALL_CLOSED "closed:400"
#define NONE_CLOSED "closed:0"

static void slow_loris(const struct target *target)
{
    struct bytes request = {0};

    make_request(&request);
    hold("a-byte-each-20-ms", target->address, &request, 0, ALL_CLOSED);
    hold("then-a-byte-each-20-ms", target->address, &request, 50, ALL_CLOSED);
    bytes_free(&request);
}

static void idle_connections(const struct target *target)
{
    struct bytes nothing = {0}, preface = {0};

    hold("nothing-said", target->address, &nothing, 0, ALL_CLOSED);
    bytes_add(&preface, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    bytes_add(&preface, "\0\0\0\4\0\0\0\0\0", 9);
    hold("idle", target->address, &preface, preface.size, NONE_CLOSED);
    bytes_free(&preface);
}

static void stalled_handshakes(const struct target *target)
{
    struct bytes hello = {0};

    if (target->tls == NULL)
        return;
    bytes_add(&hello, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    bytes_fill(&hello, 'r', 500);
    hold("half-a-ClientHello", target->tls, &hello, 11, ALL_CLOSED);
    hold("no-ClientHello", target->tls, &hello, 0, ALL_CLOSED);
    bytes_free(&hello);
}

/* The server takes 100, and the honest client has one of them. */
static void too_many_connections(const struct target *target)
{
    struct bytes preface = {0};

    bytes_add(&preface, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    bytes_add(&preface, "\0\0\0\4\0\0\0\0\0", 9);
    hold("400-connections", target->address, &preface, preface.size, "closed:301");
    bytes_free(&preface);
}

const struct row socket_rows[] = {
    {"tcp-aborts", tcp_aborts},
    {"slow-loris", slow_loris},
    {"idle-connections", idle_connections},
    {"stalled-handshakes", stalled_handshakes},
    {"too-many-connections", too_many_connections},
    {NULL, NULL},
};
