/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - is a string UTF-8? A field of type string must be, and generated code takes any bytes.
 */
#ifndef WEIR_CLI_UTF8_H
#define WEIR_CLI_UTF8_H

#include <stdbool.h>

bool is_utf8(const char *text);

#endif
