/* SPDX-License-Identifier: MIT */
/*
 * zip.c - two streams joined, message by message.
 *
 * Both sides are asked in each poll, so that they run at the same time; each holds one message at
 * most, the one that waits for its partner.
 */
#include "stream/combinator.h"

#include "base/alloc.h"

struct side {
    weir_stream stream;
    weir_bytes message;
    bool held;
};

struct zip {
    struct side left;
    struct side right;
    weir_zip_fn *fn;
    void *arg;
};

/* READY: the side holds a message. */
static weir_poll ask(struct side *side, weir_task *task, weir_item *out)
{
    weir_poll poll;

    if (side->held)
        return WEIR_READY;
    poll = weir_stream_poll(&side->stream, task, out);
    if (poll == WEIR_READY) {
        side->message = out->message;
        side->held = true;
        *out = (weir_item){0};
    }
    return poll;
}

static weir_poll join(struct zip *zip, weir_item *out)
{
    weir_bytes left = zip->left.message;
    weir_bytes right = zip->right.message;
    weir_code code;

    zip->left.message = zip->right.message = (weir_bytes){0};
    zip->left.held = zip->right.held = false;
    code = zip->fn(zip->arg, left, right, &out->message, &out->status);
    return code == WEIR_OK ? WEIR_READY : poll_refused(out, code);
}

static weir_poll zip_poll(void *self, weir_task *task, weir_item *out)
{
    struct zip *zip = self;
    weir_poll left = ask(&zip->left, task, out);
    weir_poll right;

    if (left == WEIR_END || left == WEIR_ERROR)
        return left;
    right = ask(&zip->right, task, out);
    if (right != WEIR_READY)
        return right;
    return left == WEIR_READY ? join(zip, out) : left;
}

static void side_release(struct side *side)
{
    weir_stream_release(&side->stream);
    weir_bytes_unref(&side->message);
}

static void zip_release(void *self)
{
    struct zip *zip = self;

    side_release(&zip->left);
    side_release(&zip->right);
    mem_free(zip);
}

static const weir_stream_ops zip_ops = {zip_poll, zip_release};

weir_stream weir_stream_zip(weir_stream left, weir_stream right, weir_zip_fn *fn, void *arg)
{
    struct zip *zip = combinator_alloc(sizeof *zip, &left);

    if (zip == NULL) {
        weir_stream_release(&right);
        return stream_out_of_memory();
    }
    *zip = (struct zip){.left.stream = left, .right.stream = right, .fn = fn, .arg = arg};
    return (weir_stream){&zip_ops, zip};
}
