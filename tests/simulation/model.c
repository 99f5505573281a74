/* SPDX-License-Identifier: MIT */
/*
 * model.c - what must come out of a flow.
 */
#include "simulation/model.h"

void model_init(struct model *model, const struct origin *origin, bool from_client)
{
    *model = (struct model){.origin = origin, .from_client = from_client};
}

void model_add(struct model *model, const struct stages *stages)
{
    for (unsigned i = 0; i < stages->count; i++) {
        model->stages[model->count].stage = &stages->at[i];
        model->stages[model->count++].seen = 0;
        model->maps += stages->at[i].kind == STAGE_MAP;
    }
}

static bool end(struct model *model, weir_code code, bool outbound)
{
    model->over = true;
    model->code = code;
    model->fails_outbound = outbound && model->from_client && code != WEIR_OK;
    return false;
}

/* One that has taken all it wants asks for no more. */
static bool is_satisfied(const struct model *model)
{
    for (unsigned i = 0; i < model->count; i++) {
        if (model->stages[i].stage->kind == STAGE_TAKE &&
            model->stages[i].seen == model->stages[i].stage->amount)
            return true;
    }
    return false;
}

enum passage { PASSES, DROPPED, ENDS, FAILS };

static enum passage pass(const struct stage *stage, uint32_t *seen, uint32_t number)
{
    switch (stage->kind) {
    case STAGE_FILTER:
        return number % stage->amount != 0 ? PASSES : DROPPED;
    case STAGE_TAKE_WHILE:
        return number < stage->amount ? PASSES : ENDS;
    case STAGE_TAKE:
        ++*seen;
        return PASSES;
    case STAGE_SKIP:
        return ++*seen > stage->amount ? PASSES : DROPPED;
    case STAGE_LIMIT:
        return ++*seen > stage->amount ? FAILS : PASSES;
    default:
        return PASSES;
    }
}

static enum passage pass_all(struct model *model, uint32_t number, unsigned *at)
{
    enum passage passage = PASSES;

    for (*at = 0; *at < model->count && passage == PASSES; ++*at)
        passage = pass(model->stages[*at].stage, &model->stages[*at].seen, number);
    return passage;
}

bool model_next(struct model *model, uint32_t *number)
{
    unsigned at;

    for (;;) {
        if (model->over)
            return false;
        if (is_satisfied(model))
            return end(model, WEIR_OK, false);
        if (model->next == model->origin->messages)
            return end(model, model->origin->code, true);
        *number = model->next++;
        switch (pass_all(model, *number, &at)) {
        case PASSES:
            return true;
        case DROPPED:
            break;
        case ENDS:
            return end(model, WEIR_OK, false);
        case FAILS:
            return end(model, WEIR_RESOURCE_EXHAUSTED, at <= model->of_client_out);
        }
    }
}
