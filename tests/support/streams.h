/* SPDX-License-Identifier: MIT */
/*
 * streams.h - a task with a fake clock, a scripted source, and what a stream says next.
 *
 *     struct script script = {.says = "ab.c"};
 *     weir_stream stream = weir_stream_take(script_stream(&script), 2);
 *
 *     says_message(&stream, "a");
 *
 * Each expectation polls once, with the task of the test at the time `now`.
 */
#ifndef TESTS_STREAMS_H
#define TESTS_STREAMS_H

#include <weir/weir.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static weir_task *task;
static uint64_t now;

static inline int task_setup(void **state)
{
    (void)state;
    now = 0;
    task = weir_task_create(NULL);
    return task == NULL;
}

static inline int task_teardown(void **state)
{
    (void)state;
    weir_task_free(task);
    task = NULL;
    return 0;
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, task_setup, task_teardown)

/* ---- the scripted source ---- */

/*
 * What it says, a character a poll: a letter is a message of that letter, '_' an empty message, '?'
 * a message for which there was no memory, '.' PENDING until script_wake, '!' an UNAVAILABLE error;
 * the end of the string, or '$', is END. A '*' starts over.
 */
struct script {
    const char *says;
    const char *at; /* NULL: not begun */
    unsigned polls;
    unsigned released;
    unsigned flags; /* of its messages */
    weir_waker waker;
};

static inline weir_bytes letter(const char *character)
{
    return weir_bytes_copy(character, *character != '_' ? 1 : 0);
}

static inline weir_poll script_next(void *state, weir_task *by, weir_item *out)
{
    struct script *script = state;

    script->polls++;
    if (script->at == NULL || *script->at == '*')
        script->at = script->says;
    switch (*script->at) {
    case '.':
        script->at++;
        weir_waker_keep(&script->waker, by);
        return WEIR_PENDING;
    case '!':
        out->status = weir_status_make(WEIR_UNAVAILABLE, "the script says so");
        return WEIR_ERROR;
    case '?':
        out->message = weir_bytes_copy("", SIZE_MAX);
        return WEIR_READY;
    case '$':
    case '\0':
        return WEIR_END;
    default:
        out->message = letter(script->at++);
        out->flags = script->flags;
        return WEIR_READY;
    }
}

static inline void script_release(void *state)
{
    struct script *script = state;

    script->released++;
    weir_waker_release(&script->waker);
}

static inline weir_stream script_stream(struct script *script)
{
    return weir_stream_from(script_next, script, script_release);
}

static inline void script_wake(struct script *script)
{
    weir_waker_wake(&script->waker);
}

/* ---- expectations ---- */

static inline weir_poll poll_by(weir_task *by, weir_stream *stream, weir_item *item)
{
    weir_task_begin(by, now);
    return weir_stream_poll(stream, by, item);
}

#define assert_bytes(bytes, text)                                                                  \
    do {                                                                                           \
        assert_int_equal((bytes)->size, strlen(text));                                             \
        if ((bytes)->size != 0)                                                                    \
            assert_memory_equal((bytes)->data, text, strlen(text));                                \
    } while (0)

#define says_message_to(by, stream, text)                                                          \
    do {                                                                                           \
        weir_item said;                                                                            \
                                                                                                   \
        assert_int_equal(poll_by(by, stream, &said), WEIR_READY);                                  \
        assert_bytes(&said.message, text);                                                         \
        weir_item_clear(&said);                                                                    \
    } while (0)

#define says_pending_to(by, stream)                                                                \
    do {                                                                                           \
        weir_item said;                                                                            \
                                                                                                   \
        assert_int_equal(poll_by(by, stream, &said), WEIR_PENDING);                                \
    } while (0)

#define says_end_to(by, stream)                                                                    \
    do {                                                                                           \
        weir_item said;                                                                            \
                                                                                                   \
        assert_int_equal(poll_by(by, stream, &said), WEIR_END);                                    \
        assert_null((stream)->ops);                                                                \
    } while (0)

/* And END for ever after. */
#define says_error_to(by, stream, expected)                                                        \
    do {                                                                                           \
        weir_item said;                                                                            \
                                                                                                   \
        assert_int_equal(poll_by(by, stream, &said), WEIR_ERROR);                                  \
        assert_int_equal(said.status.code, expected);                                              \
        assert_int_equal(said.message.size, 0);                                                    \
        weir_item_clear(&said);                                                                    \
        says_end_to(by, stream);                                                                   \
    } while (0)

#define says_message(stream, text) says_message_to(task, stream, text)
#define says_pending(stream) says_pending_to(task, stream)
#define says_end(stream) says_end_to(task, stream)
#define says_error(stream, expected) says_error_to(task, stream, expected)

/* A message for each letter. */
#define says_letters(stream, letters)                                                              \
    do {                                                                                           \
        for (const char *one = letters; *one != '\0'; one++)                                       \
            says_message(stream, ((char[]){*one, '\0'}));                                          \
    } while (0)

#endif
