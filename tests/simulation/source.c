/* SPDX-License-Identifier: MIT */
/*
 * source.c - makes the messages of a flow, when it is asked, with pauses.
 *
 * A source is asked for a message only when there is room for it on the whole way to its reader.
 * So what it made and what was taken differ by what the way may hold, at most.
 */
#include "simulation/talk.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/must.h"

static void sound_alarm(struct actor *actor)
{
    struct source *source = ACTOR_OF(actor, struct source, alarm);

    source->pausing = false;
    weir_waker_wake(&source->waker);
}

static bool begin_pause(struct source *source)
{
    const struct origin *origin = source->lane.origin;

    source->paused_last =
        !source->paused_last && dice_chance(&source->dice, origin->pause_permille);
    if (!source->paused_last)
        return false;
    count(COUNT_SLOW_WRITER);
    source->pausing = true;
    source->paused_until = now + origin->pause_ns;
    if (!origin->pauses_by_clock)
        actor_wake_at(&source->alarm, source->paused_until);
    return true;
}

/* PENDING, and a wake arranged. */
static bool pauses(struct source *source, weir_task *task)
{
    const struct origin *origin = source->lane.origin;

    if (source->pausing && origin->pauses_by_clock && weir_task_now(task) >= source->paused_until)
        source->pausing = false;
    else if (!source->pausing && !begin_pause(source))
        return false;
    if (!source->pausing)
        return false;
    if (origin->pauses_by_clock)
        weir_task_wake_at(task, source->paused_until);
    else
        weir_waker_keep(&source->waker, task);
    return true;
}

/* A poll may ask for anything; it is done when the poll is over. */
static void cancel_from_inside(const struct source *source)
{
    struct talk *talk = source->talk;

    if (source->next != source->lane.origin->cancels_at)
        return;
    count(source->lane.server ? COUNT_CANCEL_SERVER : COUNT_CANCEL_CLIENT);
    talk_may_end_with(talk, WEIR_CANCELLED);
    weir_call_cancel(source->lane.server ? talk->server_call : talk->call);
}

static void give(struct source *source, weir_item *out)
{
    struct account *account = source->account;
    struct talk *talk = source->talk;

    out->message = message_make(&source->lane, source->next);
    account->given += message_size(&source->lane, source->next);
    source->next++;
    /* A server that has no memory for a request lets what follows pass by. */
    MUST(account->limit == UINT64_MAX || talk->responses_over || talk->over || talk->memory ||
             account->given - account->taken <= account->limit,
         "call %u: %llu bytes are under way, %llu may be", talk->id,
         (unsigned long long)(account->given - account->taken), (unsigned long long)account->limit);
}

static weir_poll next(void *state, weir_task *task, weir_item *out)
{
    struct source *source = state;

    MUST(!source->released, "call %u: a released source is polled", source->talk->id);
    MUST(weir_task_now(task) <= now, "a task's clock is ahead");
    if (pauses(source, task))
        return WEIR_PENDING;
    if (source->next != source->end) {
        cancel_from_inside(source);
        give(source, out);
        return WEIR_READY;
    }
    weir_waker_wake(&source->talk->gate);
    if (source->code == WEIR_OK)
        return WEIR_END;
    count(source->lane.server ? COUNT_ERRORS : COUNT_REQUEST_ERRORS);
    out->status = weir_status_make(source->code, "call %u", source->talk->id);
    return WEIR_ERROR;
}

static void release(void *state)
{
    struct source *source = state;

    MUST(!source->released, "call %u: a source is released twice", source->talk->id);
    source->released = true;
    weir_waker_wake(&source->talk->gate);
    actor_stop(&source->alarm);
    weir_waker_release(&source->waker);
}

static weir_stream open_source(struct talk *talk, enum side side, unsigned index, uint32_t first,
                               uint32_t end, weir_code code)
{
    struct source *source = &talk->sources[side][index];

    MUST(!source->made, "call %u: a source is made twice", talk->id);
    *source = (struct source){.talk = talk,
                              .account = &talk->accounts[side],
                              .lane = talk->lanes[side],
                              .next = first,
                              .end = end,
                              .code = code,
                              .dice = {talk->luck + side * 2u + index},
                              .made = true};
    actor_init(&source->alarm, sound_alarm);
    return weir_stream_from(next, source, release);
}

weir_stream source_stream(struct talk *talk, enum side side)
{
    const struct origin *origin = side == CLIENT ? &talk->plan.requests : &talk->plan.responses;
    weir_stream first;

    if (origin->chained_at == 0)
        return open_source(talk, side, 0, 0, origin->messages, origin->code);
    first = open_source(talk, side, 0, 0, origin->chained_at, WEIR_OK);
    return weir_stream_chain(
        first, open_source(talk, side, 1, origin->chained_at, origin->messages, origin->code));
}

void source_clear(struct source *source)
{
    MUST(source->made == source->released, "call %u: a source was never released",
         source->talk != NULL ? source->talk->id : 0);
}

void account_take(struct account *account, const struct lane *lane, uint32_t number)
{
    while (account->taken_numbers <= number)
        account->taken += message_size(lane, account->taken_numbers++);
}
