/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - a pipe that belongs to a call.
 */
#ifndef STREAM_PIPE_H
#define STREAM_PIPE_H

#include <weir/pipe.h>

struct call_budget;
struct weir_cell;

/* What the pipe holds is charged to `budget`, which lives as long as `keeper`. Before its first
 * message; its reader may be another's already. */
void pipe_charge(weir_pipe *pipe, struct call_budget *budget, struct weir_cell *keeper);

#endif
