/* SPDX-License-Identifier: MIT */
/*
 * fuzz_messages.c - any bytes as a message: the first one says of which type.
 *
 * Generated code and protobuf-c must agree on them (tests/protoc/check.h).
 */
#include "fuzz.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome outcome;

    if (size == 0)
        return 0;
    outcome = check_message(&tested_types[data[0] % tested_type_count], data + 1, size - 1);
    outcome_clear(&outcome);
    return 0;
}
