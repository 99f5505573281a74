/* SPDX-License-Identifier: MIT */
/*
 * template.h - texts with names left open.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "printer.h"

/* The value of each letter; NULL: it does not occur. */
struct names_of {
    const char *letters['Z' + 1];
};

/* Prints the text with each `$X` replaced by the value of the letter X. */
void print_template(struct printer *printer, const char *text, const struct names_of *names);

#endif
