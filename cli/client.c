/* SPDX-License-Identifier: MIT */
/*
 * client.c - a channel, its calls, and what Ctrl-C and --metadata do to them.
 *
 * The lock is held only to reach the list of calls; the list itself never moves.
 */
#include "client.h"

#include "credentials.h"
#include "utf8.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_status(const weir_status *status)
{
    fprintf(stderr, "weir: %s%s", weir_code_name(status->code),
            status->message.size > 0 ? ": " : "");
    print_visibly(stderr, status->message.data, status->message.size);
    fputc('\n', stderr);
}

static void cancel_all(void *arg)
{
    client_cancel(arg);
}

static int out_of_memory(void)
{
    fputs("weir: out of memory\n", stderr);
    return EXIT_FAILED;
}

/* *out: credentials, or NULL without --tls. False: it was told what is wrong. */
static bool make_credentials(const client_options *o, weir_tls **out)
{
    const credentials_words words = {
        .command = "weir",
        .certificate = o->certificate,
        .key = o->key,
        .ca = o->ca,
        .ca_option = "--ca",
        .server_name = o->server_name,
    };

    *out = NULL;
    if (o->tls)
        return credentials_create(&words, out);
    if (o->ca == NULL && o->server_name == NULL && o->certificate == NULL && o->key == NULL)
        return true;
    fprintf(stderr, "weir: %s: only with --tls\n",
            o->ca != NULL            ? "--ca"
            : o->server_name != NULL ? "--server-name"
            : o->certificate != NULL ? "--tls-cert"
                                     : "--tls-key");
    return false;
}

static weir_code open_channel(client *c, weir_tls *tls, weir_status *why)
{
    const weir_channel_options options = {.tls = tls};
    weir_code code = weir_channel_create(c->options->address, &options, &c->channel, why);

    weir_tls_unref(tls);
    return code;
}

int client_begin(client *c, const client_options *options, size_t max_calls)
{
    weir_status why = {0};
    weir_code code;
    weir_tls *tls;

    signal(SIGPIPE, SIG_IGN);
    if (!make_credentials(options, &tls))
        return EXIT_USAGE;
    *c = (client){.options = options, .max = max_calls};
    c->calls = calloc(max_calls, sizeof(weir_call *));
    if (c->calls == NULL) {
        weir_tls_unref(tls);
        return out_of_memory();
    }
    pthread_mutex_init(&c->lock, NULL);
    if (!interrupt_begin(&c->interrupt, cancel_all, c)) {
        free(c->calls);
        weir_tls_unref(tls);
        return out_of_memory();
    }
    code = open_channel(c, tls, &why);
    if (code == WEIR_OK)
        return EXIT_OK;
    print_status(&why);
    weir_status_clear(&why);
    return client_end(c, code == WEIR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED);
}

/* "name=value" -> metadata; *why says what is wrong with it. */
static weir_code add_metadata(weir_call *call, const char *pair, weir_status *why)
{
    const char *equals = strchr(pair, '=');
    weir_code code;
    char *name;

    if (equals == NULL)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "--metadata %s: write NAME=VALUE", pair);
    name = strndup(pair, (size_t)(equals - pair));
    if (name == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    code = weir_call_add_metadata(call, name, equals + 1, strlen(equals + 1));
    free(name);
    if (code == WEIR_OK)
        return WEIR_OK;
    return weir_fail(why, code,
                     "--metadata %s: gRPC sends no such metadata; names are lower case, "
                     "values ASCII unless the name ends in -bin",
                     pair);
}

static weir_code prepare(weir_call *call, const client_options *options, weir_status *why)
{
    weir_code code = WEIR_OK;

    for (size_t i = 0; i < options->metadata.count && code == WEIR_OK; i++)
        code = add_metadata(call, options->metadata.items[i], why);
    if (options->timeout_ns != 0)
        weir_call_set_timeout(call, options->timeout_ns);
    return code;
}

static void keep(client *c, weir_call *call)
{
    pthread_mutex_lock(&c->lock);
    c->calls[c->count++] = call;
    if (c->cancelled)
        weir_call_cancel(call);
    pthread_mutex_unlock(&c->lock);
}

weir_call *client_call(client *c, weir_status *why)
{
    weir_call *call = c->count < c->max ? weir_call_create(NULL) : NULL;

    if (call == NULL) {
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    if (prepare(call, c->options, why) != WEIR_OK) {
        weir_call_unref(call);
        return NULL;
    }
    keep(c, call);
    return call;
}

void client_cancel(client *c)
{
    pthread_mutex_lock(&c->lock);
    c->cancelled = true;
    for (size_t i = 0; i < c->count; i++)
        weir_call_cancel(c->calls[i]);
    pthread_mutex_unlock(&c->lock);
}

weir_code client_told(client *c)
{
    atomic_store(&c->told, true);
    return WEIR_CANCELLED;
}

int client_exit_code(client *c, weir_code code, weir_status *why)
{
    int exit_code = code == WEIR_OK ? EXIT_OK : EXIT_FAILED;

    if (code != WEIR_OK && interrupt_happened(&c->interrupt)) {
        fputs("weir: interrupted; the call was cancelled\n", stderr);
        exit_code = EXIT_INTERRUPTED_BY_USER;
    } else if (code != WEIR_OK && !atomic_load(&c->told)) {
        print_status(why);
    }
    weir_status_clear(why);
    return exit_code;
}

/* Values of -bin metadata are shown in hexadecimal. */
static void print_metadata(const char *title, const weir_metadata *metadata)
{
    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        fprintf(stderr, "%s: %s=", title, (const char *)name.data);
        if (name.size > 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0)
            for (size_t j = 0; j < value.size; j++)
                fprintf(stderr, "%02x", value.data[j]);
        else
            fprintf(stderr, "%.*s", (int)value.size, (const char *)value.data);
        fputc('\n', stderr);
    }
}

int client_end(client *c, int code)
{
    interrupt_end(&c->interrupt);
    for (size_t i = 0; i < c->count; i++) {
        if (c->options->show_metadata) {
            print_metadata("metadata", weir_call_response_metadata(c->calls[i]));
            print_metadata("trailer", weir_call_trailers(c->calls[i]));
        }
        weir_call_unref(c->calls[i]);
    }
    if (c->channel != NULL)
        weir_channel_unref(c->channel);
    pthread_mutex_destroy(&c->lock);
    free(c->calls);
    return code;
}
