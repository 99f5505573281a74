/* SPDX-License-Identifier: MIT */
/*
 * names.h - from names of a .proto file to names of C, as protobuf-c has them.
 *
 * A full name is a list of parts with dots between them. Its C names join the parts with `__`:
 * foo.bar.BazQux is Foo__Bar__BazQux as a type, foo__bar__baz_qux in functions and objects, and
 * FOO__BAR__BAZ_QUX in macros and enumerators.
 */
#ifndef NAMES_H
#define NAMES_H

/* One part: baz_qux and BazQux are BazQux; BAZ_QUX; baz_qux. */
char *name_camel(const char *name);
char *name_upper(const char *name);
char *name_lower(const char *name);

/* The same for each part of a full name. */
char *full_name_type(const char *full_name);
char *full_name_upper(const char *full_name);
char *full_name_lower(const char *full_name);

/* A member of a struct: all lower case, and `_` behind what is a word of C or C++. */
char *name_member(const char *name);

/* A file's path without .proto or .protodevel. */
char *path_stem(const char *path);

/* A path as a part of a macro's name: what is neither letter nor digit as _ and its hex code. */
char *path_macro(const char *path);

/* A path's stem as a part of a name: `/` is `__`, what else cannot stand in one is `_` and its hex
 * code. */
char *path_object(const char *path);

#endif
