/* SPDX-License-Identifier: MIT */
/*
 * message.h - messages that say whose they are, and which one.
 */
#ifndef SIMULATION_MESSAGE_H
#define SIMULATION_MESSAGE_H

#include "simulation/plan.h"

/* The flow that a message belongs to: its call, and whether the server made it. */
struct lane {
    uint16_t talk;
    uint8_t server;
    const struct origin *origin;
};

/* Its size follows from the lane and the number. */
size_t message_size(const struct lane *lane, uint32_t number);
weir_bytes message_make(const struct lane *lane, uint32_t number);

/* Dies where `message` is not this one, whole, after so many maps. */
void message_check(const weir_bytes *message, const struct lane *lane, uint32_t number,
                   uint8_t maps);

/* Of a message that is not empty: its number, who made it; and one more map. */
uint32_t message_number(const weir_bytes *message);
bool message_is_servers(const weir_bytes *message);
weir_bytes message_mapped(const weir_bytes *message);

#endif
