/* SPDX-License-Identifier: MIT */
/*
 * uv.h - weir's own driver: a loop with sockets, on libuv, whose types stay out of sight.
 *
 * Only for a server or channel that shall run on a thread of yours; without a loop in their
 * options they make what they need.
 *
 *     weir_uv_create(&uv, &why);
 *     weir_server_options options = {.loop = weir_uv_loop(uv)};
 *     ...
 *     weir_uv_run(uv);
 *
 * or, inside an event loop of yours: poll weir_uv_fd for reading, with weir_uv_timeout_ms as the
 * timeout, and call weir_uv_step when either is due.
 */
#ifndef WEIR_UV_H
#define WEIR_UV_H

#include <weir/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_uv weir_uv;

WEIR_API weir_code weir_uv_create(weir_uv **out, weir_status *why) WEIR_MUST_USE;
WEIR_API weir_loop *weir_uv_loop(weir_uv *uv);

/* Runs until weir_uv_stop, on the calling thread. */
WEIR_API void weir_uv_run(weir_uv *uv);

/* Makes weir_uv_run return soon. Any thread. */
WEIR_API void weir_uv_stop(weir_uv *uv);

/* A fd that is readable when a step is due; -1 where libuv has none. */
WEIR_API int weir_uv_fd(const weir_uv *uv);
/* Milliseconds until a step is due without that; -1: never. */
WEIR_API int weir_uv_timeout_ms(const weir_uv *uv);
/* Does what is due, without waiting. */
WEIR_API void weir_uv_step(weir_uv *uv);

/* Servers and channels on it must be freed before. */
WEIR_API void weir_uv_free(weir_uv *uv);

#ifdef __cplusplus
}
#endif

#endif
