# What `cmake --install` installs, in components:
#
#   runtime       the program and all that it takes while it runs; without --component this and development
#   development   what a plugin is made with: attention.h, attnbench.pc, the CMake package, attnbench-new-kernel
#   selftest      planted bugs, those that were built: cmake --install BUILD --component selftest
include(CMakePackageConfigHelpers)

install(TARGETS attnbench COMPONENT runtime)
install(TARGETS attn_kernels_module LIBRARY DESTINATION ${ATTNBENCH_MODULES_DIR} COMPONENT runtime)
install(DIRECTORY ${PROJECT_BINARY_DIR}/slowed DESTINATION ${ATTNBENCH_MODULES_DIR} COMPONENT runtime
        FILES_MATCHING REGEX "/slowed_(0|again|1|2|5)\\.so$") # a build with tests has others too
if(TARGET attn_kernels_links)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/links DESTINATION ${ATTNBENCH_MODULES_DIR} COMPONENT runtime)
endif()
install(FILES reports/make.py DESTINATION ${ATTNBENCH_DATA_DIR}/reports COMPONENT runtime)
install(DIRECTORY reports/attnbench_report DESTINATION ${ATTNBENCH_DATA_DIR}/reports COMPONENT runtime
        PATTERN __pycache__ EXCLUDE)
install(DIRECTORY harness/workload/data DESTINATION ${ATTNBENCH_DATA_DIR} COMPONENT runtime)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

# A planted bug is a module with the head of its diff; a diff without one was not built.
install(CODE "set(from \"${PROJECT_BINARY_DIR}/selftest\")
set(to \"${ATTNBENCH_MODULES_DIR}/selftest\")
include(\"${PROJECT_SOURCE_DIR}/scripts/cmake/InstallPlanted.cmake\")" COMPONENT selftest EXCLUDE_FROM_ALL)

# ---- what a plugin is made with ------------------------------------------------------------------------------------

install(FILES kernels/attention.h DESTINATION ${ATTNBENCH_HEADERS_DIR} COMPONENT development)
install(FILES scripts/plugin/kernel.c scripts/plugin/CMakeLists.txt scripts/plugin/README.md kernels/attention.h
        DESTINATION ${ATTNBENCH_DATA_DIR}/plugin COMPONENT development)
file(READ scripts/new-kernel new_kernel)
string(REPLACE "../share/attnbench" "${ATTNBENCH_BIN_TO_DATA}" new_kernel "${new_kernel}")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/package/attnbench-new-kernel CONTENT "@new_kernel@" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS scripts/new-kernel)
install(PROGRAMS ${PROJECT_BINARY_DIR}/package/attnbench-new-kernel TYPE BIN COMPONENT development)

# Both find the prefix from where they lie.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attnbench)
cmake_path(ABSOLUTE_PATH pkgconfig_dir BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE from)
file(RELATIVE_PATH pkgconfig_to_prefix ${from} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pkgconfig_to_prefix "${pkgconfig_to_prefix}")
foreach(folder BINDIR INCLUDEDIR)
  set(pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  if(IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
    set(pc_${folder} ${CMAKE_INSTALL_${folder}})
  endif()
endforeach()
configure_file(scripts/cmake/package/attnbench.pc.in ${PROJECT_BINARY_DIR}/package/attnbench.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/attnbench.pc DESTINATION ${pkgconfig_dir} COMPONENT development)

configure_package_config_file(scripts/cmake/package/attnbenchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/attnbenchConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS ATTNBENCH_HEADERS_DIR CMAKE_INSTALL_BINDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/attnbenchConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT) # before 1.0 a minor version may change what it means
install(FILES ${PROJECT_BINARY_DIR}/package/attnbenchConfig.cmake
        ${PROJECT_BINARY_DIR}/package/attnbenchConfigVersion.cmake DESTINATION ${package_dir} COMPONENT development)
