/* SPDX-License-Identifier: MIT */
/*
 * test_percent.c - the claims of status/percent.h and status/code.h.
 */
#include "status/percent.h"
#include "status/code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void assert_encodes(const char *data, const char *text)
{
    char out[64] = {0};

    percent_encode((const uint8_t *)data, strlen(data), out);
    assert_string_equal(out, text);
    assert_int_equal(percent_encoded_size((const uint8_t *)data, strlen(data)), strlen(text));
}

static void assert_decodes(const char *text, const char *data)
{
    uint8_t out[64] = {0};

    assert_int_equal(percent_decode((const uint8_t *)text, strlen(text), out), strlen(data));
    assert_string_equal((char *)out, data);
}

static void printable_ascii_is_sent_as_it_is(void **state)
{
    (void)state;
    assert_encodes("", "");
    assert_encodes(" !\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
                   " !\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~");
}

static void all_else_is_encoded(void **state)
{
    (void)state;
    assert_encodes("100%", "100%25");
    assert_encodes("a\r\nb\tc", "a%0D%0Ab%09c");
    assert_encodes("\x01\x1F\x7F\x80\xFF", "%01%1F%7F%80%FF");
    assert_encodes("caf\xC3\xA9", "caf%C3%A9");
}

static void decoding_takes_both_cases(void **state)
{
    (void)state;
    assert_decodes("caf%C3%A9", "caf\xC3\xA9");
    assert_decodes("caf%c3%a9", "caf\xC3\xA9");
    assert_decodes("100%25", "100%");
}

static void a_broken_percent_stays_as_it_is(void **state)
{
    (void)state;
    assert_decodes("%", "%");
    assert_decodes("a%", "a%");
    assert_decodes("a%4", "a%4");
    assert_decodes("%zz", "%zz");
    assert_decodes("%4z", "%4z");
    assert_decodes("%z4", "%z4");
    assert_decodes("%%41", "%A");
    assert_decodes("%4%41", "%4A");
    assert_decodes("\xFF%20\xFE", "\xFF \xFE");
    assert_decodes("%:0%0:%/0%@0%G0%`0%g0", "%:0%0:%/0%@0%G0%`0%g0");
}

static void every_byte_survives_a_round_trip(void **state)
{
    uint8_t data[256], back[768];
    char text[768];

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        data[i] = (uint8_t)i;
    percent_encode(data, sizeof data, text);
    size_t size = percent_encoded_size(data, sizeof data);
    assert_int_equal(size, 94 + 162 * 3);
    assert_int_equal(percent_decode((uint8_t *)text, size, back), 256);
    assert_memory_equal(back, data, 256);
}

static void text_can_be_decoded_in_place(void **state)
{
    uint8_t text[] = "%41%42%";

    (void)state;
    assert_int_equal(percent_decode(text, 7, text), 3);
    assert_memory_equal(text, "AB%", 3);
}

static weir_code parse(const char *text)
{
    return status_code_parse((const uint8_t *)text, strlen(text));
}

static void codes_are_decimal_numbers(void **state)
{
    (void)state;
    assert_int_equal(parse("0"), WEIR_OK);
    assert_int_equal(parse("5"), WEIR_NOT_FOUND);
    assert_int_equal(parse("16"), WEIR_UNAUTHENTICATED);
}

static void a_garbled_code_is_unknown(void **state)
{
    static const char *const garbled[] = {
        "",   "17", "99", "-1", "+0",         "0x0",
        " 0", "0 ", "OK", "1.", "4294967296", "18446744073709551616",
    };

    (void)state;
    for (size_t i = 0; i < sizeof garbled / sizeof *garbled; i++)
        assert_int_equal(parse(garbled[i]), WEIR_UNKNOWN);
}

static void http_statuses_have_their_codes(void **state)
{
    (void)state;
    assert_int_equal(status_code_from_http(400), WEIR_INTERNAL);
    assert_int_equal(status_code_from_http(401), WEIR_UNAUTHENTICATED);
    assert_int_equal(status_code_from_http(403), WEIR_PERMISSION_DENIED);
    assert_int_equal(status_code_from_http(404), WEIR_UNIMPLEMENTED);
    assert_int_equal(status_code_from_http(431), WEIR_UNKNOWN);
    assert_int_equal(status_code_from_http(429), WEIR_UNAVAILABLE);
    assert_int_equal(status_code_from_http(502), WEIR_UNAVAILABLE);
    assert_int_equal(status_code_from_http(503), WEIR_UNAVAILABLE);
    assert_int_equal(status_code_from_http(504), WEIR_UNAVAILABLE);
    assert_int_equal(status_code_from_http(200), WEIR_UNKNOWN);
    assert_int_equal(status_code_from_http(301), WEIR_UNKNOWN);
    assert_int_equal(status_code_from_http(415), WEIR_UNKNOWN);
    assert_int_equal(status_code_from_http(500), WEIR_UNKNOWN);
    assert_int_equal(status_code_from_http(0), WEIR_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_ascii_is_sent_as_it_is),
        cmocka_unit_test(all_else_is_encoded),
        cmocka_unit_test(decoding_takes_both_cases),
        cmocka_unit_test(a_broken_percent_stays_as_it_is),
        cmocka_unit_test(every_byte_survives_a_round_trip),
        cmocka_unit_test(text_can_be_decoded_in_place),
        cmocka_unit_test(codes_are_decimal_numbers),
        cmocka_unit_test(a_garbled_code_is_unknown),
        cmocka_unit_test(http_statuses_have_their_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
