/* SPDX-License-Identifier: MIT */
/*
 * target.c - gRPC's names for where a service is.
 *
 * The address stays as it was written, without its scheme; whether a host exists is known when it
 * is connected to.
 */
#include "channel/target.h"

#include "base/alloc.h"

#include <string.h>

void target_clear(struct target *target)
{
    mem_free(target->address);
    mem_free(target->authority);
    mem_free(target->uri);
    *target = (struct target){0};
}

static const char *without(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* The "host:port" of a target; NULL when it has a scheme that is not known here. */
static const char *host_of(const char *text)
{
    static const char *const schemes[] = {"dns:///", "dns:", "ipv4:", "ipv6:", "passthrough:///"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const char *rest = without(text, schemes[i]);

        if (rest != NULL)
            return rest;
    }
    return strstr(text, "://") == NULL ? text : NULL;
}

static char *with_scheme(const char *text)
{
    static const char scheme[] = "dns:///";
    size_t size = strlen(text) + 1;
    char *canonical;

    if (host_of(text) != text)
        return mem_copy_string(text);
    canonical = mem_alloc(sizeof scheme - 1 + size);
    if (canonical == NULL)
        return NULL;
    memcpy(canonical, scheme, sizeof scheme - 1);
    memcpy(canonical + sizeof scheme - 1, text, size);
    return canonical;
}

static bool port_is_valid(const char *text)
{
    unsigned port = 0;
    size_t size = strspn(text, "0123456789");

    if (size == 0 || size > 5 || text[size] != '\0')
        return false;
    for (size_t i = 0; i < size; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return port != 0 && port <= 65535;
}

static bool host_and_port_are_valid(const char *text)
{
    const char *colon = strrchr(text, ':');

    if (colon == NULL || colon == text || !port_is_valid(colon + 1))
        return false;
    if (text[0] == '[')
        return colon[-1] == ']';
    return memchr(text, ':', (size_t)(colon - text)) == NULL &&
           memchr(text, '/', (size_t)(colon - text)) == NULL;
}

/* The URI moves in. */
static weir_code fill(struct target *out, char *uri, const char *address, const char *authority,
                      weir_status *why)
{
    out->uri = uri;
    out->address = mem_copy_string(address);
    out->authority = mem_copy_string(authority);
    if (out->uri != NULL && out->address != NULL && out->authority != NULL)
        return WEIR_OK;
    target_clear(out);
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a target");
}

weir_code target_parse(const char *text, struct target *out, weir_status *why)
{
    const char *path = without(text, "unix:");
    const char *name = without(text, "unix-abstract:");
    const char *host;

    *out = (struct target){0};
    if ((path != NULL && path[0] != '\0') || (name != NULL && name[0] != '\0'))
        return fill(out, mem_copy_string(text), text, "localhost", why);
    host = path == NULL && name == NULL ? host_of(text) : NULL;
    if (host == NULL || !host_and_port_are_valid(host))
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "'%s' is no target: \"host:port\", \"dns:///host:port\", "
                         "\"[::1]:port\", \"unix:path\" and \"unix-abstract:name\" are",
                         text);
    return fill(out, with_scheme(text), host, host, why);
}
