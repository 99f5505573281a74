/* SPDX-License-Identifier: MIT */
/*
 * test_typed_streams.c - messages between bytes and structures, and streams of structures.
 */
#include "support/notes.h"
#include "support/streams.h"
#include "unit/failing_memory.h"

/* ---- expectations ---- */

#define says_note(stream, number_, text_)                                                          \
    do {                                                                                           \
        struct note note_;                                                                         \
        weir_item said_;                                                                           \
                                                                                                   \
        assert_int_equal(poll_by(task, stream, &said_), WEIR_READY);                               \
        assert_true(said_.message.size >= sizeof note_.number);                                    \
        memcpy(&note_.number, said_.message.data, sizeof note_.number);                            \
        note_.text = (weir_slice){said_.message.data + 8, said_.message.size - 8};                 \
        assert_true(note_is(&note_, number_, text_));                                              \
        assert_int_equal(said_.status.message.size, 0);                                            \
        weir_item_clear(&said_);                                                                   \
    } while (0)

#define says_why(stream, code_, text_)                                                             \
    do {                                                                                           \
        weir_item said_;                                                                           \
                                                                                                   \
        assert_int_equal(poll_by(task, stream, &said_), WEIR_ERROR);                               \
        assert_int_equal(said_.status.code, code_);                                                \
        assert_bytes(&said_.status.message, text_);                                                \
        weir_item_clear(&said_);                                                                   \
        says_end(stream);                                                                          \
    } while (0)

/* What a function of the test counts, and how often it was released. */
struct counter {
    int calls;
    int64_t sum;
    size_t held; /* of the arena, the most that a call found in it */
    unsigned released;
};

static void release_counter(void *self)
{
    ((struct counter *)self)->released++;
}

static weir_target counting(struct counter *counter)
{
    return (weir_target){NULL, counter, release_counter};
}

static void count_call(struct counter *counter, weir_arena *arena)
{
    size_t held = weir_arena_held(arena);

    counter->calls++;
    if (held > counter->held)
        counter->held = held;
}

static void must_not_be_released(void *self)
{
    (void)self;
    fail();
}

static const weir_target failed_target = {NULL, NULL, must_not_be_released};

/* ---- messages ---- */

static void an_unpacked_message_borrows_from_its_bytes(void **state)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_bytes bytes = note_bytes(7, "seven");
    void *message;

    (void)state;
    assert_int_equal(weir_message_unpack(&note_type, arena, &bytes, &message, NULL), WEIR_OK);
    assert_true(note_is(message, 7, "seven"));
    assert_ptr_equal(((struct note *)message)->text.data, bytes.data + 8);
    weir_bytes_unref(&bytes);
    weir_arena_free(arena);
}

static void what_is_no_message_is_internal(void **state)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_bytes bytes = weir_bytes_static("short", 5);
    weir_status why = {0};
    void *message = &why;

    (void)state;
    assert_int_equal(weir_message_unpack(&note_type, arena, &bytes, &message, &why), WEIR_INTERNAL);
    assert_null(message);
    assert_int_equal(why.code, WEIR_INTERNAL);
    assert_bytes(&why.message, "5 bytes are no t.Note");
    weir_status_clear(&why);
    weir_arena_free(arena);
}

static void a_message_past_the_arenas_bound_is_resource_exhausted(void **state)
{
    weir_arena *arena = weir_arena_create(5000);
    weir_bytes small = note_bytes(-3000, ""), large = note_bytes(-6000, "");
    weir_status why = {0};
    void *message;

    (void)state;
    assert_int_equal(weir_message_unpack(&note_type, arena, &small, &message, &why), WEIR_OK);
    weir_arena_reset(arena);
    assert_int_equal(weir_message_unpack(&note_type, arena, &large, &message, &why),
                     WEIR_RESOURCE_EXHAUSTED);
    assert_in_range(weir_arena_held(arena), 0, 5000);
    weir_status_clear(&why);
    weir_bytes_unref(&small);
    weir_bytes_unref(&large);
    weir_arena_free(arena);
}

static void a_message_that_cannot_be_packed_is_internal(void **state)
{
    const int64_t numbers[] = {NOTE_UNSIZED, NOTE_UNPACKABLE};

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct note note = note_make(numbers[i], "x");
        weir_status why = {0};
        weir_bytes bytes = weir_bytes_static("before", 6);

        assert_int_equal(weir_message_pack(&note_type, &note, &bytes, &why), WEIR_INTERNAL);
        assert_int_equal(bytes.size, 0);
        assert_bytes(&why.message, "a t.Note cannot be packed");
        weir_status_clear(&why);
    }
}

static size_t no_size(const weir_message_type *type, const void *message)
{
    (void)type, (void)message;
    return 0;
}

static size_t huge_size(const weir_message_type *type, const void *message)
{
    (void)type, (void)message;
    return (size_t)UINT32_MAX + 1;
}

static void sizes_decide_before_anything_is_packed(void **state)
{
    weir_message_type empty = note_type, huge = note_type;
    weir_bytes bytes;

    (void)state;
    empty.packed_size = no_size;
    huge.packed_size = huge_size;
    empty.pack = huge.pack = NULL;
    assert_int_equal(weir_message_pack(&empty, NULL, &bytes, NULL), WEIR_OK);
    assert_int_equal(bytes.size, 0);
    assert_false(weir_bytes_failed(&bytes));
    assert_int_equal(weir_message_pack(&huge, NULL, &bytes, NULL), WEIR_RESOURCE_EXHAUSTED);
}

static void a_created_message_is_initialised(void **state)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    void *dirt = weir_arena_alloc(arena, 256);
    struct note *note;

    (void)state;
    memset(dirt, 0xff, 256);
    weir_arena_reset(arena);
    note = weir_message_create(&note_type, arena);
    assert_int_equal(note->number, 0);
    note = weir_message_create(&reply_type, arena);
    assert_int_equal(note->number, NOTE_BLANK);
    weir_arena_free(arena);
}

/* ---- once ---- */

static void once_packs_at_once(void **state)
{
    struct note note = note_make(1, "now");
    weir_stream stream = weir_typed_once(&note_type, &note);

    (void)state;
    note.number = 2;
    says_note(&stream, 1, "now");
    says_end(&stream);
}

static void once_of_what_cannot_be_packed_is_an_error(void **state)
{
    const struct note note = note_make(NOTE_UNPACKABLE, "");
    weir_stream stream = weir_typed_once(&note_type, &note);

    (void)state;
    says_why(&stream, WEIR_INTERNAL, "a t.Note cannot be packed");
}

/* ---- from ---- */

/* 0, 1 with what it needs in the arena, nothing yet, 3, and the end. */
static weir_poll count_up(const weir_target *target, weir_task *by, weir_arena *arena, void *out,
                          weir_status *why)
{
    struct counter *counter = target->self;
    struct note *note = out;
    const char *text = weir_arena_format(arena, "number %d", counter->calls);

    (void)why;
    assert_int_equal(note->number, NOTE_BLANK);
    *note = note_make(counter->calls, text);
    count_call(counter, arena);
    if (note->number == 2) {
        weir_task_wake_at(by, weir_task_now(by) + 5);
        return WEIR_PENDING;
    }
    return note->number == 4 ? WEIR_END : WEIR_READY;
}

static void from_fills_structures(void **state)
{
    struct counter counter = {0};
    weir_stream stream = weir_typed_from(&reply_type, count_up, counting(&counter));

    (void)state;
    says_note(&stream, 0, "number 0");
    says_note(&stream, 1, "number 1");
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 5);
    says_note(&stream, 3, "number 3");
    assert_int_equal(counter.released, 0);
    says_end(&stream);
    assert_int_equal(counter.released, 1);
}

static weir_poll fail_from(const weir_target *target, weir_task *by, weir_arena *arena, void *out,
                           weir_status *why)
{
    (void)target, (void)by, (void)out;
    weir_arena_alloc(arena, 5000);
    weir_fail(why, WEIR_ABORTED, "not today");
    return WEIR_ERROR;
}

static void from_passes_an_error_on(void **state)
{
    struct counter counter = {0};
    weir_stream stream = weir_typed_from(&reply_type, fail_from, counting(&counter));

    (void)state;
    says_why(&stream, WEIR_ABORTED, "not today");
    assert_int_equal(counter.released, 1);
}

/* READY with a why, and with a message that asked for more than there may be. */
static weir_poll fill_carelessly(const weir_target *target, weir_task *by, weir_arena *arena,
                                 void *out, weir_status *why)
{
    struct counter *counter = target->self;

    (void)by;
    weir_fail(why, WEIR_ABORTED, "never mind");
    if (++counter->calls == 2 && weir_arena_alloc(arena, SIZE_MAX / 2) == NULL)
        *(struct note *)out = note_make(2, "less than there should be");
    return WEIR_READY;
}

static void from_sends_nothing_that_did_not_fit(void **state)
{
    struct counter counter = {0};
    weir_stream stream = weir_typed_from(&reply_type, fill_carelessly, counting(&counter));

    (void)state;
    says_note(&stream, NOTE_BLANK, "");
    says_error(&stream, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(counter.released, 1);
}

static weir_poll fill_for_ever(const weir_target *target, weir_task *by, weir_arena *arena,
                               void *out, weir_status *why)
{
    (void)by, (void)out, (void)why;
    count_call(target->self, arena);
    assert_non_null(weir_arena_alloc(arena, 3000));
    return WEIR_READY;
}

static void the_memory_of_a_source_does_not_grow(void **state)
{
    struct counter counter = {0};
    weir_stream stream = weir_typed_from(&reply_type, fill_for_ever, counting(&counter));

    (void)state;
    says_note(&stream, NOTE_BLANK, "");
    for (int i = 0; i < 5000; i++)
        says_note(&stream, NOTE_BLANK, "");
    assert_in_range(counter.held, 0, 1000);
    weir_stream_release(&stream);
    assert_int_equal(counter.released, 1);
}

/* ---- poll ---- */

static void poll_unpacks(void **state)
{
    weir_bytes messages[] = {note_bytes(1, "one"), note_bytes(2, "two")};
    weir_stream stream = weir_stream_of(messages, 2);
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    const void *message;

    (void)state;
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, NULL), WEIR_READY);
    assert_true(note_is(message, 1, "one"));
    weir_arena_reset(arena);
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, NULL), WEIR_READY);
    assert_true(note_is(message, 2, "two"));
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, NULL), WEIR_END);
    assert_null(message);
    weir_arena_free(arena);
}

static void poll_ends_a_stream_of_what_is_no_message(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = script_stream(&script);
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_status why = {0};
    const void *message = &why;

    (void)state;
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, &why), WEIR_ERROR);
    assert_null(message);
    assert_int_equal(why.code, WEIR_INTERNAL);
    assert_int_equal(script.released, 1);
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, &why), WEIR_END);
    weir_status_clear(&why);
    weir_arena_free(arena);
}

static void poll_passes_pending_and_errors_on(void **state)
{
    struct script script = {.says = ".!"};
    weir_stream stream = script_stream(&script);
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_status why = weir_status_make(WEIR_OK, "%s", "what was there is dropped");
    const void *message;

    (void)state;
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, &why),
                     WEIR_PENDING);
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, &why), WEIR_ERROR);
    assert_int_equal(why.code, WEIR_UNAVAILABLE);
    assert_bytes(&why.message, "the script says so");
    weir_status_clear(&why);
    weir_arena_free(arena);
}

static void poll_without_a_place_for_the_reason_drops_it(void **state)
{
    struct script script = {.says = "!"};
    weir_stream stream = script_stream(&script);
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    const void *message;

    (void)state;
    assert_int_equal(weir_typed_poll(&note_type, &stream, task, arena, &message, NULL), WEIR_ERROR);
    weir_arena_free(arena);
}

/* ---- map ---- */

static weir_code double_note(const weir_target *target, weir_arena *arena, const void *in,
                             void *out, weir_status *why)
{
    const struct note *request = in;
    struct note *response = out;

    count_call(target->self, arena);
    assert_int_equal(response->number, NOTE_BLANK);
    if (request->number == 13)
        return weir_fail(why, WEIR_OUT_OF_RANGE, "not that one");
    if (request->number == 14)
        return WEIR_ABORTED;
    weir_arena_alloc(arena, 3000);
    response->number = request->number * 2;
    response->text = request->text;
    return WEIR_OK;
}

static weir_stream doubled(weir_stream requests, struct counter *counter)
{
    return weir_typed_map(&bidi_method, requests, double_note, counting(counter));
}

static void map_makes_a_response_of_each_request(void **state)
{
    weir_bytes messages[] = {note_bytes(1, "one"), note_bytes(2, ""), note_bytes(13, "")};
    struct counter counter = {0};
    weir_stream stream = doubled(weir_stream_of(messages, 3), &counter);

    (void)state;
    says_note(&stream, 2, "one");
    says_note(&stream, 4, "");
    says_why(&stream, WEIR_OUT_OF_RANGE, "not that one");
    assert_int_equal(counter.released, 1);
}

static void map_may_fail_without_a_message(void **state)
{
    struct counter counter = {0};
    weir_stream stream = doubled(one_note(14, ""), &counter);

    (void)state;
    says_why(&stream, WEIR_ABORTED, "");
    assert_int_equal(counter.released, 1);
}

static void map_refuses_what_is_no_message_and_what_is_too_large(void **state)
{
    weir_stream requests[] = {weir_stream_once(weir_bytes_static("short", 5)),
                              one_note(-(INT64_C(1) << 26), ""),
                              weir_stream_fail(WEIR_DATA_LOSS, "of the source")};
    const weir_code codes[] = {WEIR_INTERNAL, WEIR_RESOURCE_EXHAUSTED, WEIR_DATA_LOSS};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct counter counter = {0};
        weir_stream stream = doubled(requests[i], &counter);

        says_error(&stream, codes[i]);
        assert_int_equal(counter.calls, 0);
        assert_int_equal(counter.released, 1);
    }
}

static void map_waits_with_its_source(void **state)
{
    struct script script = {.says = "."};
    struct counter counter = {0};
    weir_stream stream = doubled(script_stream(&script), &counter);

    (void)state;
    says_pending(&stream);
    says_end(&stream);
    assert_int_equal(counter.calls, 0);
    assert_int_equal(counter.released, 1);
    assert_int_equal(script.released, 1);
}

static void the_memory_of_a_map_does_not_grow(void **state)
{
    struct counter counter = {0};
    int64_t left = 5000;
    weir_stream stream = doubled(many_notes(&left), &counter);

    (void)state;
    while (left != 15)
        says_note(&stream, left * 2, "one of many");
    weir_stream_release(&stream);
    assert_in_range(counter.held, 0, 1000);
}

/* ---- fold ---- */

static weir_code add_note(const weir_target *target, const void *request, weir_status *why)
{
    struct counter *counter = target->self;
    const struct note *note = request;

    if (note->number == 13)
        return weir_fail(why, WEIR_OUT_OF_RANGE, "not that one");
    counter->calls++;
    counter->sum += note->number;
    return WEIR_OK;
}

typedef weir_code sum_fn(struct counter *counter, weir_arena *arena, struct note *response,
                         weir_status *why);

static weir_code say_sum(struct counter *counter, weir_arena *arena, struct note *response,
                         weir_status *why)
{
    assert_int_equal(response->number, NOTE_BLANK);
    if (counter->sum == 99)
        return weir_fail(why, WEIR_DATA_LOSS, "99");
    *response = note_make(counter->sum, weir_arena_format(arena, "of %d", counter->calls));
    return WEIR_OK;
}

static weir_code finish_sum(weir_any_fn *finish, void *self, weir_arena *arena, void *response,
                            weir_status *why)
{
    return ((sum_fn *)finish)(self, arena, response, why);
}

static weir_stream summed(weir_stream requests, weir_target target)
{
    return weir_typed_fold(&up_method, requests, add_note, finish_sum, target,
                           (weir_any_fn *)say_sum);
}

static void fold_makes_one_response_of_all_requests(void **state)
{
    struct counter counter = {0};
    int64_t left = 13;
    weir_stream stream = summed(many_notes(&left), counting(&counter));

    (void)state;
    says_note(&stream, 78, "of 13");
    says_end(&stream);
    assert_int_equal(counter.released, 1);
}

static void fold_of_no_request_is_a_response(void **state)
{
    struct counter counter = {0};
    weir_stream stream = summed(weir_stream_empty(), counting(&counter));

    (void)state;
    says_note(&stream, 0, "of 0");
    says_end(&stream);
}

static void fold_ends_with_the_reason_of_its_step_or_finish(void **state)
{
    const struct {
        int64_t number;
        weir_code code;
        const char *why;
    } ends[] = {{13, WEIR_OUT_OF_RANGE, "not that one"}, {99, WEIR_DATA_LOSS, "99"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct counter counter = {0};
        weir_stream stream = summed(one_note(ends[i].number, ""), counting(&counter));

        says_why(&stream, ends[i].code, ends[i].why);
        assert_int_equal(counter.released, 1);
    }
}

static void fold_refuses_what_is_no_message(void **state)
{
    struct counter counter = {0};
    weir_stream stream =
        summed(weir_stream_once(weir_bytes_static("short", 5)), counting(&counter));

    (void)state;
    says_why(&stream, WEIR_INTERNAL, "5 bytes are no t.Note");
    assert_int_equal(counter.calls, 0);
    assert_int_equal(counter.released, 1);
}

static void a_fold_that_is_released_early_is_released_once(void **state)
{
    struct script script = {.says = "."};
    struct counter counter = {0};
    weir_stream stream = summed(script_stream(&script), counting(&counter));

    (void)state;
    says_pending(&stream);
    weir_stream_release(&stream);
    assert_int_equal(counter.released, 1);
    assert_int_equal(script.released, 1);
}

/* ---- memory ---- */

static void a_self_that_could_not_be_made_is_an_error(void **state)
{
    struct script script = {.says = "a*"};
    weir_stream streams[] = {
        weir_typed_from(&reply_type, count_up, failed_target),
        weir_typed_map(&bidi_method, script_stream(&script), double_note, failed_target),
        summed(script_stream(&script), failed_target)};

    (void)state;
    for (int i = 0; i < 3; i++)
        says_error(&streams[i], WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(script.released, 2);
}

static void poll_to_the_end(weir_stream stream)
{
    weir_item item;
    weir_poll poll;

    while ((poll = poll_by(task, &stream, &item)) != WEIR_END && poll != WEIR_ERROR)
        weir_item_clear(&item);
    assert_true(poll == WEIR_END || item.status.code == WEIR_RESOURCE_EXHAUSTED);
    weir_item_clear(&item);
}

static weir_stream make_from(struct counter *counter, weir_stream requests)
{
    weir_stream_release(&requests);
    return weir_typed_from(&reply_type, count_up, counting(counter));
}

static weir_stream make_map(struct counter *counter, weir_stream requests)
{
    return doubled(requests, counter);
}

static weir_stream make_fold(struct counter *counter, weir_stream requests)
{
    return summed(requests, counting(counter));
}

static void every_allocation_may_fail(void **state)
{
    weir_stream (*const makers[])(struct counter *, weir_stream) = {make_from, make_map, make_fold};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bool failed = true;

        for (size_t at = 0; failed; at++) {
            struct counter counter = {0};

            memory_fails_at(at);
            poll_to_the_end(makers[i](&counter, one_note(-3000, "x")));
            failed = memory_failed();
            assert_int_equal(failing_memory.living, 0);
            assert_int_equal(counter.released, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unpacked_message_borrows_from_its_bytes),
        cmocka_unit_test(what_is_no_message_is_internal),
        cmocka_unit_test(a_message_past_the_arenas_bound_is_resource_exhausted),
        cmocka_unit_test(a_message_that_cannot_be_packed_is_internal),
        cmocka_unit_test(sizes_decide_before_anything_is_packed),
        cmocka_unit_test(a_created_message_is_initialised),
        STREAM_TEST(once_packs_at_once),
        STREAM_TEST(once_of_what_cannot_be_packed_is_an_error),
        STREAM_TEST(from_fills_structures),
        STREAM_TEST(from_passes_an_error_on),
        STREAM_TEST(from_sends_nothing_that_did_not_fit),
        STREAM_TEST(the_memory_of_a_source_does_not_grow),
        STREAM_TEST(poll_unpacks),
        STREAM_TEST(poll_ends_a_stream_of_what_is_no_message),
        STREAM_TEST(poll_passes_pending_and_errors_on),
        STREAM_TEST(poll_without_a_place_for_the_reason_drops_it),
        STREAM_TEST(map_makes_a_response_of_each_request),
        STREAM_TEST(map_may_fail_without_a_message),
        STREAM_TEST(map_refuses_what_is_no_message_and_what_is_too_large),
        STREAM_TEST(map_waits_with_its_source),
        STREAM_TEST(the_memory_of_a_map_does_not_grow),
        STREAM_TEST(fold_makes_one_response_of_all_requests),
        STREAM_TEST(fold_of_no_request_is_a_response),
        STREAM_TEST(fold_ends_with_the_reason_of_its_step_or_finish),
        STREAM_TEST(fold_refuses_what_is_no_message),
        STREAM_TEST(a_fold_that_is_released_early_is_released_once),
        STREAM_TEST(a_self_that_could_not_be_made_is_an_error),
        STREAM_TEST(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
