/* SPDX-License-Identifier: MIT */
/*
 * reflection.h - grpc.reflection, v1 and v1alpha: tools such as grpcurl ask the server what it
 * serves.
 *
 * Generated code carries each .proto file as `x__file`:
 *
 *     const weir_file *const files[] = {&helloworld__file};
 *     weir_reflection_serve(server, files, 1, &why);
 */
#ifndef WEIR_REFLECTION_H
#define WEIR_REFLECTION_H

#include <weir/typed.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Registers ServerReflectionInfo of both versions. It lists the services of `files` and its own,
 * and describes them and all they import. The array is copied, the files live for ever.
 * INVALID_ARGUMENT: a file's data is no descriptor. RESOURCE_EXHAUSTED: out of memory.
 */
WEIR_API weir_code weir_reflection_serve(weir_server *server, const weir_file *const *files,
                                         size_t count, weir_status *why) WEIR_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
