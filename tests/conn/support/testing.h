/* SPDX-License-Identifier: MIT */
/*
 * testing.h - cmocka, and the one fake clock of a test.
 *
 * Expectations are macros over functions that take the place of their caller, so that a failure
 * names the line of the test.
 */
#ifndef TESTS_CONN_TESTING_H
#define TESTS_CONN_TESTING_H

#include <weir/weir.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The time, for every loop and task of a test. */
extern uint64_t now;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A row of a table of tests. */
#define TEST_ROW(name, claim, setup, teardown)                                                     \
    ((struct CMUnitTest){name, claim, setup, teardown, NULL})

#endif
