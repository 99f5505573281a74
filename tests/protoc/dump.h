/* SPDX-License-Identifier: MIT */
/*
 * dump.h - everything that can be seen of a generated message or enum, as text.
 *
 * A program that prints it is built with protobuf-c's output and with protoc-gen-weir's, and the
 * two must print the same. Addresses are printed as what lies there.
 */
#ifndef DUMP_H
#define DUMP_H

#include <protobuf-c/protobuf-c.h>

void dump_message(const ProtobufCMessageDescriptor *descriptor);
void dump_enum(const ProtobufCEnumDescriptor *descriptor);

/* A message as its INIT macro or its init function leaves it. */
void dump_initial(const char *how, const ProtobufCMessage *message);

#endif
