/* Greets the greeter: client [ADDRESS [NAME]]. */
#include <stdio.h>

#include "helloworld.weir.h"

int main(int argc, char **argv)
{
    Helloworld__HelloRequest request = HELLOWORLD__HELLO_REQUEST__INIT;
    Helloworld__HelloReply *reply;
    weir_call *call = weir_call_create(NULL);
    weir_channel *channel = NULL;
    weir_status why = {0};
    weir_code code;

    request.name = argc > 2 ? argv[2] : "world";
    code = weir_channel_create(argc > 1 ? argv[1] : "127.0.0.1:50051", NULL, &channel, &why);
    if (code == WEIR_OK)
        code = helloworld__greeter__say_hello__call(channel, call, &request, &reply, &why);
    if (code != WEIR_OK)
        fprintf(stderr, "%s: %.*s\n", weir_code_name(code), (int)why.message.size,
                (const char *)why.message.data);
    else
        printf("%s\n", reply->message);
    weir_call_unref(call);
    weir_channel_unref(channel);
    weir_status_clear(&why);
    return code != WEIR_OK;
}
