/* A server with two methods: one answers, one streams. */
#include <weir/weir.h>

#include <stdio.h>
#include <stdlib.h>

/* rpc Echo(Line) returns (Line): one message in, one out. */
static weir_code echo(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                      weir_status *why)
{
    (void)self, (void)call;
    if (request->size == 0)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "an empty line has no echo");
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

/* The next message, made when the client has room for it and not before. */
static weir_poll next_line(void *state, weir_task *task, weir_item *item)
{
    int *i = state;

    (void)task;
    if (*i == 1000)
        return WEIR_END;
    /* message Line { string text = 1; } with a text of 11 bytes, as protobuf writes it */
    item->message = weir_bytes_format("\n%cmessage_%03d", 11, (*i)++);
    return WEIR_READY;
}

/* rpc Watch(Line) returns (stream Line): a thousand messages, one each millisecond. */
static weir_stream watch(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_throttle(weir_stream_from(next_line, calloc(1, sizeof(int)), free),
                                WEIR_MILLISECONDS(1));
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:50051";
    weir_status why = {0};
    weir_server *server;
    uint16_t port;

    if (weir_server_create(NULL, &server, &why) != WEIR_OK ||
        weir_server_handle(server, "/hello.Lines/Echo", weir_unary(echo, NULL, NULL), &why) ||
        weir_server_handle(server, "/hello.Lines/Watch", (weir_handler){.call = watch}, &why) ||
        weir_server_listen(server, address, &port, &why) || weir_server_start(server, &why)) {
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    weir_server_wait(server);
    weir_server_free(server);
    return 0;
}
