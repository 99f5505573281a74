/* SPDX-License-Identifier: MIT */
/*
 * test_framing.c - the claims of framing/reader.h and framing/prefix.h.
 */
#include "framing/prefix.h"
#include "framing/reader.h"

#include "failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { MAX_SIZE = 4 << 20, IDLE_MAX = 1024 };

static uint8_t wire[5 << 20]; /* where tests build what the peer sends */

static int setup(void **state)
{
    static struct frame_reader reader;

    frame_reader_init(&reader, MAX_SIZE, false);
    *state = &reader;
    return 0;
}

static int teardown(void **state)
{
    frame_reader_clear(*state);
    assert_int_equal(frame_reader_held(*state), 0);
    return 0;
}

/* Writes a message of `length` times `fill` to the wire at `at`; returns where it ends. */
static size_t put(size_t at, size_t length, char fill)
{
    prefix_write(wire + at, 0, (uint32_t)length);
    memset(wire + at + PREFIX_SIZE, fill, length);
    return at + PREFIX_SIZE + length;
}

static weir_code append(struct frame_reader *reader, size_t at, size_t size)
{
    return frame_reader_append(reader, wire + at, size, NULL);
}

static weir_code append_text(struct frame_reader *reader, const char *bytes, size_t size)
{
    return frame_reader_append(reader, (const uint8_t *)bytes, size, NULL);
}

static void assert_filled(const weir_bytes *message, size_t length, char fill)
{
    assert_int_equal(message->size, length);
    for (size_t i = 0; i < length; i++)
        if (message->data[i] != (uint8_t)fill)
            fail_msg("byte %zu is %d", i, message->data[i]);
}

static void assert_takes(struct frame_reader *reader, size_t length, char fill)
{
    weir_bytes message;
    unsigned flag = 9;

    assert_true(frame_reader_has_message(reader));
    assert_true(frame_reader_take(reader, &message, &flag));
    assert_int_equal(flag, 0);
    assert_filled(&message, length, fill);
    weir_bytes_unref(&message);
}

static void assert_takes_nothing(struct frame_reader *reader)
{
    weir_bytes message;
    unsigned flag;

    assert_false(frame_reader_has_message(reader));
    assert_false(frame_reader_take(reader, &message, &flag));
}

/* ---- messages ---- */

static void a_prefix_is_a_flag_and_a_big_endian_length(void **state)
{
    uint8_t prefix[PREFIX_SIZE];

    (void)state;
    prefix_write(prefix, 1, 0x01020304);
    assert_memory_equal(prefix, "\1\1\2\3\4", 5);
    assert_int_equal(prefix_flag(prefix), 1);
    assert_int_equal(prefix_length(prefix), 0x01020304);
    prefix_write(prefix, 0, UINT32_MAX);
    assert_true(prefix_length(prefix) == UINT32_MAX);
}

static void messages_come_out_as_they_went_in(void **state)
{
    size_t size = put(put(put(0, 3, 'a'), 0, 'b'), 100, 'c');

    assert_int_equal(append(*state, 0, size), WEIR_OK);
    assert_takes(*state, 3, 'a');
    assert_takes(*state, 0, 'b');
    assert_takes(*state, 100, 'c');
    assert_takes_nothing(*state);
    assert_int_equal(frame_reader_end(*state, NULL), WEIR_OK);
}

static void data_boundaries_are_not_message_boundaries(void **state)
{
    size_t size = put(put(put(put(0, 3, 'a'), 0, 'b'), 700, 'c'), 1, 'd');

    for (size_t i = 0; i < size; i++)
        assert_int_equal(append(*state, i, 1), WEIR_OK);
    assert_takes(*state, 3, 'a');
    assert_takes(*state, 0, 'b');
    assert_takes(*state, 700, 'c');
    assert_takes(*state, 1, 'd');
    assert_takes_nothing(*state);
}

static void an_empty_message_owns_nothing(void **state)
{
    weir_bytes message = {.size = 1};
    unsigned flag;

    assert_int_equal(append(*state, 0, put(0, 0, 'x')), WEIR_OK);
    assert_true(frame_reader_take(*state, &message, &flag));
    assert_null(message.buffer);
    assert_int_equal(message.size, 0);
    assert_false(weir_bytes_failed(&message));
}

static void taken_messages_outlive_the_reader_and_what_comes_after(void **state)
{
    weir_bytes messages[50];
    unsigned flag;

    for (int i = 0; i < 50; i++) {
        assert_int_equal(append(*state, 0, put(0, 60, (char)('A' + i))), WEIR_OK);
        assert_true(frame_reader_take(*state, &messages[i], &flag));
    }
    frame_reader_clear(*state);
    for (int i = 0; i < 50; i++) {
        assert_filled(&messages[i], 60, (char)('A' + i));
        weir_bytes_unref(&messages[i]);
    }
}

static void a_message_of_the_largest_size_is_taken(void **state)
{
    size_t size = put(0, MAX_SIZE, 'x');

    for (size_t at = 0; at < size; at += 16384)
        assert_int_equal(append(*state, at, size - at < 16384 ? size - at : 16384), WEIR_OK);
    assert_takes(*state, MAX_SIZE, 'x');
}

static void no_data_is_nothing(void **state)
{
    assert_int_equal(frame_reader_append(*state, NULL, 0, NULL), WEIR_OK);
    assert_int_equal(append_text(*state, "\0\0\0", 3), WEIR_OK);
    assert_int_equal(frame_reader_append(*state, NULL, 0, NULL), WEIR_OK);
    assert_int_equal(append_text(*state, "\0\1x", 3), WEIR_OK);
    assert_takes(*state, 1, 'x');
}

/* ---- broken messages ---- */

static void a_flag_above_1_is_internal(void **state)
{
    for (unsigned flag = 2; flag < 256; flag++) {
        struct frame_reader reader;

        (void)state;
        put(0, 1, 'x');
        wire[0] = (uint8_t)flag;
        frame_reader_init(&reader, MAX_SIZE, true);
        assert_int_equal(append(&reader, 0, 6), WEIR_INTERNAL);
        assert_takes_nothing(&reader);
        frame_reader_clear(&reader);
    }
}

static void a_compressed_message_without_an_encoding_is_internal(void **state)
{
    weir_status why = {0};

    assert_int_equal(frame_reader_append(*state, (const uint8_t *)"\1\0\0\0\0", 5, &why),
                     WEIR_INTERNAL);
    assert_int_equal(why.code, WEIR_INTERNAL);
    assert_true(why.message.size != 0);
    weir_status_clear(&why);
}

static void a_compressed_message_with_an_encoding_has_flag_1(void **state)
{
    struct frame_reader reader;
    weir_bytes message;
    unsigned flag = 0;

    (void)state;
    frame_reader_init(&reader, MAX_SIZE, true);
    assert_int_equal(append_text(&reader, "\1\0\0\0\1z", 6), WEIR_OK);
    assert_true(frame_reader_take(&reader, &message, &flag));
    assert_int_equal(flag, 1);
    weir_bytes_unref(&message);
    frame_reader_clear(&reader);
}

static void a_size_above_the_maximum_is_told_from_the_prefix(void **state)
{
    static const char text[] = "received message larger than max (4294967295 vs. 10)";
    struct frame_reader reader;
    weir_status why = {0};

    (void)state;
    frame_reader_init(&reader, 10, false);
    assert_int_equal(append(&reader, 0, put(0, 10, 'x')), WEIR_OK);
    assert_int_equal(append_text(&reader, "\0\xFF\xFF\xFF", 4), WEIR_OK);
    assert_int_equal(frame_reader_append(&reader, (const uint8_t *)"\xFF", 1, &why),
                     WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(why.message.size, strlen(text));
    assert_memory_equal(why.message.data, text, strlen(text));
    weir_status_clear(&why);
    assert_takes(&reader, 10, 'x');
    frame_reader_clear(&reader);
    frame_reader_init(&reader, 10, false);
    assert_int_equal(append_text(&reader, "\0\0\0\0\13", 5), WEIR_RESOURCE_EXHAUSTED);
    frame_reader_clear(&reader);
}

static void messages_before_a_fault_can_be_taken_and_it_is_told_once(void **state)
{
    size_t size = put(put(0, 5, 'a'), 300, 'b');

    wire[size] = 7;
    memset(wire + size + 1, 0, 20000);
    assert_int_equal(append(*state, 0, size + 20001), WEIR_INTERNAL);
    assert_int_equal(append(*state, 0, size), WEIR_OK);
    assert_int_equal(frame_reader_end(*state, NULL), WEIR_OK);
    assert_takes(*state, 5, 'a');
    assert_takes(*state, 300, 'b');
    assert_takes_nothing(*state);
    assert_int_equal(frame_reader_held(*state), 0);
}

static void an_end_in_the_middle_of_a_message_is_internal(void **state)
{
    static const size_t cuts[] = {1, 4, 5, 14};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct frame_reader reader;

        put(put(0, 3, 'a'), 10, 'b');
        frame_reader_init(&reader, MAX_SIZE, false);
        assert_int_equal(append(&reader, 0, 8 + cuts[i]), WEIR_OK);
        assert_int_equal(frame_reader_end(&reader, NULL), WEIR_INTERNAL);
        assert_takes(&reader, 3, 'a');
        assert_int_equal(frame_reader_held(&reader), 0);
        assert_int_equal(frame_reader_credit(&reader), 8 + cuts[i]);
    }
}

/* ---- memory ---- */

static void nothing_is_reserved_for_what_is_only_declared(void **state)
{
    prefix_write(wire, 0, MAX_SIZE);
    assert_int_equal(append(*state, 0, 5), WEIR_OK);
    assert_in_range(frame_reader_held(*state), 1, 512);
    assert_int_equal(append(*state, 5, 10000), WEIR_OK);
    assert_in_range(frame_reader_held(*state), 10000, 2 * 10000 + 1024);
}

static void a_large_message_holds_at_most_twice_what_arrived(void **state)
{
    size_t size = put(0, MAX_SIZE, 'x');

    for (size_t at = 0; at < size; at += 1000) {
        assert_int_equal(append(*state, at, size - at < 1000 ? size - at : 1000), WEIR_OK);
        assert_true(frame_reader_held(*state) <= 2 * (at + 1000) + 1024);
        assert_true(frame_reader_held(*state) <= size + 1024);
    }
    assert_takes(*state, MAX_SIZE, 'x');
}

static void a_large_message_is_not_copied_again_and_again(void **state)
{
    size_t size = put(0, MAX_SIZE, 'x');

    memory_fails_at(SIZE_MAX);
    for (size_t at = 0; at < size; at += 1000)
        assert_int_equal(append(*state, at, size - at < 1000 ? size - at : 1000), WEIR_OK);
    assert_in_range(failing_memory.calls, 1, 16);
    assert_takes(*state, MAX_SIZE, 'x');
    frame_reader_clear(*state);
    assert_int_equal(failing_memory.living, 0);
    assert_false(memory_failed());
}

static void tiny_messages_that_wait_cost_little_more_than_their_bytes(void **state)
{
    size_t size = 0;

    for (int i = 0; i < 10000; i++)
        size = put(size, 1, 'x');
    for (size_t at = 0; at < size; at += 6)
        assert_int_equal(append(*state, at, 6), WEIR_OK);
    assert_true(frame_reader_held(*state) <= size + size / 8 + 16384);
    for (int i = 0; i < 10000; i++)
        assert_takes(*state, 1, 'x');
}

static void an_idle_reader_holds_at_most_1_kib(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 500, 1000, 5000, 16384, 100000, 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(append(*state, 0, put(0, sizes[i], 'x')), WEIR_OK);
        assert_takes(*state, sizes[i], 'x');
        assert_true(frame_reader_held(*state) <= IDLE_MAX);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(append(*state, 0, put(0, 100, 'x')), WEIR_OK);
    for (int i = 0; i < 100; i++)
        assert_takes(*state, 100, 'x');
    assert_true(frame_reader_held(*state) <= IDLE_MAX);
}

static void small_messages_one_by_one_reuse_one_chunk(void **state)
{
    memory_fails_at(SIZE_MAX);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(append(*state, 0, put(0, 100, 'x')), WEIR_OK);
        assert_takes(*state, 100, 'x');
    }
    assert_int_equal(failing_memory.calls, 1);
    frame_reader_clear(*state);
    assert_false(memory_failed());
}

static void a_reader_whose_peer_ended_keeps_nothing(void **state)
{
    assert_int_equal(append(*state, 0, put(0, 100, 'x')), WEIR_OK);
    assert_int_equal(frame_reader_end(*state, NULL), WEIR_OK);
    assert_takes(*state, 100, 'x');
    assert_int_equal(frame_reader_held(*state), 0);
}

static void an_idle_chunk_goes_when_the_peer_ends(void **state)
{
    assert_int_equal(append(*state, 0, put(0, 100, 'x')), WEIR_OK);
    assert_takes(*state, 100, 'x');
    assert_int_equal(frame_reader_end(*state, NULL), WEIR_OK);
    assert_int_equal(frame_reader_held(*state), 0);
}

static void out_of_memory_is_resource_exhausted_at_every_step(void **state)
{
    static const size_t lengths[] = {10, 600, 40, 3000, 20000, 0, 70000, 1};
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        size = put(size, lengths[i], (char)('a' + i));
    for (size_t at = 0;; at++) {
        struct frame_reader reader;
        weir_code code = WEIR_OK;
        size_t taken = 0;

        memory_fails_at(at);
        frame_reader_init(&reader, MAX_SIZE, false);
        for (size_t i = 0; i < size && code == WEIR_OK; i += 1000)
            code = append(&reader, i, size - i < 1000 ? size - i : 1000);
        for (; frame_reader_has_message(&reader); taken++)
            assert_takes(&reader, lengths[taken], (char)('a' + taken));
        frame_reader_clear(&reader);
        assert_int_equal(failing_memory.living, 0);
        bool failed = memory_failed();
        assert_int_equal(code, failed ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK);
        if (!failed) {
            assert_int_equal(taken, 8);
            return;
        }
    }
}

/* ---- credit ---- */

static void a_whole_message_is_credited_when_it_is_taken(void **state)
{
    size_t size = put(put(0, 100, 'a'), 50, 'b');

    assert_int_equal(append(*state, 0, size), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 0);
    assert_takes(*state, 100, 'a');
    assert_int_equal(frame_reader_credit(*state), 105);
    assert_int_equal(frame_reader_credit(*state), 0);
    assert_takes(*state, 50, 'b');
    assert_int_equal(frame_reader_credit(*state), 55);
}

static void a_message_being_assembled_is_credited_while_nothing_waits(void **state)
{
    size_t size = put(0, 100000, 'a');

    assert_int_equal(append(*state, 0, 3), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 3);
    assert_int_equal(append(*state, 3, 50000), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 50000);
    assert_int_equal(append(*state, 50003, size - 50003), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 0);
    assert_takes(*state, 100000, 'a');
    assert_int_equal(frame_reader_credit(*state), size - 50003);
}

static void credit_is_looked_at_again_when_the_queue_becomes_empty(void **state)
{
    size_t size = put(put(0, 10, 'a'), 90000, 'b');

    assert_int_equal(append(*state, 0, 65535), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 0);
    assert_takes(*state, 10, 'a');
    assert_int_equal(frame_reader_credit(*state), 65535);
    assert_int_equal(append(*state, 65535, size - 65535), WEIR_OK);
    assert_takes(*state, 90000, 'b');
    assert_int_equal(frame_reader_credit(*state), size - 65535);
}

static void a_second_message_being_assembled_waits_for_the_first_to_be_taken(void **state)
{
    put(put(put(0, 10, 'a'), 10, 'b'), 10, 'c');
    assert_int_equal(append(*state, 0, 7), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 7);
    assert_int_equal(append(*state, 7, 30), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 0);
    assert_takes(*state, 10, 'a');
    assert_int_equal(frame_reader_credit(*state), 8);
    assert_takes(*state, 10, 'b');
    assert_int_equal(frame_reader_credit(*state), 15 + 7);
    assert_int_equal(append(*state, 37, 8), WEIR_OK);
    assert_takes(*state, 10, 'c');
    assert_int_equal(frame_reader_credit(*state), 8);
}

static void what_comes_after_a_fault_is_credited_at_once(void **state)
{
    size_t size = put(0, 10, 'a');

    wire[size] = 9;
    assert_int_equal(append(*state, 0, size + 20), WEIR_INTERNAL);
    assert_int_equal(frame_reader_credit(*state), 20);
    assert_int_equal(append(*state, 0, 1000), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 1000);
    assert_takes(*state, 10, 'a');
    assert_int_equal(frame_reader_credit(*state), size);
}

static void a_fault_or_end_inside_a_message_credits_no_byte_twice(void **state)
{
    struct frame_reader reader;

    (void)state;
    frame_reader_init(&reader, MAX_SIZE, false);
    assert_int_equal(append_text(&reader, "\0\xFF\xFF", 3), WEIR_OK);
    assert_int_equal(frame_reader_credit(&reader), 3);
    assert_int_equal(append_text(&reader, "\xFF\xFF", 2), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(frame_reader_credit(&reader), 2);
    frame_reader_clear(&reader);
    frame_reader_init(&reader, MAX_SIZE, false);
    assert_int_equal(append_text(&reader, "\0\0\0\0\7abc", 8), WEIR_OK);
    assert_int_equal(frame_reader_credit(&reader), 8);
    assert_int_equal(frame_reader_end(&reader, NULL), WEIR_INTERNAL);
    assert_int_equal(frame_reader_credit(&reader), 0);
}

static void discarding_credits_what_is_held_and_all_that_comes(void **state)
{
    size_t size = put(put(0, 10, 'a'), 1000, 'b');

    assert_int_equal(append(*state, 0, 3), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), 3);
    assert_int_equal(append(*state, 3, 500), WEIR_OK);
    frame_reader_discard(*state);
    assert_int_equal(frame_reader_held(*state), 0);
    assert_int_equal(frame_reader_credit(*state), 500);
    assert_takes_nothing(*state);
    assert_int_equal(append(*state, 503, size - 503), WEIR_OK);
    assert_int_equal(append_text(*state, "\xFF\xFF\xFF\xFF\xFF", 5), WEIR_OK);
    assert_int_equal(frame_reader_credit(*state), size - 503 + 5);
    assert_int_equal(frame_reader_held(*state), 0);
    assert_int_equal(frame_reader_end(*state, NULL), WEIR_OK);
}

/* ---- all of it at random ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(random_state >> 8) * limit >> 24);
}

static uint32_t random_length(void)
{
    static const uint32_t limits[] = {1, 10, 120, 1000, 20000, 100000};

    return random_below(limits[random_below(6)]);
}

enum { RANDOM_MESSAGES = 60, RANDOM_KEPT = 8 };

/* Random messages that go through a reader. */
struct flow {
    struct frame_reader reader;
    uint32_t lengths[RANDOM_MESSAGES];
    size_t size, sent; /* bytes */
    int taken;
    weir_bytes kept[RANDOM_KEPT];
    int kept_index[RANDOM_KEPT];
};

static void begin_flow(struct flow *f)
{
    size_t largest = 0;

    *f = (struct flow){.size = 0};
    for (int i = 0; i < RANDOM_MESSAGES; i++) {
        f->lengths[i] = random_length();
        largest = f->lengths[i] > largest ? f->lengths[i] : largest;
        f->size = put(f->size, f->lengths[i], (char)i);
    }
    frame_reader_init(&f->reader, largest, false);
}

/* Keeps one of three, in the place of another. */
static void keep_or_drop(struct flow *f, weir_bytes *message)
{
    uint32_t place = random_below(RANDOM_KEPT * 3);

    if (place >= RANDOM_KEPT) {
        weir_bytes_unref(message);
        return;
    }
    assert_filled(&f->kept[place], f->kept[place].size, (char)f->kept_index[place]);
    weir_bytes_unref(&f->kept[place]);
    f->kept[place] = *message;
    f->kept_index[place] = f->taken;
}

static void take_next(struct flow *f)
{
    weir_bytes message;
    unsigned flag;

    assert_true(frame_reader_take(&f->reader, &message, &flag));
    assert_filled(&message, f->lengths[f->taken], (char)f->taken);
    keep_or_drop(f, &message);
    f->taken++;
}

static void send_piece(struct flow *f, size_t piece)
{
    piece = piece < f->size - f->sent ? piece : f->size - f->sent;
    assert_int_equal(append(&f->reader, f->sent, piece), WEIR_OK);
    f->sent += piece;
}

static void end_flow(struct flow *f)
{
    assert_int_equal(frame_reader_end(&f->reader, NULL), WEIR_OK);
    assert_int_equal(frame_reader_held(&f->reader), 0);
    frame_reader_clear(&f->reader);
    for (int i = 0; i < RANDOM_KEPT; i++) {
        assert_filled(&f->kept[i], f->kept[i].size, (char)f->kept_index[i]);
        weir_bytes_unref(&f->kept[i]);
    }
}

/* Sends random messages in random pieces, takes some now and then and keeps some of those. */
static void run_at_random(uint32_t seed)
{
    uint32_t piece_max, laziness;
    size_t credit = 0;
    struct flow f;

    random_state = seed;
    begin_flow(&f);
    piece_max = 1 + random_below(random_below(2) ? 300 : 40000);
    laziness = 1 + random_below(12);
    while (f.sent < f.size || f.taken < RANDOM_MESSAGES) {
        send_piece(&f, 1 + random_below(piece_max));
        while (frame_reader_has_message(&f.reader) &&
               (f.sent == f.size || random_below(laziness) == 0))
            take_next(&f);
        credit += frame_reader_credit(&f.reader);
        assert_true(credit <= f.sent);
        if (!frame_reader_has_message(&f.reader))
            assert_int_equal(credit, f.sent);
    }
    end_flow(&f);
}

static void any_messages_in_any_pieces_come_out_whole_and_are_credited_once(void **state)
{
    (void)state;
    memory_fails_at(SIZE_MAX);
    for (uint32_t seed = 1; seed <= 400; seed++) {
        run_at_random(seed);
        assert_int_equal(failing_memory.living, 0);
    }
    assert_false(memory_failed());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_prefix_is_a_flag_and_a_big_endian_length),
        TEST(messages_come_out_as_they_went_in),
        TEST(data_boundaries_are_not_message_boundaries),
        TEST(an_empty_message_owns_nothing),
        TEST(taken_messages_outlive_the_reader_and_what_comes_after),
        TEST(a_message_of_the_largest_size_is_taken),
        TEST(no_data_is_nothing),
        TEST(a_flag_above_1_is_internal),
        TEST(a_compressed_message_without_an_encoding_is_internal),
        TEST(a_compressed_message_with_an_encoding_has_flag_1),
        TEST(a_size_above_the_maximum_is_told_from_the_prefix),
        TEST(messages_before_a_fault_can_be_taken_and_it_is_told_once),
        TEST(an_end_in_the_middle_of_a_message_is_internal),
        TEST(nothing_is_reserved_for_what_is_only_declared),
        TEST(a_large_message_holds_at_most_twice_what_arrived),
        TEST(a_large_message_is_not_copied_again_and_again),
        TEST(tiny_messages_that_wait_cost_little_more_than_their_bytes),
        TEST(an_idle_reader_holds_at_most_1_kib),
        TEST(small_messages_one_by_one_reuse_one_chunk),
        TEST(a_reader_whose_peer_ended_keeps_nothing),
        TEST(an_idle_chunk_goes_when_the_peer_ends),
        TEST(out_of_memory_is_resource_exhausted_at_every_step),
        TEST(a_whole_message_is_credited_when_it_is_taken),
        TEST(a_message_being_assembled_is_credited_while_nothing_waits),
        TEST(credit_is_looked_at_again_when_the_queue_becomes_empty),
        TEST(a_second_message_being_assembled_waits_for_the_first_to_be_taken),
        TEST(what_comes_after_a_fault_is_credited_at_once),
        TEST(a_fault_or_end_inside_a_message_credits_no_byte_twice),
        TEST(discarding_credits_what_is_held_and_all_that_comes),
        TEST(any_messages_in_any_pieces_come_out_whole_and_are_credited_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
