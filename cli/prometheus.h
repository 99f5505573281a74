/* SPDX-License-Identifier: MIT */
/*
 * prometheus.h - a snapshot of metrics as Prometheus reads it.
 */
#ifndef WEIR_CLI_PROMETHEUS_H
#define WEIR_CLI_PROMETHEUS_H

#include <weir/weir.h>

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The text format 0.0.4. Failed bytes: memory is out. */
weir_bytes prometheus_text(const weir_metrics_snapshot *snapshot);

#endif
