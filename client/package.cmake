# What `cmake --install` puts down for programs that use the client library:
#   lib/libreeve.so, include/reeve/*.h, and the CMake package: find_package(reeve) gives reeve::client.
#
# The shared library has everything inside that is ours, and shows nothing but what reeve/*.h declares.
add_library(reeve_shared SHARED $<TARGET_OBJECTS:reeve_client> $<TARGET_OBJECTS:reeve_base>)
target_link_libraries(reeve_shared PRIVATE reeve_client reeve_authkey reeve_net reeve_convert)
target_link_options(reeve_shared PRIVATE -Wl,--exclude-libs,ALL)
set_target_properties(reeve_shared PROPERTIES
  OUTPUT_NAME reeve EXPORT_NAME client LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_features(reeve_shared INTERFACE cxx_std_20)
target_include_directories(reeve_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

install(TARGETS reeve_shared EXPORT reeve LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT library)
install(EXPORT reeve NAMESPACE reeve:: FILE reeveConfig.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/reeve)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(reeveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/reeveConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/reeve)

# The public headers use some of common/base. Installed, those lie beside them: "common/base/task.h" becomes
# "reeve/task.h".
file(GLOB reeve_headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/reeve/*.h)
foreach(name api error task time)
  list(APPEND reeve_headers ${PROJECT_SOURCE_DIR}/common/base/${name}.h)
endforeach()
set(reeve_installed_headers)
foreach(header ${reeve_headers})
  cmake_path(GET header FILENAME name)
  set(installed ${CMAKE_CURRENT_BINARY_DIR}/installed/reeve/${name})
  add_custom_command(
    OUTPUT ${installed}
    COMMAND sed "s|\"common/base/|\"reeve/|" ${header} > ${installed}
    DEPENDS ${header}
    VERBATIM)
  list(APPEND reeve_installed_headers ${installed})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/installed/reeve)
add_custom_target(reeve_headers ALL DEPENDS ${reeve_installed_headers})
install(FILES ${reeve_installed_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/reeve)
