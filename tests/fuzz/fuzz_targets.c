/* SPDX-License-Identifier: MIT */
/*
 * fuzz_targets.c - any text as a channel's target, and as an address to connect to or listen on.
 */
#include "fuzz.h"

#include "channel/target.h"
#include "uv/address.h"

static void target(const char *text)
{
    weir_status why = {0};
    struct target target;

    if (target_parse(text, &target, &why) == WEIR_OK) {
        must(target.address[0] != '\0' && target.authority[0] != '\0');
        must(strlen(target.address) <= strlen(text));
        target_clear(&target);
    } else {
        must(why.code == WEIR_INVALID_ARGUMENT && why.message.size != 0);
        must(target.address == NULL && target.authority == NULL);
    }
    weir_status_clear(&why);
}

/* What an address is called is that address. */
static void named(const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address again;

    address_format(&address->storage, address->size, text);
    must(strlen(text) < sizeof text);
    must(address_parse(text, &again) == ADDRESS_READY);
    must(again.size == address->size);
    must(memcmp(&again.storage, &address->storage, address->size) == 0);
}

static void address(const char *text)
{
    struct address address;
    enum address_kind kind = address_parse(text, &address);

    if (kind == ADDRESS_READY)
        named(&address);
    else if (kind == ADDRESS_NAME)
        must(address.host[0] != '\0' && address.port[0] != '\0');
    if (address_parse_local(text, &address))
        named(&address);
    else
        must(kind != ADDRESS_READY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = string_of((weir_slice){data, size});

    target(text);
    address(text);
    free(text);
    return 0;
}
