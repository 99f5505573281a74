/* SPDX-License-Identifier: MIT */
/*
 * channelz_describe.h - servers, channels and connections as channelz's messages, in an arena.
 *
 * NULL when the arena refused. Everything is copied.
 */
#ifndef SERVICES_CHANNELZ_DESCRIBE_H
#define SERVICES_CHANNELZ_DESCRIBE_H

#include <weir/inspect.h>

#include "grpc/channelz/v1/channelz.weir.h"

/* What was added: a server or a channel. */
struct channelz_entity {
    struct channelz_entity *next; /* ascending ids */
    weir_arena *arena;            /* that it lies in */
    int64_t id;
    const char *name;    /* of a channel: its target */
    weir_server *server; /* NULL: a channel */
    weir_channel *channel;
};

/*
 * Ids are made of the entity's and a number inside it, so that nothing needs to be kept for them:
 * the entity's own is its id, above these 40 bits come its connections by their number, and its
 * subchannel.
 */
#define CHANNELZ_ID_BITS 40
#define CHANNELZ_SUBCHANNEL ((INT64_C(1) << CHANNELZ_ID_BITS) - 1)

static inline int64_t channelz_id(const struct channelz_entity *entity, uint64_t number)
{
    return (int64_t)((uint64_t)entity->id << CHANNELZ_ID_BITS | number);
}

Grpc__Channelz__V1__Server *channelz_describe_server(weir_arena *arena,
                                                     const struct channelz_entity *entity);
Grpc__Channelz__V1__Channel *channelz_describe_channel(weir_arena *arena,
                                                       const struct channelz_entity *entity);
Grpc__Channelz__V1__Subchannel *channelz_describe_subchannel(weir_arena *arena,
                                                             const struct channelz_entity *entity);
Grpc__Channelz__V1__Socket *channelz_describe_socket(weir_arena *arena,
                                                     const struct channelz_entity *entity,
                                                     const weir_connection_info *info);
Grpc__Channelz__V1__SocketRef *channelz_refer_to_socket(weir_arena *arena,
                                                        const struct channelz_entity *entity,
                                                        const weir_connection_info *info);

#endif
