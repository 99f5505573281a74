/* SPDX-License-Identifier: MIT */
/*
 * fuzz_server.c - any peer of a server: requests, and what breaks the rules, while handlers answer,
 * time passes and memory runs out.
 *
 * What the server holds is bounded, what it sends keeps to the rules, and a call on another
 * connection goes on as if nothing had been. In the end all memory is back.
 */
#include "grammar.h"

enum { MAX_STREAMS = 8, MAX_RECEIVE = 32 * 1024 };

/* A window and a message each way for each call, and what both connections hold. */
#define HELD_MAX ((size_t)1024 * 1024 + MAX_STREAMS * (2 * 65536 + 2 * MAX_RECEIVE))

static void prepare(struct service *service)
{
    static const size_t sizes[] = {5, 0, 1000, 20000};

    service->down = (struct source){.count = 3, .size = 100, .over = true};
    for (unsigned i = 0; i < SERVED_MAX; i++)
        service->served[i].responses = (struct source){.size = sizes[i % 4]};
}

/* Something is done by the handler of a call of Hand. */
static void serve(struct talk *talk)
{
    unsigned kind = input_byte(&talk->input), number = input_byte(&talk->input);
    struct service *service = talk->peer->service;
    struct served *served = &service->served[service->calls != 0 ? number % service->calls : 0];

    if (served->call == NULL)
        return;
    switch (kind % 8) {
    case 0:
    case 1:
        source_give(&served->responses, 1 + kind / 8 % 8);
        break;
    case 2:
        source_end(&served->responses, kind / 8 % (WEIR_UNAUTHENTICATED + 1));
        break;
    case 3:
    case 4:
        if (served->requests.task != NULL)
            reader_skim(&served->requests);
        break;
    case 5:
        reader_clear(&served->requests);
        break;
    case 6:
        weir_call_cancel(served->call);
        break;
    default:
        weir_call_send_headers(served->call);
    }
}

static void shut_down(struct talk *talk)
{
    uint64_t grace = WEIR_SECONDS(input_byte(&talk->input) % 4);

    if (talk->peer->connection != NULL)
        weir_connection_shutdown(talk->peer->connection, grace);
}

static void step(struct talk *talk)
{
    uint8_t kind = talk->input.size != 0 ? *talk->input.data : 0;

    if (kind < 192) {
        talk_step(talk);
        return;
    }
    input_byte(&talk->input);
    if (kind < 250)
        serve(talk);
    else
        shut_down(talk);
}

static void must_still_work(struct peer *peer)
{
    struct peer *other = peer->other;
    size_t before = peer_body_size(other, 1);

    peer_message(other, 1, 0, "other");
    peer_settle(peer);
    must(peer_body_has(other, 1, before, "other"));
}

static struct peer *start(void)
{
    const weir_server_options options = {
        .max_streams = MAX_STREAMS,
        .max_receive_size = MAX_RECEIVE,
        .keepalive_ns = WEIR_NEVER, /* the other connection answers no pings */
    };
    struct peer *peer;

    now = WEIR_SECONDS(1000);
    memory_install();
    peer = peer_of_server(&options);
    prepare(peer->service);
    peer->last_stream = -1; /* the next one is 1 */
    peer_beside(peer);
    peer_request(peer->other, 1, 0, "/t.T/Echo", NULL);
    peer_settle(peer);
    return peer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk talk = {.input = {data, size}, .most = HELD_MAX};

    talk.peer = start();
    while (talk.input.size != 0 && talk.peer->connection != NULL)
        step(&talk);
    memory_fail_at(SIZE_MAX);
    talk.peer->deaf = false;
    talk_settle(&talk);
    if (!talk.starved)
        must_still_work(talk.peer);
    talk_check_frames(&talk, true);
    talk_clear(&talk);
    must(memory_held() == 0);
    return 0;
}
