/* SPDX-License-Identifier: MIT */
/*
 * template.c - texts with names left open.
 */
#include "template.h"

#include <string.h>

void print_template(struct printer *printer, const char *text, const struct names_of *names)
{
    for (const char *hole; (hole = strchr(text, '$')) != NULL; text = hole + 2) {
        const char *value = names->letters[(unsigned char)hole[1]];

        print_text(printer, text, (size_t)(hole - text));
        print_text(printer, value, strlen(value));
    }
    print_text(printer, text, strlen(text));
}
