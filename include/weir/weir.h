/* SPDX-License-Identifier: MIT */
/*
 * weir.h - gRPC for C: a call is a stream in and a stream out. Includes all of weir.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/base.h>
#include <weir/arena.h>
#include <weir/bytes.h>
#include <weir/status.h>
#include <weir/metadata.h>
#include <weir/task.h>
#include <weir/stream.h>
#include <weir/pipe.h>
#include <weir/call.h>
#include <weir/handler.h>
#include <weir/log.h>
#include <weir/loop.h>
#include <weir/metrics.h>
#include <weir/tls.h>
#include <weir/connection.h>
#include <weir/server.h>
#include <weir/channel.h>
#include <weir/inspect.h>
#include <weir/typed.h>
#include <weir/health.h>
#include <weir/reflection.h>
#include <weir/channelz.h>
#include <weir/uv.h>

#endif
