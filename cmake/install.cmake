# `cmake --install`: headers, both libraries, protoc-gen-weir (its own CMakeLists.txt), a pkg-config
# file and a CMake package.
include(CMakePackageConfigHelpers)

set(WEIR_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
set_target_properties(weir PROPERTIES EXPORT_NAME weir)
set_target_properties(weir-static PROPERTIES EXPORT_NAME static)
install(TARGETS weir weir-static EXPORT weir-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)

# Relative, so that the tree can be installed, or moved, anywhere.
file(RELATIVE_PATH WEIR_PC_PREFIX
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(WEIR_PC_PUBLIC "") # what generated code calls itself
if(WEIR_PROTOBUF)
  set(WEIR_PC_PUBLIC libprotobuf-c)
endif()
configure_file(cmake/weir.pc.in weir.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT weir-targets NAMESPACE weir:: DESTINATION ${WEIR_CMAKE_DIR})
configure_package_config_file(cmake/weir-config.cmake.in weir-config.cmake
  INSTALL_DESTINATION ${WEIR_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/weir-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/weir-config.cmake ${CMAKE_BINARY_DIR}/weir-config-version.cmake
  DESTINATION ${WEIR_CMAKE_DIR})
if(WEIR_PROTOBUF)
  install(FILES cmake/weir-generate.cmake DESTINATION ${WEIR_CMAKE_DIR})
endif()
