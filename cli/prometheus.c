/* SPDX-License-Identifier: MIT */
/*
 * prometheus.c - a snapshot of metrics as Prometheus reads it (text format 0.0.4).
 *
 * Names follow OpenTelemetry's rules for Prometheus: what is no letter, digit or colon becomes '_',
 * the unit is spelled out at the end, and counters end in "_total".
 */
#include "prometheus.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(weir_builder *out, const char *text)
{
    weir_builder_append(out, text, strlen(text));
}

static void put_count(weir_builder *out, uint64_t count)
{
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)count);
    put(out, text);
}

/* The shortest of two ways to write it that says all of it. */
static void put_number(weir_builder *out, double number)
{
    char text[40];

    snprintf(text, sizeof text, "%.15g", number);
    if (strtod(text, NULL) != number)
        snprintf(text, sizeof text, "%.17g", number);
    put(out, text);
}

static void put_name(weir_builder *out, const char *name)
{
    for (; *name != '\0'; name++) {
        char c = isalnum((unsigned char)*name) || *name == ':' ? *name : '_';

        weir_builder_append(out, &c, 1);
    }
}

/* A backslash before what would end the text; quotes only matter in labels. */
static void put_escaped(weir_builder *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            put(out, "\\n");
        else if (*text == '\\' || (*text == '"' && quotes)) {
            const char pair[] = {'\\', *text};

            weir_builder_append(out, pair, 2);
        } else {
            weir_builder_append(out, text, 1);
        }
    }
}

static void put_metric_name(weir_builder *out, const weir_metric *metric)
{
    put_name(out, metric->name);
    if (strcmp(metric->unit, "s") == 0)
        put(out, "_seconds");
    else if (strcmp(metric->unit, "By") == 0)
        put(out, "_bytes");
    if (metric->kind == WEIR_METRIC_COUNTER)
        put(out, "_total");
}

static void put_head(weir_builder *out, const weir_metric *metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    put(out, "# HELP ");
    put_metric_name(out, metric);
    put(out, " ");
    put_escaped(out, metric->description, false);
    put(out, "\n# TYPE ");
    put_metric_name(out, metric);
    put(out, " ");
    put(out, types[metric->kind]);
    put(out, "\n");
}

/* {a="b",le="0.1"}; `le` may be NULL. */
static void put_labels(weir_builder *out, const weir_metric_point *point, const double *le)
{
    if (point->label_count == 0 && le == NULL)
        return;
    put(out, "{");
    for (size_t i = 0; i < point->label_count; i++) {
        put(out, i != 0 ? "," : "");
        put_name(out, point->labels[i].name);
        put(out, "=\"");
        put_escaped(out, point->labels[i].value, true);
        put(out, "\"");
    }
    if (le != NULL) {
        put(out, point->label_count != 0 ? ",le=\"" : "le=\"");
        if (*le < 0)
            put(out, "+Inf");
        else
            put_number(out, *le);
        put(out, "\"");
    }
    put(out, "}");
}

static void put_bucket(weir_builder *out, const weir_metric *metric, const weir_metric_point *point,
                       double le, uint64_t count)
{
    put_metric_name(out, metric);
    put(out, "_bucket");
    put_labels(out, point, &le);
    put(out, " ");
    put_count(out, count);
    put(out, "\n");
}

/* Prometheus' buckets hold all that the ones before them hold. */
static void put_histogram(weir_builder *out, const weir_metric *metric,
                          const weir_metric_point *point)
{
    uint64_t count = 0;

    for (size_t i = 0; i < metric->bound_count; i++) {
        count += point->buckets[i];
        put_bucket(out, metric, point, metric->bounds[i], count);
    }
    put_bucket(out, metric, point, -1, point->count);
    put_metric_name(out, metric);
    put(out, "_sum");
    put_labels(out, point, NULL);
    put(out, " ");
    put_number(out, point->value);
    put(out, "\n");
    put_metric_name(out, metric);
    put(out, "_count");
    put_labels(out, point, NULL);
    put(out, " ");
    put_count(out, point->count);
    put(out, "\n");
}

static void put_value(weir_builder *out, const weir_metric *metric, const weir_metric_point *point)
{
    put_metric_name(out, metric);
    put_labels(out, point, NULL);
    put(out, " ");
    put_number(out, point->value);
    put(out, "\n");
}

weir_bytes prometheus_text(const weir_metrics_snapshot *snapshot)
{
    weir_builder out = {0};

    for (size_t i = 0; i < snapshot->count; i++) {
        const weir_metric *metric = &snapshot->metrics[i];

        if (metric->point_count == 0)
            continue;
        put_head(&out, metric);
        for (size_t k = 0; k < metric->point_count; k++) {
            if (metric->kind == WEIR_METRIC_HISTOGRAM)
                put_histogram(&out, metric, &metric->points[k]);
            else
                put_value(&out, metric, &metric->points[k]);
        }
    }
    return weir_builder_finish(&out);
}
