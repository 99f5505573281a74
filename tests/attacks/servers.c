/* SPDX-License-Identifier: MIT */
/*
 * servers.c - servers that do their clients wrong, each in one way.
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 10000, FLOOD = 100000000 };

/* ---- parts of an answer ---- */

static void send_headers(struct peer *peer, uint32_t stream, const struct bytes *block,
                         unsigned flags)
{
    peer_frame(peer, NGHTTP2_HEADERS, END_HEADERS | flags, stream, block->data, block->size);
}

static void respond(struct peer *peer, uint32_t stream)
{
    struct bytes block = {0};

    block_response(&block);
    send_headers(peer, stream, &block, 0);
    bytes_free(&block);
}

static void send_trailer(struct peer *peer, uint32_t stream, const char *name, const char *value)
{
    struct bytes block = {0};

    block_field(&block, name, value);
    send_headers(peer, stream, &block, END_STREAM);
    bytes_free(&block);
}

static void send_message(struct peer *peer, uint32_t stream, const char *text)
{
    struct bytes body = {0};

    message_add(&body, 0, text, strlen(text));
    peer_body(peer, stream, &body, 0);
    bytes_free(&body);
}

/* Says SETTINGS and waits for a request. */
static uint32_t greet(struct peer *peer)
{
    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    peer_flush(peer);
    return peer_await_request(peer);
}

/* ---- what they do ---- */

static void informational(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes block = {0};

    block_field(&block, ":status", "103");
    for (int i = 0; i < 3; i++)
        send_headers(peer, stream, &block, 0);
    respond(peer, stream);
    send_message(peer, stream, "");
    send_trailer(peer, stream, "grpc-status", "0");
    bytes_free(&block);
}

static void informational_for_ever(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes block = {0};

    block_field(&block, ":status", "103");
    for (int i = 0; i < FLOOD && !peer->gone && !peer->goaway && now_ns() < peer->deadline; i++)
        send_headers(peer, stream, &block, 0);
    bytes_free(&block);
}

static void data_first(struct peer *peer)
{
    send_message(peer, greet(peer), "first");
}

static void no_status(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    send_message(peer, stream, "");
    send_trailer(peer, stream, "x-status", "0");
}

static void garbled_status(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    send_message(peer, stream, "");
    send_trailer(peer, stream, "grpc-status", "fine");
}

static void two_messages(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    send_message(peer, stream, "");
    send_message(peer, stream, "");
    send_trailer(peer, stream, "grpc-status", "0");
}

static void no_message(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    send_trailer(peer, stream, "grpc-status", "0");
}

static void cut_message(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    peer_frame(peer, NGHTTP2_DATA, 0, stream, "\0\0\0\0\x09half", 9);
    send_trailer(peer, stream, "grpc-status", "0");
}

static void goaway_of_unknown_code(struct peer *peer)
{
    greet(peer);
    peer_frame(peer, NGHTTP2_GOAWAY, 0, 0, "\0\0\0\0\xde\xad\xbe\xef why", 12);
}

static void reset_of_unknown_code(struct peer *peer)
{
    peer_number(peer, NGHTTP2_RST_STREAM, greet(peer), 0x12345);
}

static void ping_flood(struct peer *peer)
{
    greet(peer);
    for (int i = 0; i < FLOOD && peer_frame(peer, NGHTTP2_PING, 0, 0, "pingping", 8); i++)
        ;
}

static void deaf_ping_flood(struct peer *peer)
{
    greet(peer);
    peer->deaf = true;
    for (int i = 0; i < FLOOD && peer_frame(peer, NGHTTP2_PING, 0, 0, "pingping", 8); i++)
        ;
}

static void settings_flood(struct peer *peer)
{
    greet(peer);
    for (int i = 0; i < FLOOD && peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0); i++)
        ;
}

static void empty_data(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    for (int i = 0; i < FLOOD && peer_frame(peer, NGHTTP2_DATA, 0, stream, NULL, 0); i++)
        ;
}

static void endless_headers(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes block = {0};

    block_response(&block);
    while (block.size < 16000)
        block_field(&block, "x-name", "a value of thirty-odd bytes, padding");
    peer_frame(peer, NGHTTP2_HEADERS, 0, stream, block.data, block.size);
    for (int i = 0; i < FLOOD; i++)
        if (!peer_frame(peer, NGHTTP2_CONTINUATION, 0, stream, block.data, block.size))
            break;
    bytes_free(&block);
}

static void hpack_bomb(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes block = {0};
    uint8_t large[4000];

    memset(large, 'x', sizeof large);
    block_response(&block);
    block_index(&block, "x-large", large, sizeof large);
    bytes_fill(&block, 0x80 | 62, 12000);
    send_headers(peer, stream, &block, 0);
    bytes_free(&block);
    send_message(peer, stream, "");
    send_trailer(peer, stream, "grpc-status", "0");
}

static void closed_windows(struct peer *peer)
{
    peer_settings(peer, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_flush(peer);
}

static void silence(struct peer *peer)
{
    (void)peer;
}

static void settings_only(struct peer *peer)
{
    peer_frame(peer, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void reads_nothing(struct peer *peer)
{
    peer->deaf = true;
    peer_settings(peer, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HUGE_WINDOW);
    peer_number(peer, NGHTTP2_WINDOW_UPDATE, 0, HUGE_WINDOW - WINDOW);
    peer_flush(peer);
}

static void no_streams(struct peer *peer)
{
    peer_settings(peer, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
}

/* 4 GiB are declared, and sent, whatever the windows are. */
static void huge_message(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes body = {0};

    bytes_add(&body, "\0\xff\xff\xff\xff", 5);
    bytes_fill(&body, 'x', 16000);
    respond(peer, stream);
    while (peer_frame(peer, NGHTTP2_DATA, 0, stream, body.data, body.size))
        ;
    bytes_free(&body);
}

/* 4 MB are declared, which is legal, and all is sent at once, whatever the windows are. */
static void no_windows(struct peer *peer)
{
    uint32_t stream = greet(peer);
    struct bytes body = {0};

    for (int i = 0; i < 64; i++) {
        bytes_add_number(&body, 0, 1);
        bytes_add_number(&body, 4000000, 4);
        bytes_fill(&body, 'x', 4000000);
    }
    respond(peer, stream);
    peer_body(peer, stream, &body, 0);
    bytes_free(&body);
}

static void http1(struct peer *peer)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";

    peer_raw(peer, text, sizeof text - 1);
}

static void push_promise(struct peer *peer)
{
    uint32_t stream = greet(peer);

    /* By this it says that it knows that the client takes none. */
    peer_frame(peer, NGHTTP2_SETTINGS, ACK, 0, NULL, 0);
    peer_frame(peer, NGHTTP2_PUSH_PROMISE, END_HEADERS, stream, "\0\0\0\2\x82\x86\x84", 7);
}

static void push_flood(struct peer *peer)
{
    uint32_t stream = greet(peer);

    for (uint32_t id = 2; id < FLOOD; id += 2) {
        uint8_t payload[] = {(uint8_t)(id >> 24),
                             (uint8_t)(id >> 16),
                             (uint8_t)(id >> 8),
                             (uint8_t)id,
                             0x82,
                             0x86,
                             0x84};

        if (!peer_frame(peer, NGHTTP2_PUSH_PROMISE, END_HEADERS, stream, payload, sizeof payload))
            return;
    }
}

static void window_overflow(struct peer *peer)
{
    uint32_t stream = greet(peer);

    peer_number(peer, NGHTTP2_WINDOW_UPDATE, stream, HUGE_WINDOW);
    peer_number(peer, NGHTTP2_WINDOW_UPDATE, stream, HUGE_WINDOW);
}

static void drip(struct peer *peer)
{
    uint32_t stream = greet(peer);

    respond(peer, stream);
    peer_frame(peer, NGHTTP2_DATA, 0, stream, "\0\0\1\0\0", 5);
    while (peer_frame(peer, NGHTTP2_DATA, 0, stream, "x", 1) && peer_flush(peer))
        peer_read(peer, 20);
}

static const struct mode {
    const char *name;
    void (*run)(struct peer *peer);
} modes[] = {
    {"informational", informational},
    {"informational-for-ever", informational_for_ever},
    {"data-first", data_first},
    {"no-status", no_status},
    {"garbled-status", garbled_status},
    {"two-messages", two_messages},
    {"no-message", no_message},
    {"cut-message", cut_message},
    {"goaway-of-unknown-code", goaway_of_unknown_code},
    {"reset-of-unknown-code", reset_of_unknown_code},
    {"ping-flood", ping_flood},
    {"deaf-ping-flood", deaf_ping_flood},
    {"settings-flood", settings_flood},
    {"empty-data", empty_data},
    {"endless-headers", endless_headers},
    {"hpack-bomb", hpack_bomb},
    {"closed-windows", closed_windows},
    {"silence", silence},
    {"never-speaks", silence},
    {"settings-only", settings_only},
    {"reads-nothing", reads_nothing},
    {"no-streams", no_streams},
    {"huge-message", huge_message},
    {"no-windows", no_windows},
    {"http1", http1},
    {"push-promise", push_promise},
    {"push-flood", push_flood},
    {"window-overflow", window_overflow},
    {"drip", drip},
};

/* ---- the listener ---- */

static int listen_anywhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return -1;
    printf("listening on 127.0.0.1:%u\n", ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(const struct mode *mode, int fd)
{
    struct peer peer = {0};

    peer_accept(&peer, fd, MS);
    mode->run(&peer);
    peer_flush(&peer);
    if (peer.deaf)
        while (now_ns() < peer.deadline)
            pause(); /* until it is killed */
    peer_read(&peer, MS);
    peer_free(&peer);
}

int hostile_server(const char *name)
{
    int listener, fd;

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, name) != 0)
            continue;
        listener = listen_anywhere();
        while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
            serve(&modes[i], fd);
        return 1;
    }
    fprintf(stderr, "no such mode: %s\n", name);
    return 2;
}
