/* SPDX-License-Identifier: MIT */
/*
 * client.c - attacked-client: one call to a server that may do anything, and how it ended.
 *
 *     attacked-client ADDRESS unary|upload|impatient DEADLINE_MS
 *
 * An impatient one makes a unary call, too, and connects within 200 ms or not at all.
 *
 * It prints "status=N ms=N end_ms=N grown_kib=N": what the call took, when the channel was closed,
 * and by how much memory grew at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { UPLOADED = 64 * 1024 };

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Never an end: what is sent depends on the server alone. */
static weir_poll next_piece(void *state, weir_task *task, weir_item *out)
{
    static const uint8_t piece[UPLOADED];

    (void)state, (void)task;
    out->message = weir_bytes_copy(piece, sizeof piece);
    return WEIR_READY;
}

static weir_code upload(weir_channel *channel, weir_call *call)
{
    weir_stream responses =
        weir_channel_call(channel, call, weir_stream_from(next_piece, NULL, NULL));
    weir_item item;
    weir_poll poll;

    while ((poll = weir_stream_next(&responses, &item)) == WEIR_READY)
        weir_item_clear(&item);
    weir_item_clear(&item);
    return poll == WEIR_END ? WEIR_OK : weir_call_status(call)->code;
}

static weir_code unary(weir_channel *channel, weir_call *call)
{
    weir_bytes reply = {0};
    weir_status why = {0};
    weir_code code = weir_channel_unary(channel, call, (weir_bytes){0}, &reply, &why);

    if (code != WEIR_OK)
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    weir_status_clear(&why);
    weir_bytes_unref(&reply);
    return code;
}

/* Of this program alone: getrusage would count what ran before exec. */
static long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib;
}

int main(int argc, char **argv)
{
    weir_channel_options options = {0};
    weir_status why = {0};
    weir_channel *channel;
    weir_call *call;
    weir_code code;
    uint64_t began = now_ms(), ended;
    long before;

    if (argc == 4 && strcmp(argv[2], "impatient") == 0)
        options.connect_timeout_ns = WEIR_MILLISECONDS(200);
    if (argc != 4 || weir_channel_create(argv[1], &options, &channel, &why) != WEIR_OK)
        return 2;
    call = weir_call_create("/bench.Echo/Any");
    weir_call_set_timeout(call, WEIR_MILLISECONDS((uint64_t)atoi(argv[3])));
    before = peak_kib();
    code = strcmp(argv[2], "upload") == 0 ? upload(channel, call) : unary(channel, call);
    ended = now_ms();
    weir_call_unref(call);
    weir_channel_unref(channel);
    printf("status=%d ms=%llu end_ms=%llu grown_kib=%ld\n", (int)code,
           (unsigned long long)(ended - began), (unsigned long long)(now_ms() - began),
           peak_kib() - before);
    return 0;
}
