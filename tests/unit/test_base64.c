/* SPDX-License-Identifier: MIT */
/*
 * test_base64.c - the claims of metadata/base64.h.
 */
#include "metadata/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void assert_encodes(const char *data, const char *text)
{
    char out[64] = {0};

    base64_encode((const uint8_t *)data, strlen(data), out);
    assert_string_equal(out, text);
    assert_int_equal(base64_encoded_size(strlen(data)), strlen(text));
}

static void assert_decodes(const char *text, const char *data)
{
    uint8_t out[64] = {0};
    size_t size = 99;

    assert_true(base64_decode((const uint8_t *)text, strlen(text), out, &size));
    assert_int_equal(size, strlen(data));
    assert_memory_equal(out, data, size);
    assert_true(size <= base64_decoded_size_max(strlen(text)));
}

static void refuses(const char *text)
{
    uint8_t out[64];
    size_t size;

    assert_false(base64_decode((const uint8_t *)text, strlen(text), out, &size));
}

static void encoding_never_pads(void **state)
{
    (void)state;
    assert_encodes("", "");
    assert_encodes("f", "Zg");
    assert_encodes("fo", "Zm8");
    assert_encodes("foo", "Zm9v");
    assert_encodes("foob", "Zm9vYg");
    assert_encodes("fooba", "Zm9vYmE");
    assert_encodes("foobar", "Zm9vYmFy");
    assert_encodes("\xFB\xFF\xBF", "+/+/");
}

static void decoding_takes_padded_and_unpadded_text(void **state)
{
    (void)state;
    assert_decodes("", "");
    assert_decodes("Zg", "f");
    assert_decodes("Zg==", "f");
    assert_decodes("Zm8", "fo");
    assert_decodes("Zm8=", "fo");
    assert_decodes("Zm9v", "foo");
    assert_decodes("Zm9vYg==", "foob");
    assert_decodes("+/+/", "\xFB\xFF\xBF");
}

static void unused_bits_do_not_matter(void **state)
{
    (void)state;
    assert_decodes("Zh", "f");
    assert_decodes("Zm9=", "fo");
}

static void junk_is_refused(void **state)
{
    (void)state;
    refuses("Z");
    refuses("=");
    refuses("==");
    refuses("====");
    refuses("Zg=");
    refuses("Zg===");
    refuses("Z===");
    refuses("Zm8==");
    refuses("Zm9v=");
    refuses("Zm9v====");
    refuses("Zg==Zg==");
    refuses("Zm9vYg=A");
    refuses("Zm 9v");
    refuses("Zm9v\n");
    refuses("Zm9-");
    refuses("Zm9_");
    refuses("Zm9!");
    refuses("Zm\xC3\xA9");
}

static void all_bytes_survive_a_round_trip(void **state)
{
    uint8_t data[256], back[400];
    char text[400];
    size_t size;

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        data[i] = (uint8_t)(i * 167 + 13);
    for (size_t length = 0; length <= 256; length++) {
        base64_encode(data, length, text);
        assert_true(base64_decode((uint8_t *)text, base64_encoded_size(length), back, &size));
        assert_int_equal(size, length);
        assert_memory_equal(back, data, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_never_pads),
        cmocka_unit_test(decoding_takes_padded_and_unpadded_text),
        cmocka_unit_test(unused_bits_do_not_matter),
        cmocka_unit_test(junk_is_refused),
        cmocka_unit_test(all_bytes_survive_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
