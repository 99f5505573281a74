/* SPDX-License-Identifier: MIT */
/*
 * services.h - what x.weir.h and x.weir.c share: the names around a method.
 */
#ifndef SERVICES_H
#define SERVICES_H

#include "model.h"
#include "template.h"

/*
 * A method's names in templates:
 *   $P  what its functions begin with    $T  what its types begin with
 *   $Q  the type of a request            $A  the type of a response
 *   $D  its path without the first slash
 */
struct names_of method_names(const struct method *method);

/* The same and those of one side, request or response:
 *   $S  "request" or "response"    $M  the type of its message    $W  the type of its stream */
struct names_of side_names(const struct method *method, bool request);

static inline bool is_unary(const struct method *method)
{
    return !method->client_streams && !method->server_streams;
}

#endif
