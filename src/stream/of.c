/* SPDX-License-Identifier: MIT */
/*
 * of.c - a stream of messages that are there already.
 *
 * The messages lie behind the struct: one allocation for a stream, and for a unary answer.
 */
#include "stream/combinator.h"

#include "base/alloc.h"

struct of {
    size_t next;
    size_t count;
    weir_bytes messages[];
};

static weir_poll of_poll(void *self, weir_task *task, weir_item *out)
{
    struct of *of = self;

    (void)task;
    if (of->next == of->count)
        return WEIR_END;
    out->message = of->messages[of->next++];
    return WEIR_READY;
}

static void of_release(void *self)
{
    struct of *of = self;

    for (; of->next < of->count; of->next++)
        weir_bytes_unref(&of->messages[of->next]);
    mem_free(of);
}

static const weir_stream_ops of_ops = {of_poll, of_release};

static weir_stream give_up(const weir_bytes *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_bytes message = messages[i];

        weir_bytes_unref(&message);
    }
    return stream_out_of_memory();
}

weir_stream weir_stream_of(const weir_bytes *messages, size_t count)
{
    struct of *of = NULL;

    if (count <= (SIZE_MAX - sizeof *of) / sizeof *messages)
        of = mem_alloc(sizeof *of + count * sizeof *messages);
    if (of == NULL)
        return give_up(messages, count);
    of->next = 0;
    of->count = count;
    for (size_t i = 0; i < count; i++)
        of->messages[i] = messages[i];
    return (weir_stream){&of_ops, of};
}

weir_stream weir_stream_once(weir_bytes message)
{
    return weir_stream_of(&message, 1);
}
