/* SPDX-License-Identifier: MIT */
/*
 * guide.h - what the route guide knows: features, read once and never changed.
 *
 * They are kept as the messages that are sent, so that answering is pointing at one.
 */
#ifndef GUIDE_H
#define GUIDE_H

#include "route_guide.pb-c.h"

#include <weir/status.h>

struct guide;

/* Reads lines of "latitude longitude name". NULL: *why has the file and the line. */
struct guide *guide_load(const char *path, weir_status *why);
void guide_free(struct guide *guide);

/* The index-th feature, from 0; NULL behind the last. */
const Routeguide__Feature *guide_at(const struct guide *guide, size_t index);

/* NULL where there is none. `point` may be NULL, as an absent field is. */
const Routeguide__Feature *guide_find(const struct guide *guide, const Routeguide__Point *point);

/* A rectangle whose corners are in order. */
struct area {
    int32_t south, north, west, east;
};

/* Absent corners are the point 0, 0, as everywhere in protobuf. */
struct area area_of(const Routeguide__Rectangle *rectangle);
bool area_has(const struct area *area, const Routeguide__Point *point);

/* The sum of a route as it grows. */
struct route {
    const struct guide *guide;
    uint64_t points, features;
    double metres;
    int32_t latitude, longitude; /* of the last point */
    int64_t begin_s;
};

void route_begin(struct route *route, const struct guide *guide);
void route_add(struct route *route, const Routeguide__Point *point);
void route_sum(const struct route *route, Routeguide__RouteSummary *summary);

#endif
