/* SPDX-License-Identifier: MIT */
/*
 * chain.c - one stream after another.
 */
#include "stream/combinator.h"

struct chain {
    weir_stream first;
    weir_stream second;
};

static weir_poll chain_poll(void *self, weir_task *task, weir_item *out)
{
    struct chain *chain = self;
    weir_poll poll = weir_stream_poll(&chain->first, task, out);

    return poll != WEIR_END ? poll : weir_stream_poll(&chain->second, task, out);
}

static void chain_release(void *self)
{
    struct chain *chain = self;

    weir_stream_release(&chain->second);
    combinator_release(chain);
}

static const weir_stream_ops chain_ops = {chain_poll, chain_release};

weir_stream weir_stream_chain(weir_stream first, weir_stream second)
{
    struct chain *chain = combinator_alloc(sizeof *chain, &first);

    if (chain == NULL) {
        weir_stream_release(&second);
        return stream_out_of_memory();
    }
    *chain = (struct chain){first, second};
    return (weir_stream){&chain_ops, chain};
}
