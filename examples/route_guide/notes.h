/* SPDX-License-Identifier: MIT */
/*
 * notes.h - the notes that were left at points, for all calls together.
 *
 * The newest 1,000 are kept, so a guide that runs for years holds no more than one that runs for a
 * day. Calls run on several threads: there is a lock inside.
 */
#ifndef NOTES_H
#define NOTES_H

#include "route_guide.pb-c.h"

#include <weir/arena.h>
#include <weir/status.h>

struct notes;

/* NULL: out of memory. */
struct notes *notes_create(void);
void notes_free(struct notes *notes);

/* The notes that were left at a point before one was; the zero value: none. */
struct earlier_notes {
    Routeguide__Point point;
    uint64_t next, end; /* numbers of notes */
};

/* Leaves a note, and gives those before it. INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
weir_code notes_leave(struct notes *notes, const Routeguide__RouteNote *note,
                      struct earlier_notes *earlier, weir_status *why);

/* The next of them, which lies in the arena and in *earlier; false: there is no more. */
bool notes_read(struct notes *notes, struct earlier_notes *earlier, weir_arena *arena,
                Routeguide__RouteNote *out);

#endif
