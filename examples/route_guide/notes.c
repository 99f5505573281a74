/* SPDX-License-Identifier: MIT */
/*
 * notes.c - a ring of notes: note n lies in slot n modulo the number of slots.
 */
#include "notes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1000, MAX_TEXT = 1000 };

struct note {
    int32_t latitude, longitude;
    char *text;
};

struct notes {
    pthread_mutex_t lock;
    uint64_t count; /* ever left */
    struct note slots[SLOTS];
};

struct notes *notes_create(void)
{
    struct notes *notes = calloc(1, sizeof *notes);

    if (notes != NULL)
        pthread_mutex_init(&notes->lock, NULL);
    return notes;
}

void notes_free(struct notes *notes)
{
    if (notes == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(notes->slots[i].text);
    pthread_mutex_destroy(&notes->lock);
    free(notes);
}

static void put(struct notes *notes, const Routeguide__Point *point, char *text)
{
    struct note *slot = &notes->slots[notes->count % SLOTS];

    free(slot->text);
    *slot = (struct note){point->latitude, point->longitude, text};
    notes->count++;
}

weir_code notes_leave(struct notes *notes, const Routeguide__RouteNote *note,
                      struct earlier_notes *earlier, weir_status *why)
{
    char *text;

    if (strlen(note->message) > MAX_TEXT)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "a note of more than %d bytes", MAX_TEXT);
    text = strdup(note->message);
    if (text == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a note");
    routeguide__point__init(&earlier->point);
    if (note->location != NULL) {
        /* Not the whole message: it may have unknown fields, and those lie in its arena. */
        earlier->point.latitude = note->location->latitude;
        earlier->point.longitude = note->location->longitude;
    }
    pthread_mutex_lock(&notes->lock);
    earlier->end = notes->count;
    earlier->next = notes->count < SLOTS ? 0 : notes->count - SLOTS;
    put(notes, &earlier->point, text);
    pthread_mutex_unlock(&notes->lock);
    return WEIR_OK;
}

/* The note numbered `number`, if it is still there and at `point`. */
static const struct note *at(const struct notes *notes, uint64_t number,
                             const Routeguide__Point *point)
{
    const struct note *note = &notes->slots[number % SLOTS];

    if (number + SLOTS < notes->count || note->latitude != point->latitude ||
        note->longitude != point->longitude)
        return NULL;
    return note;
}

bool notes_read(struct notes *notes, struct earlier_notes *earlier, weir_arena *arena,
                Routeguide__RouteNote *out)
{
    const struct note *note = NULL;

    pthread_mutex_lock(&notes->lock);
    while (note == NULL && earlier->next < earlier->end)
        note = at(notes, earlier->next++, &earlier->point);
    if (note != NULL) {
        /* Copied: once the lock is left the slot may be taken by another note. */
        out->message = weir_arena_copy(arena, note->text, strlen(note->text));
        out->location = &earlier->point;
    }
    pthread_mutex_unlock(&notes->lock);
    return note != NULL;
}
