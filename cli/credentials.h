/* SPDX-License-Identifier: MIT */
/*
 * credentials.h - TLS as a command line says it.
 */
#ifndef WEIR_CLI_CREDENTIALS_H
#define WEIR_CLI_CREDENTIALS_H

#include <weir/weir.h>

/* Files of PEM and what their options are called; NULL: not given. */
typedef struct credentials_words {
    const char *command; /* "weir serve", for errors */
    const char *certificate;
    const char *key;
    const char *ca;
    const char *ca_option; /* "--ca" */
    const char *server_name;
    bool verify_clients;
} credentials_words;

/* False: it told on standard error what is wrong, with the option and the file. */
bool credentials_create(const credentials_words *words, weir_tls **out);

/* Reads the files again and tells on standard error how that went. False: the old ones stay. */
bool credentials_reload(const credentials_words *words, weir_tls *tls);

#endif
