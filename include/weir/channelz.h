/* SPDX-License-Identifier: MIT */
/*
 * channelz.h - grpc.channelz.v1.Channelz: tools such as grpcdebug look at servers, channels and
 * their connections while they run.
 *
 *     weir_channelz_create(&channelz, &why);
 *     weir_channelz_serve(server, channelz, &why);
 *     weir_channelz_add_server(channelz, server, "main", &why);
 *     weir_channelz_unref(channelz);
 *
 * It shows what was added to it and nothing else, to everybody who may call the server: addresses
 * of clients are among it. A channel has one subchannel, as it has one address. What is shown is
 * read when it is asked for. Functions here work from any thread.
 */
#ifndef WEIR_CHANNELZ_H
#define WEIR_CHANNELZ_H

#include <weir/inspect.h>
#include <weir/typed.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_channelz weir_channelz;

/* Counted. RESOURCE_EXHAUSTED: out of memory. */
WEIR_API weir_code weir_channelz_create(weir_channelz **out, weir_status *why) WEIR_MUST_USE;
WEIR_API weir_channelz *weir_channelz_ref(weir_channelz *channelz);
WEIR_API void weir_channelz_unref(weir_channelz *channelz);

/* Registers the service. Keeps a reference as long as the server lives. */
WEIR_API weir_code weir_channelz_serve(weir_server *server, weir_channelz *channelz,
                                       weir_status *why) WEIR_MUST_USE;

/* The file that describes it, for weir_reflection_serve. */
WEIR_API const weir_file *weir_channelz_file(void);

/*
 * Shows a server or channel, which is borrowed: it must be removed before it is freed, unless
 * nobody can ask any more, as when the server that is shown is the only one that serves this.
 * `name` is copied; of a channel it is the target. RESOURCE_EXHAUSTED.
 */
WEIR_API weir_code weir_channelz_add_server(weir_channelz *channelz, weir_server *server,
                                            const char *name, weir_status *why) WEIR_MUST_USE;
WEIR_API weir_code weir_channelz_add_channel(weir_channelz *channelz, weir_channel *channel,
                                             weir_status *why) WEIR_MUST_USE;

/* When it returns nobody looks at it any more. */
WEIR_API void weir_channelz_remove_server(weir_channelz *channelz, weir_server *server);
WEIR_API void weir_channelz_remove_channel(weir_channelz *channelz, weir_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
