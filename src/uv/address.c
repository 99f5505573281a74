/* SPDX-License-Identifier: MIT */
/*
 * address.c - "host:port", "[::1]:port", "unix:/path" and "unix-abstract:name" as socket addresses,
 * and back.
 */
#include "uv/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static enum address_kind parse_path(const char *path, struct address *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof un->sun_path)
        return ADDRESS_INVALID;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, size + 1);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    return ADDRESS_READY;
}

/* Linux's sockets without a path: a NUL comes first, and the size says where the name ends. */
static enum address_kind parse_abstract(const char *name, struct address *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
    size_t size = strlen(name);

    if (!ADDRESS_HAS_ABSTRACT || size == 0 || size >= sizeof un->sun_path)
        return ADDRESS_INVALID;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + 1, name, size);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    return ADDRESS_READY;
}

static bool split(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t size;

    if (colon == NULL || colon[1] == '\0' || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || atoi(colon + 1) > 65535)
        return false;
    size = (size_t)(colon - text);
    if (size > 1 && text[0] == '[' && colon[-1] == ']') {
        host++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof out->host)
        return false;
    memcpy(out->host, host, size);
    strcpy(out->port, colon + 1);
    return true;
}

static enum address_kind parse_host(struct address *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&out->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->storage;
    in_port_t port = htons((uint16_t)atoi(out->port));

    if (inet_pton(AF_INET, out->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = port;
        out->size = sizeof *in;
        return ADDRESS_READY;
    }
    if (inet_pton(AF_INET6, out->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
        out->size = sizeof *in6;
        return ADDRESS_READY;
    }
    return strchr(out->host, ':') == NULL ? ADDRESS_NAME : ADDRESS_INVALID;
}

bool address_is_unix(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 || strncmp(text, "unix-abstract:", 14) == 0;
}

enum address_kind address_parse(const char *text, struct address *out)
{
    memset(out, 0, sizeof *out);
    if (strncmp(text, "unix:", 5) == 0)
        return parse_path(strncmp(text + 5, "//", 2) == 0 ? text + 7 : text + 5, out);
    if (strncmp(text, "unix-abstract:", 14) == 0)
        return parse_abstract(text + 14, out);
    return split(text, out) ? parse_host(out) : ADDRESS_INVALID;
}

bool address_parse_local(const char *text, struct address *out)
{
    enum address_kind kind = address_parse(text, out);

    if (kind == ADDRESS_NAME && strcmp(out->host, "localhost") == 0) {
        strcpy(out->host, "127.0.0.1");
        kind = parse_host(out);
    }
    return kind == ADDRESS_READY;
}

/* In a path two slashes at its start would be taken for those of "unix://". A name may hold NULs,
 * which are shown as other tools show them. */
static void format_unix(const struct sockaddr_un *un, socklen_t size, char text[ADDRESS_TEXT_SIZE])
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t length = size > head ? size - head : 0;

    if (length > 1 && un->sun_path[0] == '\0') {
        size_t start = (size_t)snprintf(text, ADDRESS_TEXT_SIZE, "unix-abstract:");

        for (size_t i = 1; i < length; i++)
            text[start++] = un->sun_path[i] != '\0' ? un->sun_path[i] : '@';
        text[start] = '\0';
        return;
    }
    snprintf(text, ADDRESS_TEXT_SIZE, "%s%.*s",
             length > 1 && strncmp(un->sun_path, "//", 2) == 0 ? "unix://" : "unix:", (int)length,
             un->sun_path);
}

void address_format(const struct sockaddr_storage *storage, socklen_t size,
                    char text[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;

    text[0] = '\0';
    if (storage->ss_family == AF_INET) {
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(in->sin_port));
    } else if (storage->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (storage->ss_family == AF_UNIX) {
        format_unix((const struct sockaddr_un *)storage, size, text);
    }
}
