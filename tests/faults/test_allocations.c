/* SPDX-License-Identifier: MIT */
/*
 * test_allocations.c - each allocation fails, the first, the second and so on, while a server and
 * a client do calls of all four kinds over a real socket.
 *
 * What cannot be made is said; a call ends with a status; the next one works. Nothing hangs, and no
 * fd and no memory stays. tests/conn/test_memory.c does the same where nothing runs by chance.
 */
#include "conn/support/memory.h"
#include "faults/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { ALLOCATIONS_MAX = 4000 };

/* Whoever fails for want of memory says that; where it has none to say so, the other end hears of a
 * reset (INTERNAL) or of a lost connection. */
static bool allowed(weir_code code)
{
    return code == WEIR_OK || code == WEIR_RESOURCE_EXHAUSTED || code == WEIR_INTERNAL ||
           code == WEIR_UNAVAILABLE;
}

/* False: so many allocations there are not. */
static bool run_without(size_t at, enum place place)
{
    int fds = open_fds();
    struct service service;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;
    bool started, failed;

    memory_fail_at(at);
    started = service_start(&service, place);
    if (started)
        code = service_call(&service);
    failed = memory_failed();
    memory_fail_at(SIZE_MAX);
    assert_true(failed ? allowed(code) : code == WEIR_OK);
    if (started) {
        assert_int_equal(service_call(&service), WEIR_OK);
        service_stop(&service);
    }
    assert_int_equal(open_fds(), fds);
    return failed;
}

static void each_fails(enum place place)
{
    size_t held = memory_held(), at = 0;

    while (run_without(at, place)) {
        assert_int_equal(memory_held(), held);
        assert_in_range(++at, 1, ALLOCATIONS_MAX);
    }
    assert_true(at > 100);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    each_fails(ON_TCP);
}

static void each_allocation_may_fail_when_a_name_is_looked_up(void **state)
{
    (void)state;
    if (!localhost_is_known())
        skip();
    each_fails(ON_NAME);
}

static void each_allocation_may_fail_on_a_unix_socket(void **state)
{
    (void)state;
    each_fails(ON_UNIX);
}

static void each_allocation_may_fail_on_a_pair_of_sockets(void **state)
{
    (void)state;
    each_fails(ON_PAIR);
}

static int prepare(void **state)
{
    memory_install();
    return service_prepare(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_allocation_may_fail_when_a_name_is_looked_up),
        cmocka_unit_test(each_allocation_may_fail_on_a_unix_socket),
        cmocka_unit_test(each_allocation_may_fail_on_a_pair_of_sockets),
    };

    return cmocka_run_group_tests(tests, prepare, service_clear);
}
