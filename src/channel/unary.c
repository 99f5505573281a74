/* SPDX-License-Identifier: MIT */
/*
 * unary.c - a call of one message each way, on the calling thread.
 *
 * The reply counts only when the call ended well and brought exactly one.
 */
#include <weir/channel.h>

#include "channel/channel.h"

static weir_code take_status(weir_status *why, weir_status status)
{
    weir_code code = status.code;

    if (why != NULL) {
        weir_status_clear(why);
        *why = status;
    } else {
        weir_status_clear(&status);
    }
    return code;
}

static weir_code wrong_count(weir_status *why, const char *what)
{
    return weir_fail(why, WEIR_UNIMPLEMENTED, "%s message in the response of a unary call", what);
}

weir_code channel_single_reply(weir_stream responses, weir_bytes *reply, weir_status *why)
{
    weir_item first, second;
    weir_poll poll = weir_stream_next(&responses, &first);

    *reply = (weir_bytes){0};
    if (poll == WEIR_ERROR)
        return take_status(why, first.status);
    if (poll == WEIR_END)
        return wrong_count(why, "no");
    poll = weir_stream_next(&responses, &second);
    weir_stream_release(&responses);
    if (poll == WEIR_END) {
        *reply = first.message;
        return WEIR_OK;
    }
    weir_item_clear(&first);
    if (poll == WEIR_ERROR)
        return take_status(why, second.status);
    weir_item_clear(&second);
    return wrong_count(why, "more than one");
}

weir_code weir_channel_unary(weir_channel *channel, weir_call *call, weir_bytes request,
                             weir_bytes *reply, weir_status *why)
{
    weir_stream responses = weir_channel_call(channel, call, weir_stream_once(request));

    return channel_single_reply(responses, reply, why);
}
