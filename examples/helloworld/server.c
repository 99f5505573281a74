/* A greeter: one method, one function. */
#include <stdio.h>

#include "helloworld.weir.h"

static weir_code say_hello(void *self, weir_call *call, const Helloworld__HelloRequest *request,
                           Helloworld__HelloReply *reply, weir_status *why)
{
    (void)self, (void)why;
    reply->message = weir_call_format(call, "Hello %s", request->name);
    return WEIR_OK;
}

int main(int argc, char **argv)
{
    weir_status why = {0};
    weir_server *server;
    uint16_t port;

    if (weir_server_create(NULL, &server, &why) ||
        helloworld__greeter__say_hello__handle(server, say_hello, NULL, &why) ||
        weir_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:50051", &port, &why) ||
        weir_server_start(server, &why)) {
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
        return 1;
    }
    printf("listening on port %u\n", port);
    fflush(stdout);
    weir_server_wait(server);
    weir_server_free(server);
}
