/* SPDX-License-Identifier: MIT */
/*
 * sanity.h - whether a descriptor is whole.
 *
 * protoc writes no other; this is for requests that somebody else wrote, or that were damaged.
 */
#ifndef SANITY_H
#define SANITY_H

#include <google/protobuf/descriptor.pb-c.h>

/* NULL, or what is missing: names are there and fit for C, and indices are in range. */
const char *insane(const Google__Protobuf__FileDescriptorProto *file);

#endif
