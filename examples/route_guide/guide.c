/* SPDX-License-Identifier: MIT */
/*
 * guide.c - features from a file, and the sum of a route.
 */
#include "guide.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEGREE = 10000000 };

/* A feature and what it points to. */
struct place {
    Routeguide__Feature feature;
    Routeguide__Point location;
};

struct guide {
    struct place **places;
    size_t count;
};

static const Routeguide__Point nowhere = ROUTEGUIDE__POINT__INIT;

/* ---- loading ---- */

static struct place *add_place(struct guide *guide)
{
    struct place **more = realloc(guide->places, (guide->count + 1) * sizeof(struct place *));

    if (more == NULL)
        return NULL;
    guide->places = more;
    guide->places[guide->count] = calloc(1, sizeof(struct place));
    return guide->places[guide->count] == NULL ? NULL : guide->places[guide->count++];
}

/* Degrees as a message has them; false where they are none. */
static bool scale(double degrees, double most, int32_t *out)
{
    if (!(fabs(degrees) <= most))
        return false;
    *out = (int32_t)lround(degrees * DEGREE);
    return true;
}

static weir_code parse_line(struct guide *guide, const char *line, weir_status *why)
{
    double latitude, longitude;
    struct place *place;
    int name = 0;

    if (sscanf(line, "%lf %lf %n", &latitude, &longitude, &name) != 2 || line[name] == '\0')
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "not \"latitude longitude name\"");
    place = add_place(guide);
    if (place == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    routeguide__feature__init(&place->feature);
    routeguide__point__init(&place->location);
    place->feature.location = &place->location;
    place->feature.name = strdup(line + name);
    if (place->feature.name == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    if (!scale(latitude, 90, &place->location.latitude) ||
        !scale(longitude, 180, &place->location.longitude))
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "not a place on earth");
    return WEIR_OK;
}

static weir_code read_lines(struct guide *guide, FILE *file, const char *path, weir_status *why)
{
    weir_status reason = {0};
    weir_code code = WEIR_OK;
    char line[256];
    int number = 0;

    while (code == WEIR_OK && fgets(line, sizeof line, file) != NULL) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#' && line[0] != '\0')
            code = parse_line(guide, line, &reason);
    }
    if (code != WEIR_OK)
        weir_fail(why, code, "%s:%d: %.*s", path, number, (int)reason.message.size,
                  (const char *)reason.message.data);
    weir_status_clear(&reason);
    return code;
}

struct guide *guide_load(const char *path, weir_status *why)
{
    struct guide *guide = calloc(1, sizeof *guide);
    FILE *file = fopen(path, "r");
    weir_code code;

    if (guide == NULL || file == NULL)
        code = weir_fail(why, WEIR_NOT_FOUND, "%s: %s", path, strerror(errno));
    else
        code = read_lines(guide, file, path, why);
    if (file != NULL)
        fclose(file);
    if (code == WEIR_OK)
        return guide;
    guide_free(guide);
    return NULL;
}

void guide_free(struct guide *guide)
{
    if (guide == NULL)
        return;
    for (size_t i = 0; i < guide->count; i++) {
        free(guide->places[i]->feature.name);
        free(guide->places[i]);
    }
    free(guide->places);
    free(guide);
}

/* ---- asking ---- */

const Routeguide__Feature *guide_at(const struct guide *guide, size_t index)
{
    return index < guide->count ? &guide->places[index]->feature : NULL;
}

const Routeguide__Feature *guide_find(const struct guide *guide, const Routeguide__Point *point)
{
    const Routeguide__Feature *feature;

    if (point == NULL)
        point = &nowhere;
    for (size_t i = 0; (feature = guide_at(guide, i)) != NULL; i++)
        if (feature->location->latitude == point->latitude &&
            feature->location->longitude == point->longitude)
            return feature;
    return NULL;
}

struct area area_of(const Routeguide__Rectangle *rectangle)
{
    const Routeguide__Point *lo = rectangle->lo != NULL ? rectangle->lo : &nowhere;
    const Routeguide__Point *hi = rectangle->hi != NULL ? rectangle->hi : &nowhere;
    bool upright = lo->latitude <= hi->latitude, onward = lo->longitude <= hi->longitude;

    return (struct area){
        .south = upright ? lo->latitude : hi->latitude,
        .north = upright ? hi->latitude : lo->latitude,
        .west = onward ? lo->longitude : hi->longitude,
        .east = onward ? hi->longitude : lo->longitude,
    };
}

bool area_has(const struct area *area, const Routeguide__Point *point)
{
    return point->latitude >= area->south && point->latitude <= area->north &&
           point->longitude >= area->west && point->longitude <= area->east;
}

/* ---- a route ---- */

static int64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static double radians(int32_t scaled)
{
    return (double)scaled / DEGREE * 3.14159265358979323846 / 180;
}

/* Metres along a great circle, by the haversine formula. */
static double distance(int32_t latitude_a, int32_t longitude_a, int32_t latitude_b,
                       int32_t longitude_b)
{
    const double earth = 6371000;
    double rise = sin((radians(latitude_b) - radians(latitude_a)) / 2);
    double turn = sin((radians(longitude_b) - radians(longitude_a)) / 2);
    double part = rise * rise + cos(radians(latitude_a)) * cos(radians(latitude_b)) * turn * turn;

    return 2 * earth * asin(fmin(1, sqrt(part)));
}

void route_begin(struct route *route, const struct guide *guide)
{
    *route = (struct route){.guide = guide, .begin_s = now_s()};
}

void route_add(struct route *route, const Routeguide__Point *point)
{
    if (route->points++ > 0)
        route->metres +=
            distance(route->latitude, route->longitude, point->latitude, point->longitude);
    if (guide_find(route->guide, point) != NULL)
        route->features++;
    route->latitude = point->latitude;
    route->longitude = point->longitude;
}

/* The message has 32 bits; a route may be longer than that. */
static int32_t at_most_max(double number)
{
    return number < INT32_MAX ? (int32_t)number : INT32_MAX;
}

void route_sum(const struct route *route, Routeguide__RouteSummary *summary)
{
    summary->point_count = at_most_max((double)route->points);
    summary->feature_count = at_most_max((double)route->features);
    summary->distance = at_most_max(route->metres);
    summary->elapsed_time = at_most_max((double)(now_s() - route->begin_s));
}
