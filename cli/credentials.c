/* SPDX-License-Identifier: MIT */
/*
 * credentials.c - TLS as a command line says it: files in, credentials or an error out.
 */
#include "credentials.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool can_read(const credentials_words *words, const char *option, const char *file)
{
    if (file == NULL || access(file, R_OK) == 0)
        return true;
    fprintf(stderr, "%s: %s %s: %s\n", words->command, option, file, strerror(errno));
    return false;
}

static bool are_files_there(const credentials_words *words)
{
    bool certificate = words->certificate != NULL;

    if (certificate != (words->key != NULL)) {
        fprintf(stderr, "%s: %s %s: give %s, too; one needs the other\n", words->command,
                certificate ? "--tls-cert" : "--tls-key",
                certificate ? words->certificate : words->key,
                certificate ? "--tls-key" : "--tls-cert");
        return false;
    }
    return can_read(words, "--tls-cert", words->certificate) &&
           can_read(words, "--tls-key", words->key) && can_read(words, words->ca_option, words->ca);
}

/* The option whose file `reason` is about. */
static const char *option_of(const credentials_words *words, const char *reason)
{
    if (words->ca != NULL && strncmp(reason, "TLS: CA ", 8) == 0)
        return words->ca_option;
    return strncmp(reason, "TLS: key ", 9) == 0 ? "--tls-key" : "--tls-cert";
}

/* `why` moves in. */
static void tell(const credentials_words *words, weir_status *why)
{
    weir_bytes text =
        weir_bytes_format("%.*s", (int)why->message.size, (const char *)why->message.data);
    const char *reason = text.size != 0 ? (const char *)text.data : "out of memory";

    if (why->code == WEIR_INVALID_ARGUMENT)
        fprintf(stderr, "%s: %s: %s\n", words->command, option_of(words, reason), reason);
    else
        fprintf(stderr, "%s: %s\n", words->command, reason);
    weir_bytes_unref(&text);
    weir_status_clear(why);
}

bool credentials_create(const credentials_words *words, weir_tls **out)
{
    const weir_tls_options options = {
        .certificate_file = words->certificate,
        .key_file = words->key,
        .ca_file = words->ca,
        .clients = words->verify_clients ? WEIR_TLS_VERIFY_CLIENT : WEIR_TLS_ANY_CLIENT,
        .server_name = words->server_name,
    };
    weir_status why = {0};

    if (!are_files_there(words))
        return false;
    if (weir_tls_create(&options, out, &why) == WEIR_OK)
        return true;
    tell(words, &why);
    return false;
}

bool credentials_reload(const credentials_words *words, weir_tls *tls)
{
    weir_status why = {0};
    bool fine = weir_tls_reload(tls, NULL, &why) == WEIR_OK;

    if (!fine)
        tell(words, &why);
    else
        fprintf(stderr, "%s: read the certificates again\n", words->command);
    return fine;
}
