/* SPDX-License-Identifier: MIT */
/*
 * reader.c - reads a stream, at its own pace, and holds what comes against the model.
 *
 * It polls only when it was woken, when its task's time has come, or to go on after a stall that
 * was its own. So a wake that is lost is a reader that hangs.
 */
#include "simulation/talk.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/must.h"

#include "conn/connection.h"

static struct model *model_of(struct reader *reader, const weir_bytes *message)
{
    if (reader->reads[CLIENT] && reader->reads[SERVER])
        return &reader->models[message_is_servers(message)];
    return &reader->models[reader->reads[SERVER]];
}

static uint32_t expected_number(struct reader *reader, struct model *model,
                                const weir_bytes *message)
{
    uint32_t number;

    do
        MUST(model_next(model, &number), "call %u: a message after the last", reader->talk->id);
    while (model->lossy && number < message_number(message));
    return number;
}

static void check(struct reader *reader, const weir_bytes *message)
{
    struct talk *talk = reader->talk;
    struct model *model = model_of(reader, message);
    enum side side = model->from_client ? CLIENT : SERVER;
    uint32_t number = expected_number(reader, model, message);

    MUST(!reader->over, "call %u: a message after the end", talk->id);
    message_check(message, &talk->lanes[side], number, model->maps);
    account_take(&talk->accounts[side], &talk->lanes[side], number);
    reader->messages++;
    count(COUNT_MESSAGES);
}

/* ---- stalls ---- */

/* A message waits at its sender because the window is closed, on this connection. */
static void count_starved(const weir_connection *connection)
{
    const struct list *link;

    for (link = connection->exchanges.next; link != &connection->exchanges; link = link->next) {
        const struct exchange *e = LIST_MEMBER(link, struct exchange, link);

        if (e->holding && e->id != 0 && http2_window(connection->session, e->id) <= 0)
            count(COUNT_STARVED);
    }
}

static void look_for_starved(void)
{
    const struct list *link;

    for (link = network.wires.next; link != &network.wires; link = link->next) {
        const struct wire *wire = LIST_MEMBER(link, struct wire, link);

        for (int side = CLIENT; side <= SERVER; side++) {
            if (wire->ends[side].connection != NULL)
                count_starved(wire->ends[side].connection);
        }
    }
}

static bool begin_stall(struct reader *reader)
{
    if (!dice_chance(&reader->dice, reader->pace->stall_permille))
        return false;
    count(COUNT_SLOW_READER);
    reader->stalled_until = now + reader->pace->stall_ns;
    actor_wake_at(&reader->actor, reader->stalled_until);
    return true;
}

static bool is_stalled(struct reader *reader)
{
    if (reader->stalled_until == 0)
        return false;
    if (now < reader->stalled_until) {
        actor_wake_at(&reader->actor, reader->stalled_until);
        return true;
    }
    reader->stalled_until = 0;
    if (dice_chance(&reader->dice, 100))
        look_for_starved();
    return false;
}

/* ---- a pipe behind the reader ---- */

/* True when the message went in, or nobody wants it. */
static bool pass_on(struct reader *reader)
{
    weir_poll poll = weir_pipe_try_write(reader->pipe, reader->task, &reader->held);

    if (poll == WEIR_PENDING) {
        actor_wake_at(&reader->actor, weir_task_wakeup(reader->task));
        return false;
    }
    reader->holds = false;
    weir_bytes_unref(&reader->held);
    return true;
}

static void close_pipe(struct reader *reader, weir_poll poll, const weir_status *status)
{
    if (reader->pipe == NULL)
        return;
    weir_pipe_close(reader->pipe, poll == WEIR_ERROR ? weir_status_ref(status) : (weir_status){0});
    weir_pipe_unref(reader->pipe);
    reader->pipe = NULL;
}

/* ---- reading ---- */

static void end(struct reader *reader, weir_poll poll, weir_item *item)
{
    weir_code code = poll == WEIR_ERROR ? item->status.code : WEIR_OK;

    MUST(!reader->over, "call %u: a second end", reader->talk->id);
    MUST(poll != WEIR_ERROR || code != WEIR_OK, "call %u: an ERROR with OK", reader->talk->id);
    reader->over = true;
    actor_stop(&reader->actor);
    if (reader->client)
        talk_client_ended(reader->talk, code, &item->status);
    else
        talk_server_ended(reader->talk, code);
    close_pipe(reader, poll, &item->status);
}

/* Takes one message; false when it is not going on at once. */
static bool take(struct reader *reader, weir_item *item)
{
    check(reader, &item->message);
    if (reader->messages == reader->pace->cancel_at + 1) {
        struct talk *talk = reader->talk;

        count(reader->client ? COUNT_CANCEL_CLIENT : COUNT_CANCEL_SERVER);
        talk_may_end_with(talk, WEIR_CANCELLED);
        weir_call_cancel(reader->client ? talk->call : talk->server_call);
    }
    if (reader->pipe != NULL) {
        reader->held = item->message;
        item->message = (weir_bytes){0};
        reader->holds = true;
    }
    if (reader->messages > reader->pace->release_at) {
        reader_release(reader);
        return false;
    }
    if (begin_stall(reader))
        return false;
    return reader->pipe == NULL || pass_on(reader);
}

static void check_deadline(const struct talk *talk)
{
    uint64_t deadline = talk->started_at + talk->plan.timeout_ns + talk->jumps;

    /* Some stages do not look at the call while they wait. */
    if (talk->plan.client_in.count != 0)
        return;
    MUST(talk->plan.timeout_ns == 0 || settled <= deadline, "call %u: alive past its deadline",
         talk->id);
}

static bool read_one(struct reader *reader)
{
    weir_item item;
    weir_poll poll = weir_stream_poll(&reader->stream, reader->task, &item);
    bool more = false;

    if (poll == WEIR_READY) {
        more = take(reader, &item);
    } else if (poll == WEIR_PENDING) {
        if (reader->client)
            check_deadline(reader->talk);
        actor_wake_at(&reader->actor, weir_task_wakeup(reader->task));
    } else {
        end(reader, poll, &item);
    }
    weir_item_clear(&item);
    return more;
}

static void read_some(struct actor *actor)
{
    struct reader *reader = ACTOR_OF(actor, struct reader, actor);
    uint32_t left = dice_between(&reader->dice, 1, reader->pace->batch);

    if (reader->over || is_stalled(reader))
        return;
    weir_task_begin(reader->task, now);
    if (reader->holds && !pass_on(reader))
        return;
    while (read_one(reader)) {
        if (--left == 0) {
            actor_ready(actor);
            return;
        }
    }
}

static void woken(void *self)
{
    actor_ready(&((struct reader *)self)->actor);
}

void reader_start(struct reader *reader, struct talk *talk, bool client, weir_stream stream)
{
    const weir_task_options options = {woken, reader, {0}};

    reader->talk = talk;
    reader->client = client;
    reader->pace = client ? &talk->plan.client : &talk->plan.reader;
    reader->dice = (struct dice){talk->luck + 7 + client};
    reader->stream = stream;
    reader->open = true;
    actor_init(&reader->actor, read_some);
    allocator_spare(true);
    reader->task = weir_task_create(&options);
    allocator_spare(false);
    actor_ready(&reader->actor);
}

void reader_release(struct reader *reader)
{
    if (!reader->open || reader->over)
        return;
    count(reader->client ? COUNT_RELEASE : COUNT_DISCARD);
    reader->over = reader->released = true;
    actor_stop(&reader->actor);
    weir_stream_release(&reader->stream);
    if (reader->client)
        talk_client_ended(reader->talk, WEIR_CANCELLED, NULL);
    else
        reader->talk->accounts[CLIENT].limit = UINT64_MAX;
    close_pipe(reader, WEIR_END, NULL);
}

void reader_clear(struct reader *reader)
{
    if (!reader->open)
        return;
    MUST(reader->over, "call %u: a reader hangs", reader->talk->id);
    MUST(weir_stream_poll(&reader->stream, reader->task, &(weir_item){0}) == WEIR_END,
         "call %u: something after the end", reader->talk->id);
    weir_bytes_unref(&reader->held);
    weir_task_free(reader->task);
}
