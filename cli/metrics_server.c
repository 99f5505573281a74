/* SPDX-License-Identifier: MIT */
/*
 * metrics_server.c - metrics for Prometheus, over HTTP/1.1 by libmicrohttpd.
 *
 * The socket is ours, so that it is bound to what was said and nothing else, and so that what is
 * wrong with it can be told. Connections are few and short.
 */
#include "metrics_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prometheus.h"

enum { BACKLOG = 16, MAX_CONNECTIONS = 16, CONNECTION_SECONDS = 10, ADDRESS_SIZE = 256 };

struct metrics_server {
    struct MHD_Daemon *daemon;
    weir_metrics *metrics;
    char host[ADDRESS_SIZE]; /* as it was said, with its brackets */
    unsigned port;
};

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO;

    if (response != NULL)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Response *plain(const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

    if (response != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
    return response;
}

static bool read_metrics(weir_metrics *metrics, weir_bytes *text)
{
    weir_metrics_snapshot *snapshot;

    if (weir_metrics_read(metrics, &snapshot, NULL) != WEIR_OK)
        return false;
    *text = prometheus_text(snapshot);
    weir_metrics_free_snapshot(snapshot);
    return !weir_bytes_failed(text);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, weir_metrics *metrics)
{
    struct MHD_Response *response = NULL;
    weir_bytes text = {0};

    if (read_metrics(metrics, &text))
        response =
            MHD_create_response_from_buffer(text.size, (void *)text.data, MHD_RESPMEM_MUST_COPY);
    weir_bytes_unref(&text);
    if (response == NULL)
        return answer(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, plain("Out of memory.\n"));
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE);
    return answer(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    metrics_server *server = self;
    struct MHD_Response *response;

    (void)version, (void)data, (void)size, (void)state;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        response = plain("Metrics are read with GET.\n");
        if (response != NULL)
            MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
    }
    if (strcmp(url, "/metrics") != 0)
        return answer(connection, MHD_HTTP_NOT_FOUND, plain("There is only /metrics.\n"));
    return answer_metrics(connection, server->metrics);
}

/* ---- the socket ---- */

/* getaddrinfo would take 65536 for 0. */
static bool is_port(const char *text)
{
    size_t size = strlen(text);

    return size != 0 && size <= 5 && strspn(text, "0123456789") == size &&
           strtoul(text, NULL, 10) <= UINT16_MAX;
}

/* "[::1]:9090" into "::1" and "9090". */
static bool split(const char *address, char host[ADDRESS_SIZE], const char **port)
{
    const char *colon = strrchr(address, ':');
    bool bracket = address[0] == '[';
    size_t size;

    if (colon == NULL || colon == address || (bracket && colon[-1] != ']'))
        return false;
    size = (size_t)(colon - address) - 2 * bracket;
    if (size == 0 || size >= ADDRESS_SIZE || (!bracket && memchr(address, ':', size) != NULL))
        return false;
    memcpy(host, address + bracket, size);
    host[size] = '\0';
    *port = colon + 1;
    return is_port(*port);
}

/* A listening socket, or -1 and *why. */
static int open_socket(const struct addrinfo *found, const char **why)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    *why = strerror(errno);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_on(const char *address, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char host[ADDRESS_SIZE];
    const char *port;
    int error, fd;

    *why = "host:port or [v6]:port is an address";
    if (!split(address, host, &port))
        return -1;
    error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        *why = gai_strerror(error);
        return -1;
    }
    fd = open_socket(found, why);
    freeaddrinfo(found);
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;

    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

/* ---- life ---- */

static struct MHD_Daemon *start_daemon(metrics_server *server, int fd)
{
    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS, MHD_OPTION_END);
}

metrics_server *metrics_server_start(const char *address, weir_metrics *metrics)
{
    metrics_server *server = calloc(1, sizeof *server);
    const char *why = "out of memory";
    int fd = server != NULL ? listen_on(address, &why) : -1;

    if (fd >= 0) {
        why = "cannot start libmicrohttpd";
        snprintf(server->host, sizeof server->host, "%.*s", (int)(strrchr(address, ':') - address),
                 address);
        server->port = port_of(fd);
        server->metrics = weir_metrics_ref(metrics);
        server->daemon = start_daemon(server, fd);
    }
    if (server != NULL && server->daemon != NULL)
        return server;
    fprintf(stderr, "weir serve: --metrics %s: %s\n", address, why);
    metrics_server_stop(server);
    return NULL;
}

void metrics_server_print(const metrics_server *server)
{
    printf("metrics on http://%s:%u/metrics\n", server->host, server->port);
}

void metrics_server_stop(metrics_server *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    weir_metrics_unref(server->metrics);
    free(server);
}
