/* SPDX-License-Identifier: MIT */
/*
 * wire.h - wires, as the network sees them.
 */
#ifndef SIMULATION_WIRE_H
#define SIMULATION_WIRE_H

#include "simulation/network.h"

/* A client's connection wants to reach `host`. */
void wire_connect(struct sim_loop *loop, weir_connection *client, struct route *route,
                  struct host *host);

/* A loop named the connection. */
void wire_look(weir_connection *connection);

/* A wire of this server is gone. */
void serving_leave(struct serving *serving);

#endif
