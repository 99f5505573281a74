/* SPDX-License-Identifier: MIT */
/*
 * methods.c - from a method's name to its handler.
 *
 * Exact names, "/package.Service/<star>" and "<star>" are all keys of one table; a look-up tries
 * them in this order.
 */
#include "server/methods.h"

#include "base/alloc.h"

#include <string.h>

#define HASH_FACTOR UINT64_C(0x9E3779B97F4A7C15)

/* Eight bytes a step; the table is the program's own, so nobody can choose its keys. */
static uint32_t hash_of(const char *name, size_t size)
{
    uint64_t hash = size * HASH_FACTOR;
    uint64_t piece;

    for (; size >= sizeof piece; name += sizeof piece, size -= sizeof piece) {
        memcpy(&piece, name, sizeof piece);
        hash = (hash ^ piece) * HASH_FACTOR;
        hash ^= hash >> 32;
    }
    piece = 0;
    memcpy(&piece, name, size);
    hash = (hash ^ piece) * HASH_FACTOR;
    hash ^= hash >> 32;
    return (uint32_t)hash;
}

static struct method *slot_of(const struct methods *methods, const char *name, size_t size,
                              uint32_t hash)
{
    size_t at = hash & (methods->capacity - 1);

    for (;; at = (at + 1) & (methods->capacity - 1)) {
        struct method *slot = &methods->slots[at];

        if (slot->name == NULL)
            return slot;
        if (slot->hash == hash && slot->size == size && memcmp(slot->name, name, size) == 0)
            return slot;
    }
}

static bool grow(struct methods *methods)
{
    struct methods larger = {.capacity = methods->capacity == 0 ? 32 : methods->capacity * 2};

    larger.slots = mem_zalloc(larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < methods->capacity; i++) {
        struct method *old = &methods->slots[i];

        if (old->name != NULL)
            *slot_of(&larger, old->name, old->size, old->hash) = *old;
    }
    larger.count = methods->count;
    mem_free(methods->slots);
    *methods = larger;
    return true;
}

static bool name_is_valid(const char *name)
{
    const char *slash;

    if (strcmp(name, "*") == 0)
        return true;
    slash = name[0] == '/' ? strchr(name + 1, '/') : NULL;
    return slash != NULL && slash != name + 1 && slash[1] != '\0' && strchr(slash + 1, '/') == NULL;
}

static weir_code insert(struct methods *methods, const char *name, const weir_handler *handler,
                        unsigned number, weir_status *why)
{
    size_t size = strlen(name);
    uint32_t hash = hash_of(name, size);
    struct method *slot;

    if (!name_is_valid(name))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "'%s' is not a method: \"/package.Service/Method\" is", name);
    if ((methods->count + 1) * 2 > methods->capacity && !grow(methods))
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for method %s", name);
    slot = slot_of(methods, name, size, hash);
    if (slot->name != NULL)
        return weir_fail(why, WEIR_ALREADY_EXISTS, "method %s has a handler already", name);
    slot->name = mem_copy_string(name);
    if (slot->name == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for method %s", name);
    slot->size = size;
    slot->hash = hash;
    slot->number = number;
    slot->handler = *handler;
    methods->count++;
    return WEIR_OK;
}

weir_code methods_add(struct methods *methods, const char *name, weir_handler handler,
                      unsigned number, weir_status *why)
{
    weir_code code = insert(methods, name, &handler, number, why);

    if (code != WEIR_OK)
        weir_handler_release(&handler);
    return code;
}

static const struct method *find(const struct methods *methods, const char *name, size_t size)
{
    const struct method *slot = slot_of(methods, name, size, hash_of(name, size));

    return slot->name != NULL ? slot : NULL;
}

static const struct method *find_service(const struct methods *methods, const char *name)
{
    const char *slash = strrchr(name, '/');
    const struct method *found;
    size_t size;
    char *pattern;

    if (slash == NULL)
        return NULL;
    size = (size_t)(slash - name) + 1;
    pattern = mem_alloc(size + 1);
    if (pattern == NULL)
        return NULL;
    memcpy(pattern, name, size);
    pattern[size] = '*';
    found = find(methods, pattern, size + 1);
    mem_free(pattern);
    return found;
}

const struct method *methods_find(const struct methods *methods, const char *name)
{
    const struct method *found;

    if (methods->count == 0)
        return NULL;
    found = find(methods, name, strlen(name));
    if (found == NULL)
        found = find_service(methods, name);
    return found != NULL ? found : find(methods, "*", 1);
}

void methods_clear(struct methods *methods)
{
    for (size_t i = 0; i < methods->capacity; i++) {
        if (methods->slots[i].name != NULL)
            weir_handler_release(&methods->slots[i].handler);
        mem_free(methods->slots[i].name);
    }
    mem_free(methods->slots);
    *methods = (struct methods){0};
}
