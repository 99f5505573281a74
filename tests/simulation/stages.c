/* SPDX-License-Identifier: MIT */
/*
 * stages.c - the combinators that a plan names.
 */
#include "simulation/talk.h"

#include "simulation/must.h"

static weir_code map(void *arg, weir_bytes *message, weir_status *why)
{
    weir_bytes mapped = message_mapped(message);

    (void)arg, (void)why;
    weir_bytes_unref(message);
    *message = mapped;
    return WEIR_OK;
}

static bool keeps(void *arg, const weir_bytes *message)
{
    const struct stage *stage = arg;

    return message_number(message) % stage->amount != 0;
}

static bool comes_before(void *arg, const weir_bytes *message)
{
    const struct stage *stage = arg;

    return message_number(message) < stage->amount;
}

static weir_stream again(void *arg, weir_bytes message)
{
    const struct stage *stage = arg;

    if (message.size % 7 != 3)
        return weir_stream_once(message);
    return weir_stream_delay(weir_stream_once(message), stage->ns);
}

static weir_stream timeout(const struct stage *stage, weir_stream stream)
{
    const weir_timeout_options options = {
        .first_ns = stage->amount == 0 ? stage->ns : 0,
        .next_ns = stage->amount == 1 ? stage->ns : 0,
        .total_ns = stage->amount == 2 ? stage->ns : 0,
    };

    return weir_stream_timeout(stream, &options);
}

static weir_stream throttle(const struct stage *stage, weir_stream stream)
{
    const weir_throttle_options options = {
        .interval_ns = stage->ns,
        .burst = stage->kind == STAGE_BURST ? stage->amount : 0,
        .strict = stage->kind == STAGE_STRICT,
    };

    return weir_stream_throttle_with(stream, &options);
}

static weir_stream apply(const struct stage *stage, weir_stream stream)
{
    static const weir_inspect_hooks no_hooks;
    void *arg = (void *)stage;

    switch (stage->kind) {
    case STAGE_MAP:
        return weir_stream_map(stream, map, arg);
    case STAGE_THROTTLE:
    case STAGE_BURST:
    case STAGE_STRICT:
        return throttle(stage, stream);
    case STAGE_TIMEOUT:
        return timeout(stage, stream);
    case STAGE_DELAY:
        return weir_stream_delay(stream, stage->ns);
    case STAGE_THEN:
        return weir_stream_then(stream, again, arg);
    case STAGE_INSPECT:
        return weir_stream_inspect(stream, &no_hooks);
    case STAGE_BUFFER_MESSAGES:
        return weir_stream_buffer(stream, stage->amount, 0);
    case STAGE_BUFFER_BYTES:
        return weir_stream_buffer(stream, 0, stage->amount);
    case STAGE_FILTER:
        return weir_stream_filter(stream, keeps, arg);
    case STAGE_TAKE_WHILE:
        return weir_stream_take_while(stream, comes_before, arg);
    case STAGE_TAKE:
        return weir_stream_take(stream, stage->amount);
    case STAGE_SKIP:
        return weir_stream_skip(stream, stage->amount);
    case STAGE_LIMIT:
        return weir_stream_limit(stream, stage->amount, UINT64_MAX);
    default:
        must_fail(__FILE__, __LINE__, "no such stage");
    }
}

weir_stream stages_apply(const struct stages *stages, weir_stream stream)
{
    for (unsigned i = 0; i < stages->count; i++)
        stream = apply(&stages->at[i], stream);
    return stream;
}

static uint64_t holds(const struct stage *stage, uint64_t max_size)
{
    switch (stage->kind) {
    case STAGE_BUFFER_MESSAGES:
    case STAGE_SKIP:
        return (stage->amount + 1) * max_size;
    case STAGE_BUFFER_BYTES:
        /* An empty message counts as a byte, and the bytes are crossed by one message. */
        return stage->amount + max_size;
    default:
        return 2 * max_size;
    }
}

uint64_t stages_hold(const struct stages *stages, uint32_t max_size)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < stages->count; i++)
        sum += holds(&stages->at[i], max_size);
    return sum;
}

bool stages_thin_out(const struct stages *stages)
{
    for (unsigned i = 0; i < stages->count; i++) {
        if (stages->at[i].kind == STAGE_FILTER)
            return true;
    }
    return false;
}

bool stages_end_early(const struct stages *stages)
{
    for (unsigned i = 0; i < stages->count; i++) {
        enum stage_kind kind = stages->at[i].kind;

        if (kind == STAGE_TAKE || kind == STAGE_TAKE_WHILE || kind == STAGE_LIMIT ||
            kind == STAGE_TIMEOUT)
            return true;
    }
    return false;
}
