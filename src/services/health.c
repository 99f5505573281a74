/* SPDX-License-Identifier: MIT */
/*
 * health.c - grpc.health.v1.Health.
 *
 * A watcher holds what it last said and compares that with what is, so however fast the status
 * changes and however slowly the client reads, nothing queues up: it gets the latest.
 */
#include <weir/health.h>

#include "grpc/health/v1/health.weir.h"
#include "shared.h"

#include <string.h>

/* More names than this are not listed: the reply would have no bound. */
enum { LIST_MAX = 100 };

struct service {
    struct service *next;
    const char *name;
    weir_serving_status status;
};

/* One Watch. It lies in its call's memory. */
struct watcher {
    struct watcher *next;
    struct watcher **at; /* what points to it */
    weir_health *health;
    weir_call *call;
    const char *service;
    int last; /* -1: nothing was said yet */
    weir_waker waker;
};

struct weir_health {
    struct shared shared; /* the services are in its arena, too */
    struct service *services;
    struct watcher *watchers;
    size_t count;
    bool shut_down;
    bool ends; /* so does the server: watchers that know the last status are let go */
};

weir_code weir_health_create(weir_health **out, weir_status *why)
{
    weir_health *health = shared_create(sizeof *health, why);

    *out = NULL;
    if (health == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (weir_health_set(health, "", WEIR_SERVING, why) != WEIR_OK) {
        weir_health_unref(health);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out = health;
    return WEIR_OK;
}

weir_health *weir_health_ref(weir_health *health)
{
    shared_ref(&health->shared);
    return health;
}

void weir_health_unref(weir_health *health)
{
    if (health != NULL && shared_drop(&health->shared))
        shared_free(&health->shared);
}

/* ---- the statuses, under the lock ---- */

static struct service *find(const weir_health *health, const char *name)
{
    struct service *service = health->services;

    while (service != NULL && strcmp(service->name, name) != 0)
        service = service->next;
    return service;
}

static struct service *add(weir_health *health, const char *name)
{
    struct service *service = weir_arena_alloc(health->shared.arena, sizeof *service);
    const char *copy = weir_arena_copy(health->shared.arena, name, strlen(name));

    if (service == NULL || copy == NULL)
        return NULL;
    *service = (struct service){health->services, copy, WEIR_SERVICE_UNKNOWN};
    health->services = service;
    health->count++;
    return service;
}

static weir_serving_status status_of(const weir_health *health, const struct service *service)
{
    if (service == NULL)
        return WEIR_SERVICE_UNKNOWN;
    return health->shut_down ? WEIR_NOT_SERVING : service->status;
}

static void wake_watchers(weir_health *health)
{
    for (struct watcher *watcher = health->watchers; watcher != NULL; watcher = watcher->next)
        weir_waker_wake(&watcher->waker);
}

/* ---- what the program says ---- */

weir_code weir_health_set(weir_health *health, const char *name, weir_serving_status status,
                          weir_status *why)
{
    struct service *service;

    if (status < WEIR_SERVING_UNKNOWN || status > WEIR_NOT_SERVING)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "%d is no status to set", (int)status);
    pthread_mutex_lock(&health->shared.lock);
    service = find(health, name);
    if (service == NULL)
        service = add(health, name);
    if (service != NULL && service->status != status) {
        service->status = status;
        wake_watchers(health);
    }
    pthread_mutex_unlock(&health->shared.lock);
    if (service == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a service's health");
    return WEIR_OK;
}

static void set_shut_down(weir_health *health, bool shut_down)
{
    pthread_mutex_lock(&health->shared.lock);
    health->shut_down = shut_down;
    wake_watchers(health);
    pthread_mutex_unlock(&health->shared.lock);
}

void weir_health_shutdown(weir_health *health)
{
    set_shut_down(health, true);
}

void weir_health_resume(weir_health *health)
{
    set_shut_down(health, false);
}

/* ---- what clients ask ---- */

static weir_code check(void *self, weir_call *call,
                       const Grpc__Health__V1__HealthCheckRequest *request,
                       Grpc__Health__V1__HealthCheckResponse *response, weir_status *why)
{
    weir_health *health = self;
    weir_serving_status status;

    (void)call;
    pthread_mutex_lock(&health->shared.lock);
    status = status_of(health, find(health, request->service));
    pthread_mutex_unlock(&health->shared.lock);
    if (status == WEIR_SERVICE_UNKNOWN)
        return weir_fail(why, WEIR_NOT_FOUND, "unknown service %.200s", request->service);
    response->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return WEIR_OK;
}

typedef Grpc__Health__V1__HealthListResponse__StatusesEntry list_entry;

static list_entry *make_entry(const weir_health *health, const struct service *service,
                              weir_call *call)
{
    list_entry *entry = weir_call_alloc(call, sizeof *entry);
    Grpc__Health__V1__HealthCheckResponse *value = weir_call_alloc(call, sizeof *value);

    if (entry == NULL || value == NULL)
        return NULL;
    grpc__health__v1__health_list_response__statuses_entry__init(entry);
    grpc__health__v1__health_check_response__init(value);
    entry->key = (char *)service->name;
    entry->value = value;
    value->status =
        (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status_of(health, service);
    return entry;
}

static weir_code fill_list(const weir_health *health, weir_call *call,
                           Grpc__Health__V1__HealthListResponse *response, weir_status *why)
{
    if (health->count > LIST_MAX)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "there are more than %d services", LIST_MAX);
    response->statuses = weir_call_alloc(call, health->count * sizeof *response->statuses);
    if (response->statuses == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a list");
    for (const struct service *s = health->services; s != NULL; s = s->next) {
        list_entry *entry = make_entry(health, s, call);

        if (entry == NULL)
            return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a list");
        response->statuses[response->n_statuses++] = entry;
    }
    return WEIR_OK;
}

/* Names are never removed, so the reply may point to them after the lock is free. */
static weir_code list(void *self, weir_call *call,
                      const Grpc__Health__V1__HealthListRequest *request,
                      Grpc__Health__V1__HealthListResponse *response, weir_status *why)
{
    weir_health *health = self;
    weir_code code;

    (void)request;
    pthread_mutex_lock(&health->shared.lock);
    code = fill_list(health, call, response, why);
    pthread_mutex_unlock(&health->shared.lock);
    return code;
}

/* ---- Watch ---- */

static weir_poll next_status(void *state, weir_task *task, weir_arena *arena,
                             Grpc__Health__V1__HealthCheckResponse *out, weir_status *why)
{
    struct watcher *watcher = state;
    weir_health *health = watcher->health;
    weir_poll poll = WEIR_READY;
    weir_serving_status status;

    (void)arena, (void)why;
    pthread_mutex_lock(&health->shared.lock);
    status = status_of(health, find(health, watcher->service));
    if (watcher->last == (int)status)
        poll = health->ends ? WEIR_END : WEIR_PENDING;
    watcher->last = (int)status;
    if (poll == WEIR_PENDING)
        weir_waker_keep(&watcher->waker, task);
    pthread_mutex_unlock(&health->shared.lock);
    out->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return poll;
}

static void stop_watching(void *state)
{
    struct watcher *watcher = state;
    weir_health *health = watcher->health;

    pthread_mutex_lock(&health->shared.lock);
    *watcher->at = watcher->next;
    if (watcher->next != NULL)
        watcher->next->at = watcher->at;
    pthread_mutex_unlock(&health->shared.lock);
    weir_waker_release(&watcher->waker);
    weir_health_unref(health);
    weir_call_unref(watcher->call);
}

static void start_watching(struct watcher *watcher)
{
    weir_health *health = watcher->health;

    pthread_mutex_lock(&health->shared.lock);
    watcher->next = health->watchers;
    watcher->at = &health->watchers;
    if (watcher->next != NULL)
        watcher->next->at = &watcher->next;
    health->watchers = watcher;
    pthread_mutex_unlock(&health->shared.lock);
}

static Grpc__Health__V1__Health__Watch_Responses
watch(void *self, weir_call *call, const Grpc__Health__V1__HealthCheckRequest *request)
{
    struct watcher *watcher = weir_call_alloc(call, sizeof *watcher);
    const char *service = weir_call_copy(call, request->service, strlen(request->service));

    if (watcher == NULL || service == NULL)
        return (Grpc__Health__V1__Health__Watch_Responses){
            weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory for a watcher")};
    *watcher = (struct watcher){.health = weir_health_ref(self),
                                .call = weir_call_ref(call),
                                .service = service,
                                .last = -1};
    start_watching(watcher);
    return grpc__health__v1__health__watch__responses_from(next_status, watcher, stop_watching);
}

/* ---- registration ---- */

const weir_file *weir_health_file(void)
{
    return &grpc__health__v1__health__file;
}

static void release(void *self)
{
    weir_health_unref(self);
}

static void server_shuts_down(void *self)
{
    weir_health *health = self;

    pthread_mutex_lock(&health->shared.lock);
    health->ends = true;
    pthread_mutex_unlock(&health->shared.lock);
    weir_health_shutdown(health);
}

weir_code weir_health_serve(weir_server *server, weir_health *health, weir_status *why)
{
    const struct {
        const weir_method *method;
        weir_handler handler;
    } methods[] = {
        {&grpc__health__v1__health__check__method,
         grpc__health__v1__health__check__handler(check, weir_health_ref(health), release)},
        {&grpc__health__v1__health__list__method,
         grpc__health__v1__health__list__handler(list, weir_health_ref(health), release)},
        {&grpc__health__v1__health__watch__method,
         grpc__health__v1__health__watch__stream_handler(watch, weir_health_ref(health), release)},
    };
    weir_code code =
        weir_server_on_shutdown(server, server_shuts_down, weir_health_ref(health), release, why);

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        weir_handler handler = methods[i].handler;

        if (code == WEIR_OK)
            code = weir_server_handle(server, methods[i].method->path, handler, why);
        else
            weir_handler_release(&handler);
    }
    return code;
}
