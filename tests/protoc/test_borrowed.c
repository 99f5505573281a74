/* SPDX-License-Identifier: MIT */
/*
 * test_borrowed.c - what generated code makes of bytes, on messages written here byte by byte.
 */
#include "beyond.pb-c.h"
#include "everything2.pb-c.h"
#include "everything3.pb-c.h"
#include "optional.pb-c.h"
#include "../unit/failing_memory.h"

#include <weir/protobuf.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef Everything__Three__Everything three;
typedef Everything__Three__Inner inner;
typedef Everything__Two__Everything two;

static weir_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = weir_arena_create(SIZE_MAX);
    return arena == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    weir_arena_free(arena);
    return 0;
}

/* A literal's bytes without the NUL that C puts behind them. */
#define BYTES(literal) sizeof(literal) - 1, (const uint8_t *)(literal)

static three *read_three(size_t size, const uint8_t *data)
{
    return everything__three__everything__unpack_borrowed(arena, size, data);
}

static inner *read_inner(size_t size, const uint8_t *data)
{
    return everything__three__inner__unpack_borrowed(arena, size, data);
}

/* ---- what is borrowed ---- */

static void bytes_point_into_the_data_and_strings_do_not(void **state)
{
    static const uint8_t data[] = {0x72, 2, 'h', 'i', 0x7a, 3, 'x', 'y', 'z'};
    three *message = read_three(sizeof data, data);

    (void)state;
    assert_ptr_equal(message->f_bytes.data, data + 6);
    assert_int_equal(message->f_bytes.len, 3);
    assert_string_equal(message->f_string, "hi");
    assert_false((const uint8_t *)message->f_string >= data &&
                 (const uint8_t *)message->f_string < data + sizeof data);
}

static void unknown_fields_are_kept_where_they_lie(void **state)
{
    static const uint8_t data[] = {0x98, 0x01, 0x96, 0x01, 0x9a, 0x01, 1, 'u'};
    three *message = read_three(sizeof data, data);

    (void)state;
    assert_int_equal(message->base.n_unknown_fields, 2);
    assert_int_equal(message->base.unknown_fields[0].tag, 19);
    assert_int_equal(message->base.unknown_fields[0].wire_type, PROTOBUF_C_WIRE_TYPE_VARINT);
    assert_ptr_equal(message->base.unknown_fields[1].data, data + 6);
    assert_int_equal(message->base.unknown_fields[1].len, 2);
}

static void no_bytes_are_a_message(void **state)
{
    (void)state;
    assert_non_null(read_three(0, NULL));
    assert_non_null(everything__three__empty__unpack_borrowed(arena, 0, NULL));
    assert_null(everything__two__needs__unpack_borrowed(arena, 0, NULL));
}

/* ---- repeated, merged, one of several ---- */

static void the_last_number_wins(void **state)
{
    (void)state;
    assert_int_equal(read_inner(BYTES("\x08\x01\x08\x02"))->id, 2);
}

static void a_message_that_comes_twice_is_merged(void **state)
{
    inner *message = read_inner(BYTES("\x2a\x04\x08\x05\x18\x01"
                                      "\x2a\x05\x12\x01n\x18\x02"));

    (void)state;
    assert_int_equal(message->inner->id, 5);
    assert_string_equal(message->inner->name, "n");
    assert_int_equal(message->inner->n_numbers, 2);
    assert_int_equal(message->inner->numbers[1], 2);
}

static void the_last_of_a_oneof_wins(void **state)
{
    inner *message = read_inner(BYTES("\x42\x01t\x38\x07"));

    (void)state;
    assert_int_equal(message->choice_case, EVERYTHING__THREE__INNER__CHOICE_NUMBER);
    assert_int_equal(message->number, 7);
}

static void a_message_of_a_oneof_is_merged_while_it_stays_that_one(void **state)
{
    inner *merged = read_inner(BYTES("\x4a\x02\x08\x05\x4a\x03\x12\x01n"));
    inner *anew = read_inner(BYTES("\x4a\x02\x08\x05\x38\x07\x4a\x03\x12\x01n"));

    (void)state;
    assert_int_equal(merged->message->id, 5);
    assert_string_equal(merged->message->name, "n");
    assert_int_equal(anew->message->id, 0);
    assert_string_equal(anew->message->name, "n");
}

static void packed_and_single_numbers_go_into_one_array(void **state)
{
    inner *message = read_inner(BYTES("\x18\x01\x1a\x03\x02\x03\x04\x18\x05\x1a\x00\x1a\x01\x06"));

    (void)state;
    assert_int_equal(message->n_numbers, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(message->numbers[i], i + 1);
}

static void presence_of_proto3_tells_zero_from_nothing(void **state)
{
    Everything__Optional__Everything *message =
        everything__optional__everything__unpack_borrowed(arena, BYTES("\x08\x00\x72\x00"));

    (void)state;
    assert_true(message->has_f_int32);
    assert_false(message->has_f_uint64);
    assert_string_equal(message->f_string, "");
    assert_null(message->f_inner);
    assert_int_equal(everything__optional__everything__get_packed_size(message), 4);
}

/* ---- what is malformed ---- */

static void malformed_bytes_are_no_message(void **state)
{
    static const struct {
        size_t size;
        const uint8_t *data;
    } cases[] = {
        {BYTES("\x08")},                                             /* a tag alone */
        {BYTES("\x08\x80")},                                         /* half a varint */
        {BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00")}, /* 11 bytes of one */
        {BYTES("\x00\x01")},                                         /* number 0 */
        {BYTES("\x80\x00\x01")},                                     /* the same, longer */
        {BYTES("\x80\x80\x80\x80\x10\x01")},                         /* number 2^29 */
        {BYTES("\x80\x80\x80\x80\x80\x00\x01")},                     /* a tag of 6 bytes */
        {BYTES("\x12\x02x")},                                        /* past the end */
        {BYTES("\x12\xff\xff\xff\xff\x07x")},                        /* far past it */
        {BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},     /* wraps around */
        {BYTES("\x1a\x01\x80")},                                     /* half a packed varint */
        {BYTES("\x2a\x01\x08")},                                     /* within a message */
        {BYTES("\x63")},                                             /* a group without an end */
        {BYTES("\x64")},                                             /* an end without a group */
        {BYTES("\x63\x6c")},                                         /* the end of another */
        {BYTES("\x66\x01")},                                         /* no wire type */
        {BYTES("\x65\x01\x02\x03")},                                 /* 3 bytes of 4 */
        {BYTES("\x61\x01\x02\x03\x04\x05\x06\x07")},                 /* 7 of 8 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(read_inner(cases[i].size, cases[i].data));
        assert_null(weir_protobuf_unpack(&everything__three__inner__descriptor, arena,
                                         cases[i].size, cases[i].data));
    }
    assert_null(read_three(BYTES("\xfa\x02\x03\x01\x02\x03"))); /* packed words, and 3 bytes */
    assert_false(weir_arena_refused(arena));
}

static void a_required_field_may_not_be_missing_but_for_a_default(void **state)
{
    static const char all[] = "\x08\x01\x12\x01x\x1a\x00\x22\x00\x28\x00"
                              "\x31\x00\x00\x00\x00\x00\x00\x00\x00";
    Everything__Two__Needs *needs = everything__two__needs__unpack_borrowed(arena, BYTES(all));

    (void)state;
    assert_non_null(needs);
    assert_true(needs->g);
    assert_null(
        everything__two__needs__unpack_borrowed(arena, sizeof all - 1 - 9, (const uint8_t *)all));
    assert_null(
        everything__two__needs__unpack_borrowed(arena, sizeof all - 3, (const uint8_t *)all + 2));
}

/* ---- packing ---- */

static void zeros_of_proto3_are_left_out_and_those_of_proto2_are_not(void **state)
{
    three none = EVERYTHING__THREE__EVERYTHING__INIT;
    two zero = EVERYTHING__TWO__EVERYTHING__INIT;
    uint8_t out[16];

    (void)state;
    none.f_double = -0.0; /* equal to 0 in C, and so left out as protobuf-c does */
    none.f_float = -0.0f;
    assert_int_equal(everything__three__everything__get_packed_size(&none), 0);
    none.f_double = NAN;
    assert_int_equal(everything__three__everything__get_packed_size(&none), 9);
    zero.has_f_int32 = true;
    assert_int_equal(everything__two__everything__pack(&zero, out), 2);
    assert_memory_equal(out, "\x08\x00", 2);
}

static void a_negative_number_takes_ten_bytes(void **state)
{
    inner message = EVERYTHING__THREE__INNER__INIT;
    uint8_t out[16];

    (void)state;
    message.id = -1;
    assert_int_equal(everything__three__inner__pack(&message, out), 11);
    assert_memory_equal(out, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
}

static void pack_before_ends_where_it_was_told(void **state)
{
    inner message = EVERYTHING__THREE__INNER__INIT;
    uint8_t out[8];

    (void)state;
    message.name = (char *)"ab";
    assert_ptr_equal(everything__three__inner__pack_before(&message, out + 8), out + 4);
    assert_memory_equal(out + 4,
                        "\x12\x02"
                        "ab",
                        4);
}

static void defaults_of_floating_point_are_exact(void **state)
{
    Beyond__Beyond message = BEYOND__BEYOND__INIT;

    (void)state;
    assert_true(isinf(message.infinite) && message.infinite < 0);
    assert_true(isnan(message.none));
    assert_true(message.exact == 0.12345678901234568);
    assert_true(message.exact_float == 16777216.0f);
    assert_null(message.restrict_);
}

/* ---- bounds ---- */

/* Depth below the first message, each level of which costs two bytes and its length. */
static size_t nest(uint8_t *data, size_t capacity, unsigned depth)
{
    uint8_t *at = data + capacity;

    for (unsigned i = 0; i < depth; i++) {
        at = weir_wire_varint_before(at, (uint64_t)(data + capacity - at));
        *--at = 0x2a;
    }
    memmove(data, at, (size_t)(data + capacity - at));
    return (size_t)(data + capacity - at);
}

static void a_hundred_levels_are_read_and_one_more_is_not(void **state)
{
    uint8_t data[1024];
    size_t size = nest(data, sizeof data, 100);
    inner *owned = everything__three__inner__unpack(NULL, size, data);

    (void)state;
    assert_non_null(read_inner(size, data));
    assert_non_null(owned);
    everything__three__inner__free_unpacked(owned, NULL);
    assert_true(weir_protobuf_nesting_ok(&everything__three__inner__descriptor, size, data));
    size = nest(data, sizeof data, 101);
    assert_null(read_inner(size, data));
    assert_null(everything__three__inner__unpack(NULL, size, data));
    assert_false(weir_protobuf_nesting_ok(&everything__three__inner__descriptor, size, data));
    assert_false(weir_arena_refused(arena));
}

/* A bit of everything that takes memory: strings, arrays, messages, unknown fields. */
static size_t make_rich(uint8_t *data)
{
    inner one = EVERYTHING__THREE__INNER__INIT, *many[9];
    int32_t numbers[20] = {0};
    size_t size;

    for (int i = 0; i < 9; i++)
        many[i] = &one;
    one.name = (char *)"name";
    one.numbers = numbers;
    one.n_numbers = 20;
    {
        inner rich = one;

        rich.many = many;
        rich.n_many = 9;
        rich.inner = &one;
        size = everything__three__inner__pack(&rich, data);
    }
    memcpy(data + size, "\x60\x01\x60\x02", 4);
    return size + 4;
}

static void whatever_the_arena_refuses_is_no_message(void **state)
{
    uint8_t data[1024];
    size_t size = make_rich(data), refused = 0;
    inner *message = NULL;

    (void)state;
    for (size_t cap = 0; message == NULL; cap += 8) {
        weir_arena *capped = weir_arena_create(cap);

        message = everything__three__inner__unpack_borrowed(capped, size, data);
        assert_true((message == NULL) == weir_arena_refused(capped));
        assert_true(weir_arena_held(capped) <= cap);
        refused += message == NULL;
        weir_arena_free(capped);
    }
    assert_true(refused > 10);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    uint8_t data[1024];
    size_t size = make_rich(data), at = 0;

    (void)state;
    do {
        weir_arena *own;

        memory_fails_at(at);
        own = weir_arena_create(SIZE_MAX);
        if (own != NULL) {
            bool taken = everything__three__inner__unpack_borrowed(own, size, data) != NULL;

            assert_true(taken != failing_memory.failed);
            weir_arena_free(own);
        }
        assert_int_equal(failing_memory.living, 0);
        at++;
    } while (memory_failed());
    assert_true(at > 2);
}

static void protobuf_c_in_an_arena_leaves_nothing_either(void **state)
{
    uint8_t data[1024];
    size_t size = make_rich(data), at = 0;

    (void)state;
    do {
        weir_arena *own;

        memory_fails_at(at);
        own = weir_arena_create(SIZE_MAX);
        if (own != NULL) {
            bool taken = weir_protobuf_unpack(&everything__three__inner__descriptor, own, size,
                                              data) != NULL;

            assert_true(taken != failing_memory.failed);
            weir_arena_free(own);
        }
        assert_int_equal(failing_memory.living, 0);
        at++;
    } while (memory_failed());
    assert_true(at > 2);
}

static void a_buffer_is_packed_to_without_memory_too(void **state)
{
    inner message = EVERYTHING__THREE__INNER__INIT;
    uint8_t room[16];
    ProtobufCBufferSimple buffer = PROTOBUF_C_BUFFER_SIMPLE_INIT(room);

    (void)state;
    message.id = 3;
    memory_fails_at(0);
    assert_int_equal(everything__three__inner__pack_to_buffer(&message, &buffer.base), 2);
    assert_true(memory_failed());
    assert_memory_equal(buffer.data, "\x08\x03", 2);
}

/* Every array grows by doubling: many small pieces cost about what one large one does. */
static void many_elements_take_memory_in_proportion(void **state)
{
    static uint8_t data[200000];
    inner *message;

    (void)state;
    for (size_t i = 0; i < sizeof data; i += 2) {
        data[i] = 0x18;
        data[i + 1] = 1;
    }
    message = read_inner(sizeof data, data);
    assert_int_equal(message->n_numbers, sizeof data / 2);
    assert_true(weir_arena_held(arena) < 4 * sizeof(int32_t) * message->n_numbers + 65536);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_point_into_the_data_and_strings_do_not),
        TEST(unknown_fields_are_kept_where_they_lie),
        TEST(no_bytes_are_a_message),
        TEST(the_last_number_wins),
        TEST(a_message_that_comes_twice_is_merged),
        TEST(the_last_of_a_oneof_wins),
        TEST(a_message_of_a_oneof_is_merged_while_it_stays_that_one),
        TEST(packed_and_single_numbers_go_into_one_array),
        TEST(presence_of_proto3_tells_zero_from_nothing),
        TEST(malformed_bytes_are_no_message),
        TEST(a_required_field_may_not_be_missing_but_for_a_default),
        TEST(zeros_of_proto3_are_left_out_and_those_of_proto2_are_not),
        TEST(a_negative_number_takes_ten_bytes),
        TEST(pack_before_ends_where_it_was_told),
        TEST(defaults_of_floating_point_are_exact),
        TEST(a_hundred_levels_are_read_and_one_more_is_not),
        TEST(whatever_the_arena_refuses_is_no_message),
        TEST(memory_that_runs_out_leaves_nothing),
        TEST(protobuf_c_in_an_arena_leaves_nothing_either),
        TEST(a_buffer_is_packed_to_without_memory_too),
        TEST(many_elements_take_memory_in_proportion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
