/* SPDX-License-Identifier: MIT */
/*
 * fuzz_client.c - any server for a channel: responses, and what breaks the rules, while calls are
 * made, read, cancelled and dropped, time passes and memory runs out.
 *
 * What the channel holds is bounded, what it sends keeps to the rules, and when it goes each call
 * has an end. In the end all memory is back.
 */
#include "grammar.h"

enum { CALLS_MAX = 8, MAX_RECEIVE = 32 * 1024 };

#define HELD_MAX ((size_t)1024 * 1024 + CALLS_MAX * (2 * 65536 + 2 * MAX_RECEIVE))

struct client {
    struct talk talk;
    struct reader readers[CALLS_MAX];
    struct source *sources[CALLS_MAX];
    unsigned calls;
};

static void set_up(weir_call *call, struct input *input)
{
    unsigned bits = input_byte(input);

    if (bits & 1)
        weir_call_set_timeout(call, WEIR_MILLISECONDS(1 << bits / 16));
    if (bits & 2)
        weir_call_set_wait_for_ready(call, true);
    if (bits & 4)
        weir_call_set_compression(call, WEIR_GZIP);
    if (bits & 8)
        (void)!weir_call_add_metadata(call, "x-bin", &bits, sizeof bits);
}

static void make_call(struct client *client)
{
    static const size_t sizes[] = {5, 0, 300, 17000}; /* the last is more than a frame */
    struct input *input = &client->talk.input;
    unsigned bits = input_byte(input);
    struct reader *reader = &client->readers[client->calls];
    weir_call *call;

    if (client->calls == CALLS_MAX)
        return;
    client->sources[client->calls] = peer_source(
        client->talk.peer,
        (struct source){.count = bits % 4, .size = sizes[bits / 4 % 4], .over = bits & 16});
    call = weir_call_create("/s.S/Method");
    if (call != NULL)
        set_up(call, input);
    reader_init(reader,
                weir_channel_call(client->talk.peer->channel, call,
                                  source_stream(client->sources[client->calls])),
                call);
    weir_call_unref(call);
    client->calls++;
}

static void use_call(struct client *client)
{
    unsigned bits = input_byte(&client->talk.input);
    unsigned at = client->calls != 0 ? bits / 8 % client->calls : 0;
    struct reader *reader = &client->readers[at];

    if (client->calls == 0)
        return;
    switch (bits % 8) {
    case 0:
        source_end(client->sources[at], bits / 64 == 3 ? WEIR_ABORTED : WEIR_OK);
        break;
    case 1:
        source_give(client->sources[at], 1 + bits / 64);
        break;
    case 2:
        reader_clear(reader);
        break;
    case 3:
        if (reader->call != NULL)
            weir_call_cancel(reader->call);
        break;
    default:
        if (reader->task != NULL)
            reader_skim(reader);
    }
}

static void cut(struct talk *talk)
{
    if (talk->peer->connection == NULL)
        return;
    weir_connection_eof(talk->peer->connection, "cut");
    talk->peer->pending = true;
    talk_settle(talk);
}

static void step(struct client *client)
{
    uint8_t kind = client->talk.input.size != 0 ? *client->talk.input.data : 0;

    if (kind < 160) {
        talk_step(&client->talk);
        return;
    }
    input_byte(&client->talk.input);
    if (kind < 190)
        make_call(client);
    else if (kind < 253)
        use_call(client);
    else
        cut(&client->talk);
}

static void check_metadata(const weir_metadata *metadata)
{
    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        must(name.size != 0 && name.data[name.size] == '\0' && name.data[0] != ':');
    }
}

/* The channel goes: what has not ended ends now. */
static void must_end(struct reader *reader)
{
    if (reader->task == NULL)
        return;
    reader_skim(reader);
    must(reader->over && (unsigned)reader->code <= WEIR_UNAUTHENTICATED);
    if (reader->call == NULL)
        return;
    must(weir_call_status(reader->call)->code == reader->code);
    check_metadata(weir_call_response_metadata(reader->call));
    check_metadata(weir_call_trailers(reader->call));
}

static void finish(struct client *client)
{
    struct peer *peer = client->talk.peer;

    memory_fail_at(SIZE_MAX);
    peer->deaf = false;
    talk_settle(&client->talk);
    talk_check_frames(&client->talk, false);
    weir_channel_unref(peer->channel);
    peer->channel = NULL;
    talk_settle(&client->talk);
    for (unsigned i = 0; i < client->calls; i++) {
        must_end(&client->readers[i]);
        reader_clear(&client->readers[i]);
    }
    talk_clear(&client->talk);
    must(memory_held() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client client = {.talk = {.input = {data, size}, .response = true, .most = HELD_MAX}};
    weir_channel_options options = {.max_receive_size = MAX_RECEIVE};
    unsigned bits = input_byte(&client.talk.input);

    now = WEIR_SECONDS(1000);
    memory_install();
    if (bits & 1)
        options.keepalive_ns = WEIR_SECONDS(10);
    client.talk.peer = peer_of_client(&options);
    for (unsigned i = 0; i <= bits / 2 % 4; i++)
        make_call(&client);
    talk_settle(&client.talk);
    while (client.talk.input.size != 0)
        step(&client);
    finish(&client);
    return 0;
}
