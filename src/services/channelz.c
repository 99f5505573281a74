/* SPDX-License-Identifier: MIT */
/*
 * channelz.c - grpc.channelz.v1.Channelz.
 *
 * The lock is held while something that was added is looked at, so that removing it waits for that.
 * Pages are bounded, whatever is asked for.
 */
#include <weir/channelz.h>

#include "channelz_describe.h"
#include "shared.h"

#include <string.h>

enum { PAGE_MAX = 100 };

struct weir_channelz {
    struct shared shared;
    struct channelz_entity *entities;
    int64_t last_id;
};

weir_code weir_channelz_create(weir_channelz **out, weir_status *why)
{
    *out = shared_create(sizeof **out, why);
    return *out != NULL ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

weir_channelz *weir_channelz_ref(weir_channelz *channelz)
{
    shared_ref(&channelz->shared);
    return channelz;
}

void weir_channelz_unref(weir_channelz *channelz)
{
    struct channelz_entity *entity;

    if (channelz == NULL || !shared_drop(&channelz->shared))
        return;
    while ((entity = channelz->entities) != NULL) {
        channelz->entities = entity->next;
        weir_arena_free(entity->arena);
    }
    shared_free(&channelz->shared);
}

/* ---- what is shown ---- */

static struct channelz_entity *create_entity(const char *name)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct channelz_entity *entity = NULL;

    if (arena != NULL)
        entity = weir_arena_alloc(arena, sizeof *entity);
    if (entity != NULL)
        *entity = (struct channelz_entity){.arena = arena,
                                           .name = weir_arena_copy(arena, name, strlen(name))};
    if (entity != NULL && entity->name != NULL)
        return entity;
    weir_arena_free(arena);
    return NULL;
}

static weir_code add(weir_channelz *channelz, struct channelz_entity *entity, weir_status *why)
{
    struct channelz_entity **at = &channelz->entities;

    if (entity == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for channelz");
    pthread_mutex_lock(&channelz->shared.lock);
    entity->id = ++channelz->last_id;
    while (*at != NULL)
        at = &(*at)->next;
    *at = entity;
    pthread_mutex_unlock(&channelz->shared.lock);
    return WEIR_OK;
}

weir_code weir_channelz_add_server(weir_channelz *channelz, weir_server *server, const char *name,
                                   weir_status *why)
{
    struct channelz_entity *entity = create_entity(name);

    if (entity != NULL)
        entity->server = server;
    return add(channelz, entity, why);
}

weir_code weir_channelz_add_channel(weir_channelz *channelz, weir_channel *channel,
                                    weir_status *why)
{
    struct channelz_entity *entity = create_entity(weir_channel_target(channel));

    if (entity != NULL)
        entity->channel = channel;
    return add(channelz, entity, why);
}

/* NULL is no server, and no channel. */
static void remove_entity(weir_channelz *channelz, const weir_server *server,
                          const weir_channel *channel)
{
    struct channelz_entity **at = &channelz->entities;
    struct channelz_entity *removed;

    pthread_mutex_lock(&channelz->shared.lock);
    while (*at != NULL && ((*at)->server != server || (*at)->channel != channel))
        at = &(*at)->next;
    removed = *at;
    if (removed != NULL)
        *at = removed->next;
    pthread_mutex_unlock(&channelz->shared.lock);
    if (removed != NULL)
        weir_arena_free(removed->arena);
}

void weir_channelz_remove_server(weir_channelz *channelz, weir_server *server)
{
    remove_entity(channelz, server, NULL);
}

void weir_channelz_remove_channel(weir_channelz *channelz, weir_channel *channel)
{
    remove_entity(channelz, NULL, channel);
}

/* ---- looking, under the lock ---- */

static const struct channelz_entity *find(const weir_channelz *channelz, int64_t id)
{
    const struct channelz_entity *entity = channelz->entities;

    while (entity != NULL && entity->id != id)
        entity = entity->next;
    return entity;
}

/* The entity of an id inside one. */
static const struct channelz_entity *find_around(const weir_channelz *channelz, int64_t id)
{
    return id > 0 ? find(channelz, id >> CHANNELZ_ID_BITS) : NULL;
}

/* 0: that is no size. */
static size_t page_size(int64_t asked)
{
    if (asked < 0)
        return 0;
    return asked == 0 || asked > PAGE_MAX ? PAGE_MAX : (size_t)asked;
}

static weir_code bad_size(weir_status *why)
{
    return weir_fail(why, WEIR_INVALID_ARGUMENT, "max_results is negative");
}

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for an answer");
}

static weir_code not_found(const char *what, int64_t id, weir_status *why)
{
    return weir_fail(why, WEIR_NOT_FOUND, "there is no %s %lld", what, (long long)id);
}

/* The first entity of this kind at or above the id, from this one on. */
static const struct channelz_entity *next_of(const struct channelz_entity *entity, bool server,
                                             int64_t start)
{
    while (entity != NULL && ((entity->server != NULL) != server || entity->id < start))
        entity = entity->next;
    return entity;
}

/* ---- what clients ask: pages ---- */

static weir_code list_servers(const weir_channelz *channelz, weir_arena *arena, int64_t start,
                              size_t max, Grpc__Channelz__V1__GetServersResponse *response)
{
    const struct channelz_entity *entity = next_of(channelz->entities, true, start);

    for (; entity != NULL && response->n_server != max;
         entity = next_of(entity->next, true, start)) {
        Grpc__Channelz__V1__Server *server = channelz_describe_server(arena, entity);

        if (server == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        response->server[response->n_server++] = server;
    }
    response->end = entity == NULL;
    return WEIR_OK;
}

static weir_code get_servers(void *self, weir_call *call,
                             const Grpc__Channelz__V1__GetServersRequest *request,
                             Grpc__Channelz__V1__GetServersResponse *response, weir_status *why)
{
    weir_channelz *channelz = self;
    size_t max = page_size(request->max_results);
    weir_code code = WEIR_OK;

    if (max == 0)
        return bad_size(why);
    response->server = weir_call_alloc(call, max * sizeof *response->server);
    if (response->server == NULL)
        return out_of_memory(why);
    pthread_mutex_lock(&channelz->shared.lock);
    code = list_servers(channelz, weir_call_arena(call), request->start_server_id, max, response);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK ? code : out_of_memory(why);
}

static weir_code list_channels(const weir_channelz *channelz, weir_arena *arena, int64_t start,
                               size_t max, Grpc__Channelz__V1__GetTopChannelsResponse *response)
{
    const struct channelz_entity *entity = next_of(channelz->entities, false, start);

    for (; entity != NULL && response->n_channel != max;
         entity = next_of(entity->next, false, start)) {
        Grpc__Channelz__V1__Channel *channel = channelz_describe_channel(arena, entity);

        if (channel == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        response->channel[response->n_channel++] = channel;
    }
    response->end = entity == NULL;
    return WEIR_OK;
}

static weir_code get_top_channels(void *self, weir_call *call,
                                  const Grpc__Channelz__V1__GetTopChannelsRequest *request,
                                  Grpc__Channelz__V1__GetTopChannelsResponse *response,
                                  weir_status *why)
{
    weir_channelz *channelz = self;
    size_t max = page_size(request->max_results);
    weir_code code = WEIR_OK;

    if (max == 0)
        return bad_size(why);
    response->channel = weir_call_alloc(call, max * sizeof *response->channel);
    if (response->channel == NULL)
        return out_of_memory(why);
    pthread_mutex_lock(&channelz->shared.lock);
    code = list_channels(channelz, weir_call_arena(call), request->start_channel_id, max, response);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK ? code : out_of_memory(why);
}

/* One more than the page is read: whether it was the last one. */
static weir_code list_sockets(const struct channelz_entity *entity, weir_call *call, int64_t start,
                              size_t max, Grpc__Channelz__V1__GetServerSocketsResponse *response)
{
    int64_t first = start - channelz_id(entity, 0);
    weir_connection_info *found = weir_call_alloc(call, (max + 1) * sizeof *found);
    size_t count;

    response->socket_ref = weir_call_alloc(call, max * sizeof *response->socket_ref);
    if (found == NULL || response->socket_ref == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    count =
        weir_server_connections(entity->server, first > 0 ? (uint64_t)first : 0, found, max + 1);
    for (size_t i = 0; i < count && i < max; i++) {
        response->socket_ref[i] =
            channelz_refer_to_socket(weir_call_arena(call), entity, &found[i]);
        if (response->socket_ref[i] == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        response->n_socket_ref++;
    }
    response->end = count <= max;
    return WEIR_OK;
}

static weir_code get_server_sockets(void *self, weir_call *call,
                                    const Grpc__Channelz__V1__GetServerSocketsRequest *request,
                                    Grpc__Channelz__V1__GetServerSocketsResponse *response,
                                    weir_status *why)
{
    weir_channelz *channelz = self;
    const struct channelz_entity *entity;
    size_t max = page_size(request->max_results);
    weir_code code = WEIR_OK;

    if (max == 0)
        return bad_size(why);
    pthread_mutex_lock(&channelz->shared.lock);
    entity = find(channelz, request->server_id);
    if (entity == NULL || entity->server == NULL)
        code = not_found("server", request->server_id, why);
    else if (list_sockets(entity, call, request->start_socket_id, max, response) != WEIR_OK)
        code = out_of_memory(why);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code;
}

/* ---- what clients ask: one thing ---- */

static weir_code get_server(void *self, weir_call *call,
                            const Grpc__Channelz__V1__GetServerRequest *request,
                            Grpc__Channelz__V1__GetServerResponse *response, weir_status *why)
{
    weir_channelz *channelz = self;
    const struct channelz_entity *entity;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&channelz->shared.lock);
    entity = find(channelz, request->server_id);
    if (entity == NULL || entity->server == NULL)
        code = not_found("server", request->server_id, why);
    else
        response->server = channelz_describe_server(weir_call_arena(call), entity);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK && response->server == NULL ? out_of_memory(why) : code;
}

static weir_code get_channel(void *self, weir_call *call,
                             const Grpc__Channelz__V1__GetChannelRequest *request,
                             Grpc__Channelz__V1__GetChannelResponse *response, weir_status *why)
{
    weir_channelz *channelz = self;
    const struct channelz_entity *entity;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&channelz->shared.lock);
    entity = find(channelz, request->channel_id);
    if (entity == NULL || entity->channel == NULL)
        code = not_found("channel", request->channel_id, why);
    else
        response->channel = channelz_describe_channel(weir_call_arena(call), entity);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK && response->channel == NULL ? out_of_memory(why) : code;
}

static weir_code get_subchannel(void *self, weir_call *call,
                                const Grpc__Channelz__V1__GetSubchannelRequest *request,
                                Grpc__Channelz__V1__GetSubchannelResponse *response,
                                weir_status *why)
{
    weir_channelz *channelz = self;
    const struct channelz_entity *entity;
    int64_t id = request->subchannel_id;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&channelz->shared.lock);
    entity = find_around(channelz, id);
    if (entity == NULL || entity->channel == NULL || id != channelz_id(entity, CHANNELZ_SUBCHANNEL))
        code = not_found("subchannel", id, why);
    else
        response->subchannel = channelz_describe_subchannel(weir_call_arena(call), entity);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK && response->subchannel == NULL ? out_of_memory(why) : code;
}

static bool find_connection(const struct channelz_entity *entity, int64_t id,
                            weir_connection_info *out)
{
    uint64_t number;

    if (entity == NULL)
        return false;
    number = (uint64_t)(id - channelz_id(entity, 0));
    return (entity->server != NULL
                ? weir_server_connections(entity->server, number, out, 1)
                : weir_channel_connections(entity->channel, number, out, 1)) == 1 &&
           out->number == number;
}

static weir_code get_socket(void *self, weir_call *call,
                            const Grpc__Channelz__V1__GetSocketRequest *request,
                            Grpc__Channelz__V1__GetSocketResponse *response, weir_status *why)
{
    weir_channelz *channelz = self;
    const struct channelz_entity *entity;
    weir_connection_info info;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&channelz->shared.lock);
    entity = find_around(channelz, request->socket_id);
    if (!find_connection(entity, request->socket_id, &info))
        code = not_found("socket", request->socket_id, why);
    else
        response->socket = channelz_describe_socket(weir_call_arena(call), entity, &info);
    pthread_mutex_unlock(&channelz->shared.lock);
    return code == WEIR_OK && response->socket == NULL ? out_of_memory(why) : code;
}

/* ---- registration ---- */

const weir_file *weir_channelz_file(void)
{
    return &grpc__channelz__v1__channelz__file;
}

static void release(void *self)
{
    weir_channelz_unref(self);
}

weir_code weir_channelz_serve(weir_server *server, weir_channelz *channelz, weir_status *why)
{
    const struct {
        const weir_method *method;
        weir_handler handler;
    } methods[] = {
        {&grpc__channelz__v1__channelz__get_top_channels__method,
         grpc__channelz__v1__channelz__get_top_channels__handler(
             get_top_channels, weir_channelz_ref(channelz), release)},
        {&grpc__channelz__v1__channelz__get_servers__method,
         grpc__channelz__v1__channelz__get_servers__handler(get_servers,
                                                            weir_channelz_ref(channelz), release)},
        {&grpc__channelz__v1__channelz__get_server__method,
         grpc__channelz__v1__channelz__get_server__handler(get_server, weir_channelz_ref(channelz),
                                                           release)},
        {&grpc__channelz__v1__channelz__get_server_sockets__method,
         grpc__channelz__v1__channelz__get_server_sockets__handler(
             get_server_sockets, weir_channelz_ref(channelz), release)},
        {&grpc__channelz__v1__channelz__get_channel__method,
         grpc__channelz__v1__channelz__get_channel__handler(get_channel,
                                                            weir_channelz_ref(channelz), release)},
        {&grpc__channelz__v1__channelz__get_subchannel__method,
         grpc__channelz__v1__channelz__get_subchannel__handler(
             get_subchannel, weir_channelz_ref(channelz), release)},
        {&grpc__channelz__v1__channelz__get_socket__method,
         grpc__channelz__v1__channelz__get_socket__handler(get_socket, weir_channelz_ref(channelz),
                                                           release)},
    };
    weir_code code = WEIR_OK;

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        weir_handler handler = methods[i].handler;

        if (code == WEIR_OK)
            code = weir_server_handle(server, methods[i].method->path, handler, why);
        else
            weir_handler_release(&handler);
    }
    return code;
}
