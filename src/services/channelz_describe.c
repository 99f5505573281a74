/* SPDX-License-Identifier: MIT */
/*
 * channelz_describe.c - servers, channels and connections as channelz's messages, in an arena.
 */
#include "channelz_describe.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATE(name) GRPC__CHANNELZ__V1__CHANNEL_CONNECTIVITY_STATE__STATE__##name

/* More sockets of one subchannel are not listed: a channel has one, and those that go away. */
enum { SOCKETS_MAX = 100 };

/* ---- small things; NULL, false: the arena refused ---- */

static void *create(weir_arena *arena, const ProtobufCMessageDescriptor *type)
{
    void *message = weir_arena_alloc(arena, type->sizeof_message);

    if (message != NULL)
        type->message_init(message);
    return message;
}

/* What was added may be removed before the message is sent. */
static char *copy(weir_arena *arena, const char *text)
{
    return weir_arena_copy(arena, text, strlen(text));
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The loop's clock is the monotonic one, where its driver reads that. 0: never, and no message. */
static bool add_time(weir_arena *arena, uint64_t ns, Google__Protobuf__Timestamp **out)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t ago = now > ns ? now - ns : 0;
    uint64_t when = clock_ns(CLOCK_REALTIME) - ago;

    if (ns == 0)
        return true;
    *out = create(arena, &google__protobuf__timestamp__descriptor);
    if (*out == NULL)
        return false;
    (*out)->seconds = (int64_t)(when / UINT64_C(1000000000));
    (*out)->nanos = (int32_t)(when % UINT64_C(1000000000));
    return true;
}

static bool add_number(weir_arena *arena, int64_t value, Google__Protobuf__Int64Value **out)
{
    *out = create(arena, &google__protobuf__int64_value__descriptor);
    if (*out != NULL)
        (*out)->value = value;
    return *out != NULL;
}

/* ---- addresses ---- */

static bool add_unix_address(weir_arena *arena, const char *path, Grpc__Channelz__V1__Address *out)
{
    out->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_UDS_ADDRESS;
    out->uds_address = create(arena, &grpc__channelz__v1__address__uds_address__descriptor);
    if (out->uds_address == NULL)
        return false;
    out->uds_address->filename = copy(arena, path);
    return out->uds_address->filename != NULL;
}

/* "127.0.0.1:80" or "[::1]:80"; 0: it is neither. */
static size_t parse_ip(const char *text, uint8_t ip[16], int32_t *port)
{
    const char *colon = strrchr(text, ':');
    bool bracket = text[0] == '[';
    char host[WEIR_ADDRESS_SIZE];
    size_t size;

    if (colon == NULL || (bracket && colon - text < 2))
        return 0;
    size = (size_t)(colon - text) - 2 * (size_t)bracket;
    memcpy(host, text + bracket, size);
    host[size] = '\0';
    *port = (int32_t)strtol(colon + 1, NULL, 10);
    if (inet_pton(bracket ? AF_INET6 : AF_INET, host, ip) != 1)
        return 0;
    return bracket ? 16 : 4;
}

static bool add_ip_address(weir_arena *arena, const uint8_t *ip, size_t size, int32_t port,
                           Grpc__Channelz__V1__Address *out)
{
    out->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_TCPIP_ADDRESS;
    out->tcpip_address = create(arena, &grpc__channelz__v1__address__tcp_ip_address__descriptor);
    if (out->tcpip_address == NULL)
        return false;
    out->tcpip_address->ip_address =
        (ProtobufCBinaryData){size, (uint8_t *)weir_arena_copy(arena, ip, size)};
    out->tcpip_address->port = port;
    return out->tcpip_address->ip_address.data != NULL;
}

static bool add_other_address(weir_arena *arena, const char *text, Grpc__Channelz__V1__Address *out)
{
    out->address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_OTHER_ADDRESS;
    out->other_address = create(arena, &grpc__channelz__v1__address__other_address__descriptor);
    if (out->other_address == NULL)
        return false;
    out->other_address->name = copy(arena, text);
    return out->other_address->name != NULL;
}

static bool add_address(weir_arena *arena, const char *text, Grpc__Channelz__V1__Address **out)
{
    uint8_t ip[16];
    int32_t port = 0;
    size_t size;

    if (text[0] == '\0')
        return true;
    *out = create(arena, &grpc__channelz__v1__address__descriptor);
    if (*out == NULL)
        return false;
    if (strncmp(text, "unix:", 5) == 0)
        return add_unix_address(arena, text + 5, *out);
    size = parse_ip(text, ip, &port);
    return size != 0 ? add_ip_address(arena, ip, size, port, *out)
                     : add_other_address(arena, text, *out);
}

/* ---- connections ---- */

static bool add_security(weir_arena *arena, const weir_connection_info *info,
                         Grpc__Channelz__V1__Security **out)
{
    Grpc__Channelz__V1__Security__Tls *tls;

    if (!info->tls)
        return true;
    *out = create(arena, &grpc__channelz__v1__security__descriptor);
    tls = create(arena, &grpc__channelz__v1__security__tls__descriptor);
    if (*out == NULL || tls == NULL)
        return false;
    (*out)->model_case = GRPC__CHANNELZ__V1__SECURITY__MODEL_TLS;
    (*out)->tls = tls;
    tls->cipher_suite_case = GRPC__CHANNELZ__V1__SECURITY__TLS__CIPHER_SUITE_STANDARD_NAME;
    tls->standard_name = copy(arena, info->tls_cipher);
    return tls->standard_name != NULL;
}

static bool add_socket_data(weir_arena *arena, const weir_connection_info *info, bool client,
                            Grpc__Channelz__V1__SocketData **out)
{
    Grpc__Channelz__V1__SocketData *data =
        create(arena, &grpc__channelz__v1__socket_data__descriptor);

    *out = data;
    if (data == NULL)
        return false;
    data->streams_started = (int64_t)info->streams_started;
    data->streams_succeeded = (int64_t)info->streams_succeeded;
    data->streams_failed = (int64_t)info->streams_failed;
    data->messages_sent = (int64_t)info->messages_sent;
    data->messages_received = (int64_t)info->messages_received;
    data->keep_alives_sent = (int64_t)info->keepalives_sent;
    return add_time(arena, info->last_stream_ns,
                    client ? &data->last_local_stream_created_timestamp
                           : &data->last_remote_stream_created_timestamp) &&
           add_time(arena, info->last_sent_ns, &data->last_message_sent_timestamp) &&
           add_time(arena, info->last_received_ns, &data->last_message_received_timestamp) &&
           add_number(arena, info->send_window, &data->local_flow_control_window) &&
           add_number(arena, info->receive_window, &data->remote_flow_control_window);
}

Grpc__Channelz__V1__SocketRef *channelz_refer_to_socket(weir_arena *arena,
                                                        const struct channelz_entity *entity,
                                                        const weir_connection_info *info)
{
    Grpc__Channelz__V1__SocketRef *ref = create(arena, &grpc__channelz__v1__socket_ref__descriptor);

    if (ref == NULL)
        return NULL;
    ref->socket_id = channelz_id(entity, info->number);
    ref->name = copy(arena, info->peer);
    return ref->name != NULL ? ref : NULL;
}

Grpc__Channelz__V1__Socket *channelz_describe_socket(weir_arena *arena,
                                                     const struct channelz_entity *entity,
                                                     const weir_connection_info *info)
{
    Grpc__Channelz__V1__Socket *socket = create(arena, &grpc__channelz__v1__socket__descriptor);

    if (socket == NULL)
        return NULL;
    socket->ref = channelz_refer_to_socket(arena, entity, info);
    if (socket->ref == NULL ||
        !add_socket_data(arena, info, entity->channel != NULL, &socket->data) ||
        !add_address(arena, info->local, &socket->local) ||
        !add_address(arena, info->peer, &socket->remote) ||
        !add_security(arena, info, &socket->security))
        return NULL;
    return socket;
}

/* ---- servers ---- */

static bool add_server_data(weir_arena *arena, weir_server *server,
                            Grpc__Channelz__V1__ServerData **out)
{
    weir_calls_info calls;

    *out = create(arena, &grpc__channelz__v1__server_data__descriptor);
    if (*out == NULL)
        return false;
    weir_server_calls(server, &calls);
    (*out)->calls_started = (int64_t)calls.started;
    (*out)->calls_succeeded = (int64_t)calls.succeeded;
    (*out)->calls_failed = (int64_t)calls.failed;
    return add_time(arena, calls.last_ns, &(*out)->last_call_started_timestamp);
}

Grpc__Channelz__V1__Server *channelz_describe_server(weir_arena *arena,
                                                     const struct channelz_entity *entity)
{
    Grpc__Channelz__V1__Server *server = create(arena, &grpc__channelz__v1__server__descriptor);

    if (server == NULL)
        return NULL;
    server->ref = create(arena, &grpc__channelz__v1__server_ref__descriptor);
    if (server->ref == NULL || !add_server_data(arena, entity->server, &server->data))
        return NULL;
    server->ref->server_id = entity->id;
    server->ref->name = copy(arena, entity->name);
    return server->ref->name != NULL ? server : NULL;
}

/* ---- channels ---- */

/* That of the newest connection; without one it is made when there is a call. */
static Grpc__Channelz__V1__ChannelConnectivityState__State
state_of(const weir_connection_info *connections, size_t count)
{
    if (count == 0)
        return STATE(IDLE);
    switch (connections[count - 1].state) {
    case WEIR_CONNECTION_CONNECTING:
        return STATE(CONNECTING);
    case WEIR_CONNECTION_READY:
        return STATE(READY);
    case WEIR_CONNECTION_FAILED:
        return STATE(TRANSIENT_FAILURE);
    default:
        return STATE(IDLE);
    }
}

static Grpc__Channelz__V1__ChannelData *channel_data(weir_arena *arena,
                                                     const struct channelz_entity *entity,
                                                     const weir_connection_info *connections,
                                                     size_t count)
{
    Grpc__Channelz__V1__ChannelData *data =
        create(arena, &grpc__channelz__v1__channel_data__descriptor);
    weir_calls_info calls;

    if (data == NULL)
        return NULL;
    data->state = create(arena, &grpc__channelz__v1__channel_connectivity_state__descriptor);
    if (data->state == NULL)
        return NULL;
    weir_channel_calls(entity->channel, &calls);
    data->state->state = state_of(connections, count);
    data->target = copy(arena, entity->name);
    data->calls_started = (int64_t)calls.started;
    data->calls_succeeded = (int64_t)calls.succeeded;
    data->calls_failed = (int64_t)calls.failed;
    if (data->target == NULL || !add_time(arena, calls.last_ns, &data->last_call_started_timestamp))
        return NULL;
    return data;
}

/* The channel's connections, in the arena. */
static weir_connection_info *connections_of(weir_arena *arena, const struct channelz_entity *entity,
                                            size_t *count)
{
    weir_connection_info *all = weir_arena_alloc(arena, SOCKETS_MAX * sizeof *all);

    if (all != NULL)
        *count = weir_channel_connections(entity->channel, 0, all, SOCKETS_MAX);
    return all;
}

static Grpc__Channelz__V1__SubchannelRef *subchannel_ref(weir_arena *arena,
                                                         const struct channelz_entity *entity)
{
    Grpc__Channelz__V1__SubchannelRef *ref =
        create(arena, &grpc__channelz__v1__subchannel_ref__descriptor);

    if (ref == NULL)
        return NULL;
    ref->subchannel_id = channelz_id(entity, CHANNELZ_SUBCHANNEL);
    ref->name = copy(arena, entity->name);
    return ref->name != NULL ? ref : NULL;
}

Grpc__Channelz__V1__Channel *channelz_describe_channel(weir_arena *arena,
                                                       const struct channelz_entity *entity)
{
    Grpc__Channelz__V1__Channel *channel = create(arena, &grpc__channelz__v1__channel__descriptor);
    size_t count = 0;
    weir_connection_info *connections = connections_of(arena, entity, &count);

    if (channel == NULL || connections == NULL)
        return NULL;
    channel->ref = create(arena, &grpc__channelz__v1__channel_ref__descriptor);
    channel->data = channel_data(arena, entity, connections, count);
    channel->subchannel_ref = weir_arena_alloc(arena, sizeof *channel->subchannel_ref);
    if (channel->ref == NULL || channel->data == NULL || channel->subchannel_ref == NULL)
        return NULL;
    channel->ref->channel_id = entity->id;
    channel->ref->name = copy(arena, entity->name);
    channel->n_subchannel_ref = 1;
    channel->subchannel_ref[0] = subchannel_ref(arena, entity);
    return channel->ref->name != NULL && channel->subchannel_ref[0] != NULL ? channel : NULL;
}

Grpc__Channelz__V1__Subchannel *channelz_describe_subchannel(weir_arena *arena,
                                                             const struct channelz_entity *entity)
{
    Grpc__Channelz__V1__Subchannel *subchannel =
        create(arena, &grpc__channelz__v1__subchannel__descriptor);
    size_t count = 0;
    weir_connection_info *connections = connections_of(arena, entity, &count);

    if (subchannel == NULL || connections == NULL)
        return NULL;
    subchannel->ref = subchannel_ref(arena, entity);
    subchannel->data = channel_data(arena, entity, connections, count);
    subchannel->socket_ref = weir_arena_alloc(arena, SOCKETS_MAX * sizeof *subchannel->socket_ref);
    if (subchannel->ref == NULL || subchannel->data == NULL || subchannel->socket_ref == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        subchannel->socket_ref[i] = channelz_refer_to_socket(arena, entity, &connections[i]);
        if (subchannel->socket_ref[i] == NULL)
            return NULL;
    }
    subchannel->n_socket_ref = count;
    return subchannel;
}
