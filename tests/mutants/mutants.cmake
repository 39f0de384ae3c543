# Planted bugs. Each .diff is applied to the kernel as it is now, in the build tree (one that no longer applies fails the build), and
# linked in its place; the test passes if verify finds the bug: exit 1, and a line that reproduces it. The diff's first lines say
# which kernel it changes, what to verify, and what is wrong.
find_program(ATTNBENCH_PATCH patch)
file(GLOB mutants CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/mutants/*.diff)
foreach(diff IN LISTS mutants)
  get_filename_component(name ${diff} NAME_WE)
  file(STRINGS ${diff} head LIMIT_COUNT 3)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${diff})
  list(GET head 0 kernel)
  list(GET head 1 verify)
  string(REGEX REPLACE "^kernel: " "" kernel "${kernel}")
  string(REGEX REPLACE "^verify: " "" verify "${verify}")
  file(GLOB source ${PROJECT_SOURCE_DIR}/kernels/*/${kernel}.c)
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  get_property(options GLOBAL PROPERTY ATTNBENCH_${folder}_OPTIONS)
  get_property(isa GLOBAL PROPERTY ATTNBENCH_${folder}_ISA)
  if(NOT ATTNBENCH_PATCH OR NOT options)
    message(STATUS "mutant ${name}: not built (no patch program, or kernels/${folder} is not built here)")
    continue()
  endif()

  set(patched ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}.c)
  add_custom_command(OUTPUT ${patched} VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/mutants
    COMMAND ${ATTNBENCH_PATCH} --silent --force --reject-file=- --output=${patched} ${source} ${diff}
    DEPENDS ${diff} ${source})
  add_library(mutant_${name}_kernel OBJECT ${patched})
  target_include_directories(mutant_${name}_kernel PRIVATE ${PROJECT_SOURCE_DIR}/kernels ${PROJECT_SOURCE_DIR}/kernels/${folder})
  target_compile_definitions(mutant_${name}_kernel PRIVATE ATTN_FOLDER_ISA=${isa} _GNU_SOURCE)
  target_compile_options(mutant_${name}_kernel PRIVATE ${options})
  # The object comes before the library, so the library's own kernel of that name stays out.
  add_executable(mutant_${name} ${PROJECT_SOURCE_DIR}/harness/main.c $<TARGET_OBJECTS:mutant_${name}_kernel>)
  target_include_directories(mutant_${name} PRIVATE ${PROJECT_BINARY_DIR}/harness)
  target_link_libraries(mutant_${name} PRIVATE attn_harness)
  add_test(NAME mutant_${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/mutants/caught.sh $<TARGET_FILE:mutant_${name}> ${kernel} "${verify}"
           WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
  set_tests_properties(mutant_${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()
