/* SPDX-License-Identifier: MIT */
/*
 * fold.c - a sink that is a stream: all messages become one.
 *
 * The state belongs to the fold from the start, also when the fold could not be made.
 */
#include "stream/combinator.h"

struct fold {
    weir_stream source;
    weir_fold fold;
    bool finished;
};

static weir_poll finish(struct fold *fold, weir_item *out)
{
    weir_code code;

    if (fold->finished)
        return WEIR_END;
    fold->finished = true;
    code = fold->fold.finish(fold->fold.state, &out->message, &out->status);
    if (code != WEIR_OK)
        return poll_refused(out, code);
    weir_status_clear(&out->status);
    return WEIR_READY;
}

static weir_poll fold_poll(void *self, weir_task *task, weir_item *out)
{
    struct fold *fold = self;

    for (int run = 0; run < LONGEST_RUN; run++) {
        weir_poll poll = weir_stream_poll(&fold->source, task, out);
        weir_code code;

        if (poll == WEIR_END)
            return finish(fold, out);
        if (poll != WEIR_READY)
            return poll;
        code = fold->fold.step(fold->fold.state, &out->message, &out->status);
        if (code != WEIR_OK)
            return poll_refused(out, code);
        weir_item_clear(out);
    }
    return poll_yield(task);
}

static void state_release(const weir_fold *fold)
{
    if (fold->release != NULL)
        fold->release(fold->state);
}

static void fold_release(void *self)
{
    struct fold *fold = self;
    weir_fold callbacks = fold->fold;

    combinator_release(fold);
    state_release(&callbacks);
}

static const weir_stream_ops fold_ops = {fold_poll, fold_release};

weir_stream weir_stream_fold(weir_stream source, const weir_fold *callbacks)
{
    struct fold *fold = combinator_alloc(sizeof *fold, &source);

    if (fold == NULL) {
        state_release(callbacks);
        return stream_out_of_memory();
    }
    *fold = (struct fold){.source = source, .fold = *callbacks};
    return (weir_stream){&fold_ops, fold};
}
