/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how many frames came, and where in one, or in a header block, the bytes end.
 *
 * A peer that begins one and does not finish it holds a connection for nothing; nghttp2 does not
 * tell that it waits for the rest, and says nothing of frames of unknown kinds and of streams that
 * are gone. So all are followed here once more, by their heads alone.
 */
#ifndef HTTP2_PROGRESS_H
#define HTTP2_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_HEADER_SIZE 9

struct progress {
    uint32_t preface_left; /* of a client's magic, which is no frame */
    uint32_t left;         /* of the payload */
    uint8_t header[PROGRESS_HEADER_SIZE];
    uint8_t header_size; /* that came */
    bool in_block;       /* of headers: CONTINUATION must follow */
    uint64_t begun;      /* frames whose head came */
    uint64_t passed;     /* frames and header blocks that are complete */
};

/* `server`: what comes begins with a client's magic. */
void progress_init(struct progress *progress, bool server);

void progress_add(struct progress *progress, const uint8_t *data, size_t size);

/* A frame or a header block was begun, and its end has not come. */
bool progress_is_partial(const struct progress *progress);

#endif
