/* SPDX-License-Identifier: MIT */
/*
 * inspect.c - hooks that look at what passes.
 */
#include "stream/combinator.h"

struct inspect {
    weir_stream source;
    weir_inspect_hooks hooks;
};

static weir_poll inspect_poll(void *self, weir_task *task, weir_item *out)
{
    struct inspect *inspect = self;
    const weir_inspect_hooks *hooks = &inspect->hooks;
    weir_poll poll = weir_stream_poll(&inspect->source, task, out);

    if (poll == WEIR_READY && hooks->message != NULL)
        hooks->message(hooks->arg, out);
    if ((poll == WEIR_END || poll == WEIR_ERROR) && hooks->end != NULL)
        hooks->end(hooks->arg, &out->status);
    return poll;
}

static void hooks_release(const weir_inspect_hooks *hooks)
{
    if (hooks->release != NULL)
        hooks->release(hooks->arg);
}

static void inspect_release(void *self)
{
    struct inspect *inspect = self;
    weir_inspect_hooks hooks = inspect->hooks;

    combinator_release(inspect);
    hooks_release(&hooks);
}

static const weir_stream_ops inspect_ops = {inspect_poll, inspect_release};

weir_stream weir_stream_inspect(weir_stream source, const weir_inspect_hooks *hooks)
{
    struct inspect *inspect = combinator_alloc(sizeof *inspect, &source);

    if (inspect == NULL) {
        hooks_release(hooks);
        return stream_out_of_memory();
    }
    *inspect = (struct inspect){source, *hooks};
    return (weir_stream){&inspect_ops, inspect};
}
