/* SPDX-License-Identifier: MIT */
/*
 * progress.c - how many frames came, and where in one, or in a header block, the bytes end.
 */
#include "http2/progress.h"

#include <string.h>

#define MAGIC_SIZE 24
#define TYPE_HEADERS 1
#define TYPE_PUSH_PROMISE 5
#define TYPE_CONTINUATION 9
#define FLAG_END_HEADERS 4

void progress_init(struct progress *p, bool server)
{
    *p = (struct progress){.preface_left = server ? MAGIC_SIZE : 0};
}

static size_t skip(uint32_t *left, size_t size)
{
    size_t skipped = size < *left ? size : *left;

    *left -= (uint32_t)skipped;
    return skipped;
}

static void end_frame(struct progress *p)
{
    if (!p->in_block)
        p->passed++;
}

static void begin_frame(struct progress *p, const uint8_t *h)
{
    p->header_size = 0;
    p->begun++;
    p->left = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    if (h[3] == TYPE_HEADERS || h[3] == TYPE_PUSH_PROMISE || h[3] == TYPE_CONTINUATION)
        p->in_block = (h[4] & FLAG_END_HEADERS) == 0;
    if (p->left == 0)
        end_frame(p);
}

static size_t add_header(struct progress *p, const uint8_t *data, size_t size)
{
    size_t missing = PROGRESS_HEADER_SIZE - p->header_size;
    size_t part = size < missing ? size : missing;

    if (part == PROGRESS_HEADER_SIZE) { /* as most are: whole */
        begin_frame(p, data);
        return part;
    }
    memcpy(p->header + p->header_size, data, part);
    p->header_size += (uint8_t)part;
    if (part == missing)
        begin_frame(p, p->header);
    return part;
}

static size_t add_payload(struct progress *p, size_t size)
{
    size_t part = skip(&p->left, size);

    if (p->left == 0)
        end_frame(p);
    return part;
}

void progress_add(struct progress *p, const uint8_t *data, size_t size)
{
    size_t at = skip(&p->preface_left, size);

    while (at < size)
        at += p->left != 0 ? add_payload(p, size - at) : add_header(p, data + at, size - at);
}

bool progress_is_partial(const struct progress *p)
{
    return p->left != 0 || p->header_size != 0 || p->in_block;
}
