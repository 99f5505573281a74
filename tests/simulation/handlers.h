/* SPDX-License-Identifier: MIT */
/*
 * handlers.h - what the servers of a simulation serve: the plan of a call says what it gets.
 */
#ifndef SIMULATION_HANDLERS_H
#define SIMULATION_HANDLERS_H

#include <weir/weir.h>

void handlers_add(weir_server *server);

#endif
