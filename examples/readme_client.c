/* A client: one call of each of the server's methods. */
#include <weir/weir.h>

#include <stdio.h>

/* message Line { string text = 1; }: the text lies behind a tag and a length of one byte each. */
static void print_line(const weir_bytes *line)
{
    if (line->size > 2)
        printf("%.*s\n", (int)line->size - 2, (const char *)line->data + 2);
}

/* Reads the stream on this thread. Not reading on makes the server wait, and nothing pile up. */
static weir_code watch(weir_channel *channel, weir_status *why)
{
    weir_call *call = weir_call_create("/hello.Lines/Watch");
    weir_stream lines;
    weir_item item;

    if (call == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    weir_call_set_timeout(call, WEIR_SECONDS(10));
    lines = weir_channel_call(channel, call, weir_stream_once((weir_bytes){0}));
    while (weir_stream_next(&lines, &item) == WEIR_READY) {
        print_line(&item.message);
        weir_item_clear(&item);
    }
    *why = item.status;
    weir_call_unref(call);
    return why->code;
}

static weir_code echo(weir_channel *channel, weir_status *why)
{
    weir_call *call = weir_call_create("/hello.Lines/Echo");
    weir_bytes reply;
    weir_code code;

    if (call == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    code = weir_channel_unary(channel, call, weir_bytes_copy_string("\n\005hello"), &reply, why);
    if (code == WEIR_OK) {
        print_line(&reply);
        weir_bytes_unref(&reply);
    }
    weir_call_unref(call);
    return code;
}

int main(int argc, char **argv)
{
    weir_channel *channel = NULL;
    weir_status why = {0};
    weir_code code;

    code = weir_channel_create(argc > 1 ? argv[1] : "127.0.0.1:50051", NULL, &channel, &why);
    if (code == WEIR_OK)
        code = echo(channel, &why);
    if (code == WEIR_OK)
        code = watch(channel, &why);
    if (code != WEIR_OK)
        fprintf(stderr, "%s: %.*s\n", weir_code_name(code), (int)why.message.size,
                (const char *)why.message.data);
    weir_status_clear(&why);
    if (channel != NULL)
        weir_channel_unref(channel);
    return code != WEIR_OK;
}
