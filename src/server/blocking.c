/* SPDX-License-Identifier: MIT */
/*
 * blocking.c - a function on a thread of its own as a handler.
 *
 * Its requests are the call's stream, read by the thread; its responses go through a pipe of one
 * message, so that it runs at most one message ahead of the client. A cancelled call releases the
 * pipe's reader and ends the requests: both fail from then on.
 */
#include "base/alloc.h"
#include "call/leftovers.h"
#include "server/function.h"
#include "server/pool.h"
#include "stream/combinator.h"
#include "stream/task.h"

struct weir_io {
    struct pool_job job;
    const struct function *function;
    weir_call *call;
    weir_stream requests;
    weir_pipe *responses;
    weir_task *task;
};

weir_poll weir_read(weir_io *io, weir_item *out)
{
    return thread_next(io->task, &io->requests, out);
}

weir_code weir_write(weir_io *io, weir_bytes message)
{
    return weir_pipe_write(io->responses, message);
}

static void io_free(weir_io *io)
{
    weir_stream_release(&io->requests);
    weir_pipe_unref(io->responses);
    thread_task_free(io->task);
    weir_call_unref(io->call);
    mem_free(io);
}

static void run(struct pool_job *job)
{
    weir_io *io = (weir_io *)job;
    weir_status why = {0};

    if (!weir_call_cancelled(io->call))
        why.code = io->function->blocking(io->function->self, io->call, io, &why);
    call_function_ends(io->call);
    weir_pipe_close(io->responses, why);
    io_free(io);
}

static bool is_vain(const struct pool_job *job)
{
    return weir_call_cancelled(((const weir_io *)job)->call);
}

static bool submit(weir_io *io)
{
    call_function_begins(io->call);
    if (pool_submit(io->call->pool, &io->job))
        return true;
    call_function_ends(io->call);
    return false;
}

static weir_stream blocking_call(void *self, weir_call *call, weir_stream requests)
{
    const weir_pipe_options one = {.max_messages = 1};
    weir_stream responses = {0};
    weir_io *io = combinator_alloc(sizeof *io, &requests);

    if (io == NULL)
        return stream_out_of_memory();
    *io =
        (weir_io){.job = {.run = run, .is_vain = is_vain}, .function = self, .requests = requests};
    io->call = weir_call_ref(call);
    io->task = thread_task_create();
    io->responses = weir_call_pipe(call, &one, &responses);
    if (io->task != NULL && io->responses != NULL && call->pool != NULL && submit(io))
        return responses;
    io_free(io);
    weir_stream_release(&responses);
    return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "all threads for calls are busy");
}

weir_handler weir_blocking(weir_blocking_fn *fn, void *self, void (*release)(void *self))
{
    const struct function function = {.blocking = fn, .self = self, .release = release};

    return function_handler(blocking_call, &function);
}
