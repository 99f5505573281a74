/* SPDX-License-Identifier: MIT */
/*
 * frames.h - what a peer got, cut into frames and decoded.
 */
#ifndef TESTS_CONN_FRAMES_H
#define TESTS_CONN_FRAMES_H

#include "conn/support/peer.h"

void buffer_add(struct buffer *buffer, const void *data, size_t size);

/* Moves the whole frames out of peer->in; acknowledges SETTINGS. */
void frames_parse(struct peer *peer);
void frames_clear(struct peer *peer);

/* For whoever wonders what came. */
void frames_print(const struct peer *peer);

#endif
