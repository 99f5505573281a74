/* SPDX-License-Identifier: MIT */
/*
 * test_utf8.c - which strings are UTF-8, and how those of others are shown. Each is copied, so that
 * ASan sees a read past its end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "utf8.h"

static bool valid(const char *text)
{
    char *copy = strdup(text);
    bool is;

    assert_non_null(copy);
    is = is_utf8(copy);
    free(copy);
    return is;
}

static void utf8_is_what_unicode_says(void **state)
{
    (void)state;
    assert_true(valid(""));
    assert_true(valid("plain"));
    assert_true(valid("gr\xc3\xbcn \xe4\xb8\xad \xf0\x9f\x8c\x8a"));
    assert_true(valid("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
    assert_false(valid("\x80"));             /* begins in the middle */
    assert_false(valid("\xc3"));             /* ends in the middle */
    assert_false(valid("\xf0\x9f\x8c"));     /* ends in the middle */
    assert_false(valid("\xc3("));            /* breaks off */
    assert_false(valid("\xc0\x80"));         /* longer than needed */
    assert_false(valid("\xe0\x80\x80"));     /* longer than needed */
    assert_false(valid("\xed\xa0\x80"));     /* half a surrogate pair */
    assert_false(valid("\xf4\x90\x80\x80")); /* past U+10FFFF */
    assert_false(valid("\xff"));
    assert_false(valid("fine\xff"));
}

static void assert_shown(const char *text, size_t size, const char *expected)
{
    char *shown = NULL, *copy = malloc(size + (size == 0));
    size_t shown_size;
    FILE *out = open_memstream(&shown, &shown_size);

    assert_non_null(copy);
    assert_non_null(out);
    memcpy(copy, text, size);
    print_visibly(out, copy, size);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(shown, expected);
    free(shown);
    free(copy);
}

static void what_others_say_cannot_command_a_terminal(void **state)
{
    (void)state;
    assert_shown("", 0, "");
    assert_shown("gr\xc3\xbcn \xf0\x9f\x8c\x8a", 10, "gr\xc3\xbcn \xf0\x9f\x8c\x8a");
    assert_shown("a\033[2Jb\r\n", 8, "a\\x1b[2Jb\\x0d\n");
    assert_shown("\0\x7f", 2, "\\x00\\x7f");
    assert_shown("\xc2\x9b\xc2\xa0", 4, "\\xc2\\x9b\xc2\xa0"); /* CSI; a space */
    assert_shown("\x9b\xf0\x9f", 3, "\\x9b\\xf0\\x9f");        /* no UTF-8 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_what_unicode_says),
        cmocka_unit_test(what_others_say_cannot_command_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
