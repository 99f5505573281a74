/* SPDX-License-Identifier: MIT */
/*
 * notes.h - a serializer of a test: a number and a text, which borrows, eats memory and fails.
 *
 * On the wire a note is its number, 8 bytes, and its text. What is shorter is no note. Numbers say
 * what goes wrong: NOTE_UNSIZED and NOTE_UNPACKABLE cannot be packed, and a note below NOTE_HUNGRY
 * takes as many bytes in memory as its number is below zero. A reply is a note that comes with
 * NOTE_BLANK as its number.
 */
#ifndef TESTS_NOTES_H
#define TESTS_NOTES_H

#include <weir/typed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { NOTE_UNSIZED = -1, NOTE_UNPACKABLE = -2, NOTE_HUNGRY = -1000, NOTE_BLANK = 100 };

struct note {
    int64_t number;
    weir_slice text; /* unpacked: in the message's bytes */
};

static inline struct note note_make(int64_t number, const char *text)
{
    return (struct note){number, {(const uint8_t *)text, strlen(text)}};
}

static inline bool note_is(const struct note *note, int64_t number, const char *text)
{
    return note->number == number && note->text.size == strlen(text) &&
           memcmp(note->text.data, text, note->text.size) == 0;
}

/* ---- the serializer ---- */

static inline void note_blank(void *message)
{
    *(struct note *)message = (struct note){.number = NOTE_BLANK};
}

static inline void *note_unpack(const weir_message_type *type, weir_arena *arena,
                                const uint8_t *data, size_t size)
{
    struct note *note = weir_message_create(type, arena);

    if (note == NULL || size < sizeof note->number)
        return NULL;
    memcpy(&note->number, data, sizeof note->number);
    note->text = (weir_slice){data + sizeof note->number, size - sizeof note->number};
    if (note->number < NOTE_HUNGRY && weir_arena_alloc(arena, (size_t)-note->number) == NULL)
        return NULL;
    return note;
}

static inline size_t note_packed_size(const weir_message_type *type, const void *message)
{
    const struct note *note = message;

    (void)type;
    return note->number == NOTE_UNSIZED ? SIZE_MAX : sizeof note->number + note->text.size;
}

static inline bool note_pack(const weir_message_type *type, const void *message, uint8_t *out,
                             size_t size)
{
    const struct note *note = message;

    if (note->number == NOTE_UNPACKABLE)
        return false;
    assert_int_equal(size, note_packed_size(type, message));
    memcpy(out, &note->number, sizeof note->number);
    if (note->text.size != 0)
        memcpy(out + sizeof note->number, note->text.data, note->text.size);
    return true;
}

static const weir_message_type note_type = {
    "t.Note", sizeof(struct note), NULL, note_unpack, note_packed_size, note_pack, NULL, "note",
    {0}};
static const weir_message_type reply_type = {"t.Reply",
                                             sizeof(struct note),
                                             note_blank,
                                             note_unpack,
                                             note_packed_size,
                                             note_pack,
                                             NULL,
                                             "note",
                                             {0}};

/* ---- methods ---- */

static const weir_method unary_method = {"/n.N/Unary", &note_type, &reply_type, false, false, {0}};
static const weir_method down_method = {"/n.N/Down", &note_type, &reply_type, false, true, {0}};
static const weir_method up_method = {"/n.N/Up", &note_type, &reply_type, true, false, {0}};
static const weir_method bidi_method = {"/n.N/Bidi", &note_type, &reply_type, true, true, {0}};

/* A plain function of notes; what its method does not have is NULL. */
typedef weir_code note_fn(void *self, weir_call *call, const struct note *request,
                          weir_typed_io *io, struct note *response, weir_status *why);

static inline weir_code note_invoke(const weir_target *target, weir_call *call, const void *request,
                                    weir_typed_io *io, void *response, weir_status *why)
{
    return ((note_fn *)target->fn)(target->self, call, request, io, response, why);
}

static inline weir_target note_target(note_fn *fn, void *self)
{
    return (weir_target){(weir_any_fn *)fn, self, NULL};
}

/* ---- bytes ---- */

static inline weir_bytes note_bytes(int64_t number, const char *text)
{
    const struct note note = note_make(number, text);
    weir_bytes bytes;

    assert_int_equal(weir_message_pack(&note_type, &note, &bytes, NULL), WEIR_OK);
    return bytes;
}

/* A stream of one note. */
static inline weir_stream one_note(int64_t number, const char *text)
{
    const struct note note = note_make(number, text);

    return weir_typed_once(&note_type, &note);
}

/* Notes from *left - 1 down to 0. */
static inline weir_poll next_note(void *state, weir_task *task, weir_item *out)
{
    int64_t *left = state;

    (void)task;
    if (*left == 0)
        return WEIR_END;
    out->message = note_bytes(--*left, "one of many");
    return WEIR_READY;
}

/* `left` must outlive the stream. */
static inline weir_stream many_notes(int64_t *left)
{
    return weir_stream_from(next_note, left, NULL);
}

#endif
