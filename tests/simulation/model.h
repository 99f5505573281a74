/* SPDX-License-Identifier: MIT */
/*
 * model.h - what must come out of a flow, worked out without streams.
 *
 * The messages of a flow are numbered. The model says which number must come next, and how the flow
 * must end. It knows what each stage is for and nothing of how it works.
 */
#ifndef SIMULATION_MODEL_H
#define SIMULATION_MODEL_H

#include "simulation/plan.h"

enum { MODEL_STAGES_MAX = 3 * STAGES_MAX };

struct model {
    const struct origin *origin;
    struct {
        const struct stage *stage;
        uint32_t seen;
    } stages[MODEL_STAGES_MAX];
    unsigned count;
    unsigned of_client_out; /* so many stages belong to the client's requests */
    uint32_t next;
    uint8_t maps;     /* it has so many of them */
    bool lossy;       /* messages may be missing, the order holds */
    bool from_client; /* the origin is the client's */
    bool over;
    weir_code code;      /* once over */
    bool fails_outbound; /* over: it is the client's own requests that failed */
};

void model_init(struct model *model, const struct origin *origin, bool from_client);
void model_add(struct model *model, const struct stages *stages);

/* The number of the next message; false: it is over. */
bool model_next(struct model *model, uint32_t *number);

#endif
