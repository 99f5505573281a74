/* SPDX-License-Identifier: MIT */
/*
 * order.c - 20 bidi streams at once on 2 connections, 20,000 messages each way: none lost, none out
 * of order, none changed, with both ends of both directions throttled at random.
 *
 *     order [MESSAGES [SEED]]
 *
 * Each message passes four gates: as a request at the client and at the server, as a response at
 * the server and at the client. A gate checks that it is the next one of its stream and whole, and
 * now and then pauses for a moment, so that every queue on the way runs full and empty.
 */
#include <weir/weir.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 2, STREAMS = 10, MAX_MESSAGE = 20000 };

static uint64_t messages = 20000;
static uint64_t seed = 1;

/* splitmix64: a good mix of any number. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* ---- messages: the index, then bytes and a length that follow from it ---- */

static size_t message_size(uint64_t index)
{
    uint64_t random = mix(seed ^ index);

    if (random % 1024 == 0)
        return MAX_MESSAGE;
    return sizeof index + random / 1024 % 300;
}

static void fill(uint8_t *memory, uint64_t index)
{
    size_t size = message_size(index);

    memcpy(memory, &index, sizeof index);
    for (size_t i = sizeof index; i < size; i++)
        memory[i] = (uint8_t)(index + i);
}

static bool is_message(const weir_bytes *message, uint64_t index)
{
    uint8_t expected[MAX_MESSAGE];

    if (message->size != message_size(index))
        return false;
    fill(expected, index);
    return memcmp(message->data, expected, message->size) == 0;
}

static weir_poll next_message(void *state, weir_task *task, weir_item *out)
{
    uint64_t *index = state;
    uint8_t *memory;

    (void)task;
    if (*index == messages)
        return WEIR_END;
    out->message = weir_bytes_new(message_size(*index), &memory);
    if (memory != NULL)
        fill(memory, *index);
    (*index)++;
    return WEIR_READY;
}

/* ---- gates ---- */

struct gate {
    weir_stream source;
    const char *where;
    uint64_t next;
    uint64_t random;
    uint64_t resume_ns;
};

static weir_poll complain(struct gate *g, weir_item *out, const char *what)
{
    weir_item_clear(out);
    out->status =
        weir_status_make(WEIR_DATA_LOSS, "%s: %s at message %" PRIu64, g->where, what, g->next);
    return WEIR_ERROR;
}

static weir_poll gate_poll(void *self, weir_task *task, weir_item *out)
{
    struct gate *g = self;
    weir_poll poll;

    if (weir_task_now(task) < g->resume_ns) {
        weir_task_wake_at(task, g->resume_ns);
        return WEIR_PENDING;
    }
    poll = weir_stream_poll(&g->source, task, out);
    if (poll == WEIR_END && g->next != messages)
        return complain(g, out, "the end");
    if (poll != WEIR_READY)
        return poll;
    if (!is_message(&out->message, g->next))
        return complain(g, out, "another message");
    g->next++;
    g->random = mix(g->random);
    if (g->random % 256 == 0)
        g->resume_ns = weir_task_now(task) + mix(g->random) % WEIR_MILLISECONDS(3);
    return WEIR_READY;
}

static void gate_release(void *self)
{
    struct gate *g = self;

    weir_stream_release(&g->source);
    free(g);
}

static weir_stream gate(weir_stream source, const char *where, uint64_t number)
{
    static const weir_stream_ops ops = {gate_poll, gate_release};
    struct gate *g = malloc(sizeof *g);

    if (g == NULL) {
        weir_stream_release(&source);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    *g = (struct gate){.source = source, .where = where, .random = mix(seed + number)};
    return (weir_stream){&ops, g};
}

/* ---- both ends ---- */

static weir_stream echo(void *self, weir_call *call, weir_stream requests)
{
    uint64_t number = (uint64_t)(uintptr_t)call;

    (void)self;
    return gate(gate(requests, "server, requests", number), "server, responses", number + 1);
}

struct client {
    weir_channel *channel;
    uint64_t number;
    pthread_t thread;
    uint64_t received;
    weir_status status;
};

static void *run_client(void *self)
{
    struct client *c = self;
    weir_call *call = weir_call_create("/weir.test.Order/Echo");
    weir_stream requests = weir_stream_from(next_message, calloc(1, sizeof(uint64_t)), free);
    weir_stream responses;
    weir_item item;

    if (call == NULL)
        abort();
    responses =
        weir_channel_call(c->channel, call, gate(requests, "client, requests", 2 * c->number));
    responses = gate(responses, "client, responses", 2 * c->number + 1);
    while (weir_stream_next(&responses, &item) == WEIR_READY) {
        c->received++;
        weir_item_clear(&item);
    }
    c->status = item.status;
    weir_call_unref(call);
    return NULL;
}

static weir_code start_server(weir_server **server, uint16_t *port, weir_status *why)
{
    const weir_server_options options = {.threads = 2};

    if (weir_server_create(&options, server, why) ||
        weir_server_handle(*server, "/weir.test.Order/Echo", (weir_handler){.call = echo}, why) ||
        weir_server_listen(*server, "127.0.0.1:0", port, why))
        return why->code;
    return weir_server_start(*server, why);
}

/* All streams at once; the number of those that did not end well. */
static int run_all(weir_channel *const *channels)
{
    struct client clients[CONNECTIONS * STREAMS] = {0};
    int bad = 0;

    for (uint64_t i = 0; i < CONNECTIONS * STREAMS; i++) {
        clients[i].channel = channels[i % CONNECTIONS];
        clients[i].number = i;
        if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
            abort();
    }
    for (uint64_t i = 0; i < CONNECTIONS * STREAMS; i++) {
        struct client *c = &clients[i];

        pthread_join(c->thread, NULL);
        if (c->status.code != WEIR_OK || c->received != messages) {
            bad++;
            printf("stream %" PRIu64 ": %" PRIu64 " messages, then %s %.*s\n", i, c->received,
                   weir_code_name(c->status.code), (int)c->status.message.size,
                   (const char *)c->status.message.data);
        }
        weir_status_clear(&c->status);
    }
    return bad;
}

int main(int argc, char **argv)
{
    weir_channel *channels[CONNECTIONS] = {0};
    weir_server *server = NULL;
    weir_status why = {0};
    char target[32];
    uint16_t port = 0;
    int bad = 1;

    if (argc > 1)
        messages = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    if (start_server(&server, &port, &why) == WEIR_OK) {
        snprintf(target, sizeof target, "127.0.0.1:%u", port);
        for (int i = 0; i < CONNECTIONS; i++)
            if (weir_channel_create(target, NULL, &channels[i], &why) != WEIR_OK)
                break;
    }
    if (why.code == WEIR_OK)
        bad = run_all(channels);
    else
        printf("%.*s\n", (int)why.message.size, (const char *)why.message.data);
    for (int i = 0; i < CONNECTIONS; i++)
        if (channels[i] != NULL)
            weir_channel_unref(channels[i]);
    if (server != NULL)
        weir_server_free(server);
    weir_status_clear(&why);
    printf("%d of %d streams of %" PRIu64 " messages each way went wrong (seed %" PRIu64 ")\n", bad,
           CONNECTIONS * STREAMS, messages, seed);
    return bad != 0;
}
