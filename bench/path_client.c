/* SPDX-License-Identifier: MIT */
/*
 * path_client.c - weir-path-client: one long upload, or one long download, over one connection.
 *
 * Prints "bytes_per_second N", from the call's start on: that windows have to grow first counts.
 */
#include <weir/weir.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire.h"

enum { MESSAGE_SIZE = 64 * 1024 };

static uint64_t end_ns, bytes;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what, const weir_status *status)
{
    fprintf(stderr, "weir-path-client: %s: %.*s\n", what, (int)status->message.size,
            status->message.data != NULL ? (const char *)status->message.data : "");
    exit(1);
}

/* The same message again and again: what is measured is the path. */
static weir_poll next_request(void *state, weir_task *task, weir_item *out)
{
    (void)task;
    if (now_ns() >= end_ns)
        return WEIR_END;
    out->message = weir_bytes_ref(state);
    return WEIR_READY;
}

static weir_bytes request_with_data(void)
{
    static uint8_t message[BENCH_FIELD_HEAD_MAX + MESSAGE_SIZE];
    size_t head = bench_req_head(message, MESSAGE_SIZE);

    return weir_bytes_copy(message, head + MESSAGE_SIZE);
}

static weir_bytes request_for_messages(void)
{
    const struct bench_req req = {.count = INT32_MAX, .size = MESSAGE_SIZE};
    uint8_t message[BENCH_REQ_NUMBERS_MAX];

    return weir_bytes_copy(message, bench_req_numbers(message, &req));
}

static void download(weir_channel *channel)
{
    weir_call *call = weir_call_create("/bench.Echo/Down");
    weir_stream replies =
        weir_channel_call(channel, call, weir_stream_once(request_for_messages()));
    weir_item item;
    weir_poll poll;

    while ((poll = weir_stream_next(&replies, &item)) == WEIR_READY) {
        bytes += item.message.size;
        weir_item_clear(&item);
        if (now_ns() >= end_ns)
            break;
    }
    if (poll == WEIR_ERROR)
        die("download", &item.status);
    weir_stream_release(&replies);
    weir_call_unref(call);
}

/* The server says how much came. */
static void upload(weir_channel *channel)
{
    weir_call *call = weir_call_create("/bench.Echo/Up");
    weir_bytes message = request_with_data();
    weir_stream requests = weir_stream_from(next_request, &message, NULL);
    weir_stream replies = weir_channel_call(channel, call, requests);
    const uint8_t *data;
    size_t size;
    weir_item item;
    char total[32] = "";

    if (weir_stream_next(&replies, &item) != WEIR_READY)
        die("upload", &item.status);
    if (bench_rep_parse(item.message.data, item.message.size, &data, &size) && size < sizeof total)
        memcpy(total, data, size);
    bytes = strtoull(total, NULL, 10);
    weir_item_clear(&item);
    weir_stream_release(&replies);
    weir_call_unref(call);
    weir_bytes_unref(&message);
}

int main(int argc, char **argv)
{
    weir_channel *channel;
    weir_channel_options options = {0};
    weir_status why = {0};
    uint64_t start_ns;

    if (argc < 4 || argc > 5 || (strcmp(argv[2], "up") != 0 && strcmp(argv[2], "down") != 0)) {
        fputs("usage: weir-path-client HOST:PORT up|down SECONDS [MAX_WINDOW]\n", stderr);
        return 2;
    }
    if (argc == 5)
        options.max_window_size = strtoull(argv[4], NULL, 10);
    if (weir_channel_create(argv[1], &options, &channel, &why) != WEIR_OK)
        die(argv[1], &why);
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)(atof(argv[3]) * 1e9);
    if (strcmp(argv[2], "up") == 0)
        upload(channel);
    else
        download(channel);
    printf("bytes_per_second %.0f\n", (double)bytes * 1e9 / (double)(now_ns() - start_ns));
    weir_channel_unref(channel);
    return 0;
}
