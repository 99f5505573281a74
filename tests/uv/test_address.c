/* SPDX-License-Identifier: MIT */
/*
 * test_address.c - the claims of uv/address.h.
 */
#include "uv/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <cmocka.h>

/* What is written for an address is read as that address. */
static void expect_same(const char *text, const char *written)
{
    struct address address, again;
    char name[ADDRESS_TEXT_SIZE];

    assert_int_equal(address_parse(text, &address), ADDRESS_READY);
    address_format(&address.storage, address.size, name);
    assert_string_equal(name, written);
    assert_int_equal(address_parse(name, &again), ADDRESS_READY);
    assert_int_equal(again.size, address.size);
    assert_memory_equal(&again.storage, &address.storage, address.size);
}

static void an_address_is_written_as_it_may_be_read(void **state)
{
    (void)state;
    expect_same("127.0.0.1:50051", "127.0.0.1:50051");
    expect_same("[::1]:0", "[::1]:0");
    expect_same("::1:80", "[::1]:80");
    expect_same("unix:/run/weir", "unix:/run/weir");
    expect_same("unix:///run/weir", "unix:/run/weir");
    expect_same("unix:////run/weir", "unix:////run/weir");
    expect_same("unix-abstract:weir", "unix-abstract:weir");
    expect_same("unix-abstract:/run//weir", "unix-abstract:/run//weir");
}

static void what_cannot_be_written_is_shown_all_the_same(void **state)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct sockaddr_un *un = (struct sockaddr_un *)&storage;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    address_format(&storage, (socklen_t)head, text);
    assert_string_equal(text, "unix:");
    memcpy(un->sun_path, "\0a\0b", 4);
    address_format(&storage, (socklen_t)(head + 4), text);
    assert_string_equal(text, "unix-abstract:a@b");
    memset(un->sun_path, 'p', sizeof un->sun_path); /* no room for a NUL */
    address_format(&storage, (socklen_t)sizeof *un, text);
    assert_int_equal(strlen(text), 5 + sizeof un->sun_path);
    storage.ss_family = AF_UNSPEC;
    address_format(&storage, (socklen_t)head, text);
    assert_string_equal(text, "");
}

static void names_are_told_from_addresses(void **state)
{
    struct address address;

    (void)state;
    assert_int_equal(address_parse("example.com:443", &address), ADDRESS_NAME);
    assert_string_equal(address.host, "example.com");
    assert_string_equal(address.port, "443");
    assert_false(address_parse_local("example.com:443", &address));
    assert_true(address_parse_local("localhost:443", &address));
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const texts[] = {
        "",        "host",  "host:",          ":80",        "host:65536",
        "host:1x", "unix:", "unix-abstract:", "[::1%lo]:80"};
    struct address address;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(address_parse(texts[i], &address), ADDRESS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_written_as_it_may_be_read),
        cmocka_unit_test(what_cannot_be_written_is_shown_all_the_same),
        cmocka_unit_test(names_are_told_from_addresses),
        cmocka_unit_test(what_is_no_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
