/* SPDX-License-Identifier: MIT */
/*
 * options.h - what the user asked for: --weir_opt, and protobuf-c's options in .proto files.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <google/protobuf/descriptor.pb-c.h>

#include <stdbool.h>

/* --weir_opt=NAME=VALUE,... */
struct options {
    bool messages; /* x.pb-c.h and x.pb-c.c, too; false with messages=protobuf-c */
};

/* `parameter` may be NULL. NULL, or what is wrong with it. */
const char *options_parse(const char *parameter, struct options *out);

/*
 * protobuf-c's own options, extensions with the number 1019, see its protobuf-c.proto. Those that
 * ask for fewer functions (gen_pack_helpers, gen_init_helpers) are not here: there are always all.
 */
struct file_options {
    bool no_generate;
    bool const_strings;
    bool use_oneof_field_name;
    const char *c_package; /* NULL: the file's own */
};

struct file_options file_options_of(const Google__Protobuf__FileOptions *options);
const char *base_name_of(const Google__Protobuf__MessageOptions *options);
bool string_as_bytes(const Google__Protobuf__FieldOptions *options);

#endif
