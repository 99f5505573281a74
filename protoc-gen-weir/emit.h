/* SPDX-License-Identifier: MIT */
/*
 * emit.h - what becomes of a file: its messages and its services, as C.
 */
#ifndef EMIT_H
#define EMIT_H

#include "model.h"
#include "printer.h"

/* x.pb-c.h and x.pb-c.c. */
void emit_messages_header(struct printer *printer, const struct file *file);
void emit_messages_source(struct printer *printer, const struct file *file);

/* x.weir.h and x.weir.c: typed servers and clients of the services, and the file's descriptor. The
 * second kind of source stands on messages of protoc-c. */
void emit_services_header(struct printer *printer, const struct file *file);
void emit_services_source(struct printer *printer, const struct file *file);
void emit_services_source_on_protobuf_c(struct printer *printer, const struct file *file);

/* Parts of x.pb-c.c, for a message and those nested in it. */
void emit_descriptors(struct printer *printer, const struct message *message);
void emit_enum_descriptor(struct printer *printer, const struct enumeration *enumeration);
void emit_pack(struct printer *printer, const struct message *message);
void emit_unpack(struct printer *printer, const struct message *message);

#endif
