# The library, from one set of objects:
#
#   weir-objects   the objects themselves, for tests that see the library's inside
#   weir           libweir.so: exports what src/weir.map names
#   weir-static    libweir.a: one object whose hidden symbols are local, so that no internal name
#                  can collide with a user's
#
# Programs of this project link `weir` or `weir-static` and find the public headers through them.

file(GLOB WEIR_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*/*.c)
if(NOT WEIR_UV)
  list(FILTER WEIR_SOURCES EXCLUDE REGEX "/src/uv/")
endif()

if(WEIR_TLS)
  list(FILTER WEIR_SOURCES EXCLUDE REGEX "/src/tls/absent.c")
else()
  list(FILTER WEIR_SOURCES EXCLUDE REGEX "/src/tls/(context|credentials|peer|session)[.]c")
endif()
if(NOT WEIR_PROTOBUF)
  list(FILTER WEIR_SOURCES EXCLUDE REGEX "/src/(protobuf|services)/")
endif()

add_library(weir-objects OBJECT ${WEIR_SOURCES})
if(WEIR_PROTOBUF)
  # The standard services are written as a user's would be.
  weir_generate(weir-objects IMPORT_DIRS ${CMAKE_SOURCE_DIR}/proto PROTOS
    grpc/channelz/v1/channelz.proto
    grpc/health/v1/health.proto
    grpc/reflection/v1/reflection.proto
    grpc/reflection/v1alpha/reflection.proto
    google/protobuf/descriptor.proto)
endif()
set_target_properties(weir-objects PROPERTIES
  POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_compile_options(weir-objects PRIVATE -ffunction-sections -fdata-sections)
# The shared library is optimized as a whole; the objects hold plain code, too, for the static one.
set(WEIR_LTO OFF)
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT WEIR_ANY_SANITIZER)
  set(WEIR_LTO ON)
  target_compile_options(weir-objects PRIVATE -flto -ffat-lto-objects -fno-semantic-interposition)
  target_link_options(weir-objects INTERFACE -fno-lto) # tests of the inside link the plain code
endif()
target_include_directories(weir-objects PUBLIC include PRIVATE src)
target_link_libraries(weir-objects PUBLIC ${WEIR_PARTS})
if(WEIR_ZLIB)
  target_compile_definitions(weir-objects PRIVATE WEIR_ZLIB)
endif()
if(WEIR_UV)
  target_compile_definitions(weir-objects PRIVATE WEIR_UV)
endif()

set(WEIR_MAP ${CMAKE_SOURCE_DIR}/src/weir.map)
add_library(weir SHARED $<TARGET_OBJECTS:weir-objects>)
set_target_properties(weir PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE C LINK_DEPENDS ${WEIR_MAP})
target_include_directories(weir PUBLIC
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_options(weir PRIVATE LINKER:--version-script=${WEIR_MAP})
if(WEIR_LTO)
  target_link_options(weir PRIVATE -flto=auto -O2)
endif()
target_link_libraries(weir PRIVATE ${WEIR_PARTS})
if(WEIR_PROTOBUF) # generated code calls it, too
  target_link_libraries(weir INTERFACE $<BUILD_INTERFACE:PkgConfig::PROTOBUF_C>)
endif()

if(WEIR_ANY_SANITIZER)
  # The sanitizers keep tables of symbols that `ld -r` and localizing would break.
  add_library(weir-static STATIC $<TARGET_OBJECTS:weir-objects>)
else()
  set(WEIR_ONE_OBJECT ${CMAKE_BINARY_DIR}/weir-static.o)
  add_custom_command(OUTPUT ${WEIR_ONE_OBJECT}
    COMMAND ${CMAKE_LINKER} -r -o ${WEIR_ONE_OBJECT} $<TARGET_OBJECTS:weir-objects>
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_*
            ${WEIR_ONE_OBJECT}
    DEPENDS weir-objects $<TARGET_OBJECTS:weir-objects>
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Joining the library's objects")
  add_library(weir-static STATIC ${WEIR_ONE_OBJECT})
endif()
set_target_properties(weir-static PROPERTIES OUTPUT_NAME weir LINKER_LANGUAGE C)
target_include_directories(weir-static PUBLIC
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
foreach(part ${WEIR_PARTS})
  target_link_libraries(weir-static PUBLIC $<BUILD_INTERFACE:${part}>)
endforeach()
add_library(weir::weir ALIAS weir)
add_library(weir::static ALIAS weir-static)
