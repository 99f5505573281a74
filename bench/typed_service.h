/* SPDX-License-Identifier: MIT */
/*
 * typed_service.h - bench.Echo in structures, as protoc-gen-weir's users write it.
 */
#ifndef BENCH_TYPED_SERVICE_H
#define BENCH_TYPED_SERVICE_H

#include <weir/server.h>

weir_code typed_service_add(weir_server *server, weir_status *why);

#endif
