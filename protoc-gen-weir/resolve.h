/* SPDX-License-Identifier: MIT */
/*
 * resolve.h - from names of types to the types.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "model.h"

/* NULL, or what is wrong: a name that no file of the model declares. */
const char *resolve(struct model *model);

#endif
