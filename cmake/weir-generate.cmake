# weir_generate(TARGET PROTOS... [IMPORT_DIRS DIR...] [OPTIONS OPTION...])
#
# Generates C from .proto files with protoc-gen-weir and adds it to TARGET: messages (x.pb-c.h) and
# typed services (x.weir.h). A file is named as an `import` names it, "helloworld.proto" or
# "google/protobuf/empty.proto", and looked for in IMPORT_DIRS (default: the current source directory)
# and where protoc's own files are. What it imports is generated, too. OPTIONS go to --weir_opt.
#
#     add_executable(server server.c)
#     weir_generate(server helloworld.proto)
#     target_link_libraries(server PRIVATE weir::weir)
#
# Both programs run on the machine that builds. When cross-compiling, WEIR_PROTOC_GEN_WEIR is a
# protoc-gen-weir of that machine: -DWEIR_PROTOC_GEN_WEIR=/usr/bin/protoc-gen-weir

set(WEIR_PROTOC_INCLUDES /usr/local/include /usr/include CACHE STRING
    "Where weir_generate looks for protoc's own .proto files")
set(WEIR_PROTOC_GEN_WEIR "" CACHE FILEPATH
    "A protoc-gen-weir that runs on the machine that builds; empty: weir's own")
mark_as_advanced(WEIR_PROTOC_INCLUDES WEIR_PROTOC_GEN_WEIR)

# The path of `name` in one of `directories`.
function(weir_find_proto out name directories)
  foreach(directory ${directories} ${WEIR_PROTOC_INCLUDES})
    if(EXISTS ${directory}/${name})
      set(${out} ${directory}/${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "weir_generate: ${name} is in none of: ${directories} ${WEIR_PROTOC_INCLUDES}")
endfunction()

# All of `names` and what they import, each once, imports first. A file that says no_generate, as
# protobuf-c's own does, is left out, with what it imports.
function(weir_proto_closure out names directories)
  set(all ${${out}})
  foreach(name ${names})
    if(name IN_LIST all)
      continue()
    endif()
    weir_find_proto(path ${name} "${directories}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(STRINGS ${path} nothing REGEX "^option[ \t]*\\(pb_c_file\\)\\.no_generate[ \t]*=[ \t]*true")
    if(nothing)
      continue()
    endif()
    file(STRINGS ${path} lines REGEX "^[ \t]*import[ \t]")
    set(imports "")
    foreach(line ${lines})
      if(line MATCHES "\"([^\"]+)\"")
        list(APPEND imports ${CMAKE_MATCH_1})
      endif()
    endforeach()
    set(${out} ${all})
    weir_proto_closure(${out} "${imports}" "${directories}")
    set(all ${${out}} ${name})
  endforeach()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# The plugin's path, and what depends on it: the target, where it is one.
function(weir_find_plugin path dependency)
  if(WEIR_PROTOC_GEN_WEIR)
    set(${path} ${WEIR_PROTOC_GEN_WEIR} PARENT_SCOPE)
    set(${dependency} ${WEIR_PROTOC_GEN_WEIR} PARENT_SCOPE)
  elseif(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "weir_generate: weir::protoc-gen-weir is not for the machine that builds; "
                        "set WEIR_PROTOC_GEN_WEIR to one that is")
  else()
    set(${path} $<TARGET_FILE:weir::protoc-gen-weir> PARENT_SCOPE)
    set(${dependency} weir::protoc-gen-weir PARENT_SCOPE)
  endif()
endfunction()

function(weir_generate target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PROTOS;IMPORT_DIRS;OPTIONS")
  set(protos ${arg_UNPARSED_ARGUMENTS} ${arg_PROTOS})
  if(NOT protos)
    message(FATAL_ERROR "weir_generate: no .proto files for ${target}")
  endif()
  set(directories "")
  foreach(directory ${arg_IMPORT_DIRS})
    get_filename_component(directory ${directory} ABSOLUTE)
    list(APPEND directories ${directory})
  endforeach()
  if(NOT directories)
    set(directories ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  find_program(WEIR_PROTOC protoc)
  if(NOT WEIR_PROTOC)
    message(FATAL_ERROR "weir_generate: protoc was not found (Debian: protobuf-compiler)")
  endif()
  weir_find_plugin(plugin plugin_dependency)
  set(files "")
  weir_proto_closure(files "${protos}" "${directories}")

  set(where ${CMAKE_CURRENT_BINARY_DIR}/${target}-protos)
  file(MAKE_DIRECTORY ${where})
  set(flags "")
  foreach(directory ${directories})
    list(APPEND flags -I${directory})
  endforeach()
  foreach(option ${arg_OPTIONS})
    list(APPEND flags --weir_opt=${option})
  endforeach()
  set(kinds weir.c weir.h)
  if(NOT "messages=protobuf-c" IN_LIST arg_OPTIONS)
    list(APPEND kinds pb-c.c pb-c.h)
  endif()

  # A file's code depends on what it imports, too: names of types and descriptors come from there.
  set(paths "")
  foreach(name ${files})
    weir_find_proto(path ${name} "${directories}")
    list(APPEND paths ${path})
  endforeach()

  set(outputs "")
  foreach(name ${files})
    string(REGEX REPLACE "\\.proto$" "" stem ${name})
    set(made "")
    foreach(kind ${kinds})
      list(APPEND made ${where}/${stem}.${kind})
    endforeach()
    add_custom_command(
      OUTPUT ${made}
      COMMAND ${WEIR_PROTOC} --plugin=protoc-gen-weir=${plugin}
              --weir_out=${where} ${flags} ${name}
      DEPENDS ${paths} ${plugin_dependency}
      COMMENT "Generating C from ${name}"
      VERBATIM)
    list(APPEND outputs ${made})
  endforeach()
  target_sources(${target} PRIVATE ${outputs})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${where}>)
endfunction()
