/* SPDX-License-Identifier: MIT */
/*
 * health.h - grpc.health.v1.Health: is the server, or one of its services, ready for calls?
 *
 *     weir_health_create(&health, &why);
 *     weir_health_serve(server, health, &why);
 *     weir_health_set(health, "helloworld.Greeter", WEIR_SERVING, &why);
 *     weir_health_unref(health);
 *
 * The server as a whole is the name "", which is SERVING from the start. When a server that serves
 * it begins to shut down all names become NOT_SERVING, watchers are told, and their calls end, so
 * that they do not hold the server up. Functions here work from any thread.
 */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#include <weir/typed.h>

#ifdef __cplusplus
extern "C" {
#endif

/* With the numbers of grpc.health.v1. */
typedef enum weir_serving_status {
    WEIR_SERVING_UNKNOWN = 0,
    WEIR_SERVING = 1,
    WEIR_NOT_SERVING = 2,
    WEIR_SERVICE_UNKNOWN = 3 /* said to watchers alone */
} weir_serving_status;

typedef struct weir_health weir_health;

/* Counted. RESOURCE_EXHAUSTED: out of memory. */
WEIR_API weir_code weir_health_create(weir_health **out, weir_status *why) WEIR_MUST_USE;
WEIR_API weir_health *weir_health_ref(weir_health *health);
WEIR_API void weir_health_unref(weir_health *health);

/* Registers Check, List and Watch. Keeps a reference as long as the server lives. */
WEIR_API weir_code weir_health_serve(weir_server *server, weir_health *health,
                                     weir_status *why) WEIR_MUST_USE;

/* The file that describes it, for weir_reflection_serve. */
WEIR_API const weir_file *weir_health_file(void);

/* Sets the status of a service (copied), and tells all who watch it. After weir_health_shutdown the
 * new status waits for weir_health_resume. INVALID_ARGUMENT: SERVICE_UNKNOWN cannot be set. */
WEIR_API weir_code weir_health_set(weir_health *health, const char *service,
                                   weir_serving_status status, weir_status *why);

/* All services are NOT_SERVING, whatever was set, until weir_health_resume. */
WEIR_API void weir_health_shutdown(weir_health *health);
WEIR_API void weir_health_resume(weir_health *health);

#ifdef __cplusplus
}
#endif

#endif
