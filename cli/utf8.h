/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - is a string UTF-8? A field of type string must be, and generated code takes any bytes.
 * And how bytes of others are shown, which may not command the terminal.
 */
#ifndef WEIR_CLI_UTF8_H
#define WEIR_CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool is_utf8(const char *text);

/* Control characters but line ends and tabs, and what is no UTF-8, as \xNN for each byte. */
void print_visibly(FILE *out, const void *text, size_t size);

#endif
