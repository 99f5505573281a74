/* SPDX-License-Identifier: MIT */
/*
 * fuzz_metadata.c - any bytes as base64, and as pairs that a user adds or a peer sends.
 *
 * What is in a list may be sent, and comes out at the other end as it was.
 */
#include "fuzz.h"

#include "base/arena.h"
#include "metadata/base64.h"
#include "metadata/metadata.h"

/* ---- base64 ---- */

static void encoded(const uint8_t *data, size_t size)
{
    size_t text_size = base64_encoded_size(size), back_size;
    uint8_t *text = malloc(text_size != 0 ? text_size : 1);
    uint8_t *back = malloc(base64_decoded_size_max(text_size));

    must(text != NULL && back != NULL);
    base64_encode(data, size, (char *)text);
    must(base64_decode(text, text_size, back, &back_size));
    must(back_size == size && (size == 0 || memcmp(back, data, size) == 0));
    free(text);
    free(back);
}

static void decoded(const uint8_t *text, size_t size)
{
    uint8_t *data = malloc(base64_decoded_size_max(size));
    size_t data_size;

    must(data != NULL);
    if (base64_decode(text, size, data, &data_size)) {
        must(data_size <= base64_decoded_size_max(size));
        encoded(data, data_size);
    }
    free(data);
}

/* ---- lists ---- */

static bool is_binary(weir_slice name)
{
    return name.size >= 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0;
}

static void may_be_sent(weir_slice name, weir_slice value)
{
    must(name.size != 0 && name.data[name.size] == '\0' && value.data[value.size] == '\0');
    for (size_t i = 0; i < name.size; i++)
        must(name.data[i] != '\0' &&
             strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.", name.data[i]) != NULL);
    if (is_binary(name))
        return;
    for (size_t i = 0; i < value.size; i++)
        must(value.data[i] >= 0x20 && value.data[i] <= 0x7E);
    must(value.size == 0 || (value.data[0] != ' ' && value.data[value.size - 1] != ' '));
}

static bool is_same(weir_slice a, weir_slice b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Sends the index-th pair of `list` and reads it into `peers`. False: no memory. */
static bool send_pair(const weir_metadata *list, size_t index, weir_metadata *peers)
{
    weir_slice name, value, text, got_name, got;
    weir_code code;

    weir_metadata_at(list, index, &name, &value);
    may_be_sent(name, value);
    code = metadata_wire_value(list, index, peers->arena, &text);
    if (code == WEIR_OK)
        code = metadata_append_wire(peers, name.data, name.size, text.data, text.size);
    must(code == WEIR_OK || code == WEIR_RESOURCE_EXHAUSTED);
    if (code != WEIR_OK)
        return false;
    must(weir_metadata_count(peers) == index + 1);
    weir_metadata_at(peers, index, &got_name, &got);
    must(is_same(name, got_name) && is_same(value, got));
    return true;
}

static void send(const weir_metadata *list)
{
    struct weir_arena arena = {0};
    weir_metadata peers, copies;
    size_t sent = 0;

    metadata_init(&peers, &arena);
    metadata_init(&copies, &arena);
    while (sent < list->count && send_pair(list, sent, &peers))
        sent++;
    must(sent == list->count);
    must(metadata_append_all(&copies, list) == WEIR_OK && copies.count == list->count);
    arena_clear(&arena);
}

static void receive(weir_metadata *list, const uint8_t *name, size_t name_size,
                    const uint8_t *value, size_t size)
{
    size_t before = list->count;
    weir_code code = metadata_append_wire(list, name, name_size, value, size);

    must(code == WEIR_OK || code == WEIR_INTERNAL || code == WEIR_RESOURCE_EXHAUSTED);
    must(code == WEIR_OK || list->count == before);
}

static void add_one(struct input *input, weir_metadata *list)
{
    static const char *const names[] = {"x", "x-bin", "-bin", "grpc-status", ":path", ""};
    unsigned kind = input_byte(input);
    weir_slice value = input_slice(input);
    weir_slice given = kind & 1 ? input_slice(input) : (weir_slice){0};
    const char *known = names[kind / 4 % 6];
    size_t name_size = kind & 1 ? given.size : strlen(known);
    uint8_t *name = copy_of(kind & 1 ? (const char *)given.data : known, name_size);
    uint8_t *copy = copy_of(value.data, value.size);

    if (kind & 2)
        receive(list, name, name_size, copy, value.size);
    else
        (void)!metadata_add(list, (char *)name, name_size, copy, value.size);
    free(name);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct weir_arena arena = {0};
    weir_metadata list;
    uint8_t *text = copy_of(data, size);

    encoded(text, size);
    decoded(text, size);
    free(text);
    metadata_init(&list, &arena);
    if (input_byte(&input) & 1)
        arena_allow(&arena, (size_t)input_byte(&input) * 64);
    while (input.size != 0)
        add_one(&input, &list);
    send(&list);
    arena_clear(&arena);
    return 0;
}
