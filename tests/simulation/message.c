/* SPDX-License-Identifier: MIT */
/*
 * message.c - messages that say whose they are.
 *
 * Behind the head lies a piece of a fixed pattern, which starts elsewhere for each number, so that
 * bytes that come from another message, or from another place, are seen.
 */
#include "simulation/message.h"

#include "simulation/must.h"

#include <string.h>

enum { PATTERN_SIZE = 262144, STARTS = 8192 };

struct head {
    uint32_t number;
    uint16_t talk;
    uint8_t server;
    uint8_t maps;
};

static const uint8_t *pattern(const struct head *head)
{
    static uint8_t bytes[PATTERN_SIZE];

    if (bytes[1] == 0) {
        for (size_t i = 0; i < PATTERN_SIZE; i++)
            bytes[i] = (uint8_t)dice_mix(i + 1);
    }
    return bytes + dice_mix(head->number * 64u + head->talk) % STARTS;
}

size_t message_size(const struct lane *lane, uint32_t number)
{
    uint64_t mixed = dice_mix(lane->talk * UINT64_C(1000003) + number * 2u + lane->server);

    if (lane->origin->empties && number % 5 == 2)
        return 0;
    return sizeof(struct head) + mixed % (lane->origin->max_size - sizeof(struct head) + 1);
}

weir_bytes message_make(const struct lane *lane, uint32_t number)
{
    const struct head head = {number, lane->talk, lane->server, 0};
    size_t size = message_size(lane, number);
    uint8_t *memory;
    weir_bytes message = weir_bytes_new(size, &memory);

    if (size == 0 || weir_bytes_failed(&message))
        return message;
    memcpy(memory, &head, sizeof head);
    memcpy(memory + sizeof head, pattern(&head), size - sizeof head);
    return message;
}

void message_check(const weir_bytes *message, const struct lane *lane, uint32_t number,
                   uint8_t maps)
{
    const struct head head = {number, lane->talk, lane->server, maps};
    size_t size = message_size(lane, number);
    struct head came;

    MUST(message->size == size || message->size >= sizeof head,
         "call %u: a message of %zu bytes, message %u has %zu", lane->talk, message->size, number,
         size);
    if (message->size >= sizeof head) {
        memcpy(&came, message->data, sizeof came);
        MUST(memcmp(&came, &head, sizeof head) == 0,
             "call %u: message %u of call %u by %u after %u maps came, not %u by %u after %u",
             lane->talk, came.number, came.talk, came.server, came.maps, number, lane->server,
             maps);
    }
    MUST(message->size == size, "call %u: message %u has %zu bytes, not %zu", lane->talk, number,
         message->size, size);
    MUST(size == 0 || memcmp(message->data + sizeof head, pattern(&head), size - sizeof head) == 0,
         "call %u: other bytes in message %u", lane->talk, number);
}

static struct head head_of(const weir_bytes *message)
{
    struct head head;

    MUST(message->size >= sizeof head, "a message without a head");
    memcpy(&head, message->data, sizeof head);
    return head;
}

uint32_t message_number(const weir_bytes *message)
{
    return head_of(message).number;
}

bool message_is_servers(const weir_bytes *message)
{
    return head_of(message).server != 0;
}

weir_bytes message_mapped(const weir_bytes *message)
{
    uint8_t *memory;
    weir_bytes mapped = weir_bytes_new(message->size, &memory);

    if (message->size == 0 || weir_bytes_failed(&mapped))
        return mapped;
    memcpy(memory, message->data, message->size);
    memory[offsetof(struct head, maps)]++;
    return mapped;
}
