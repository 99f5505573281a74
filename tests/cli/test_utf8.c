/* SPDX-License-Identifier: MIT */
/*
 * test_utf8.c - which strings are UTF-8. Each is copied, so that ASan sees a read past its end.
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_what_unicode_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
