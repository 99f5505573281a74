/* SPDX-License-Identifier: MIT */
/*
 * fuzz_timeout.c - any bytes as a grpc-timeout, and as a number of nanoseconds to be sent as one.
 */
#include "fuzz.h"

#include "call/timeout.h"

/* At most eight digits and a unit. */
static bool is_timeout(weir_slice text)
{
    if (text.size < 2 || text.size > 9)
        return false;
    for (size_t i = 0; i + 1 < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.data[text.size - 1] != '\0' && strchr("numSMH", text.data[text.size - 1]) != NULL;
}

/* What is sent for `ns` is read as that, or as a little more. */
static uint64_t sent_and_read(uint64_t ns)
{
    char text[TIMEOUT_TEXT_SIZE];
    size_t size = timeout_format(ns, text);
    uint64_t read;

    must(size < sizeof text && text[size] == '\0');
    must(is_timeout((weir_slice){(const uint8_t *)text, size}));
    must(timeout_parse((const uint8_t *)text, size, &read));
    must(read >= ns && read - ns <= ns / 100000);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t *text = copy_of(data, size);
    uint64_t ns = 0, bits;

    must(timeout_parse(text, size, &ns) == is_timeout((weir_slice){text, size}));
    must(sent_and_read(ns) == ns); /* what came in eight digits goes on in eight digits */
    bits = input_number(&input, 8);
    sent_and_read(bits >> input_byte(&input) % 64);
    free(text);
    return 0;
}
