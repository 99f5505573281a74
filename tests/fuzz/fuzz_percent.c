/* SPDX-License-Identifier: MIT */
/*
 * fuzz_percent.c - any bytes as a status message to be sent, as one that came, and as a code.
 */
#include "fuzz.h"

#include "status/code.h"
#include "status/percent.h"

static uint8_t *encode(const uint8_t *data, size_t size, size_t *encoded_size)
{
    uint8_t *text;

    *encoded_size = percent_encoded_size(data, size);
    text = malloc(*encoded_size != 0 ? *encoded_size : 1);
    must(text != NULL);
    percent_encode(data, size, (char *)text);
    return text;
}

static void there_and_back(const uint8_t *data, size_t size)
{
    size_t text_size;
    uint8_t *text = encode(data, size, &text_size);

    for (size_t i = 0; i < text_size; i++)
        must(text[i] >= 0x20 && text[i] <= 0x7E);
    must(percent_decode(text, text_size, text) == size); /* in place */
    must(size == 0 || memcmp(text, data, size) == 0);
    free(text);
}

static void decoded(const uint8_t *data, size_t size)
{
    uint8_t *out = copy_of(data, size), *in_place = copy_of(data, size);
    size_t out_size = percent_decode(data, size, out);

    must(out_size <= size);
    must(percent_decode(in_place, size, in_place) == out_size);
    must(memcmp(out, in_place, out_size) == 0);
    there_and_back(out, out_size);
    free(out);
    free(in_place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = copy_of(data, size);
    weir_code code = status_code_parse(copy, size);

    must((unsigned)code <= WEIR_UNAUTHENTICATED);
    there_and_back(copy, size);
    decoded(copy, size);
    free(copy);
    return 0;
}
