# A planted error of the reference: its row sum in single precision, which no kernel's bound notices. verify must end
# with 4, whatever else it finds; without FLINT nothing is certified, and there is nothing to test.
find_program(ATTNBENCH_PATCH patch)
if(ATTNBENCH_PATCH AND TARGET attnbench_arb)
  set(diff ${CMAKE_CURRENT_SOURCE_DIR}/reference/reference_error/single_precision_sum.diff)
  set(source ${PROJECT_SOURCE_DIR}/reference/reference.c)
  set(patched ${CMAKE_CURRENT_BINARY_DIR}/reference_error/reference.c)
  add_custom_command(OUTPUT ${patched} VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/reference_error
    COMMAND ${ATTNBENCH_PATCH} --silent --force --reject-file=- --output=${patched} ${source} ${diff}
    DEPENDS ${diff} ${source})
  # The object comes before the library, so the library's own reference stays out.
  add_executable(attnbench_reference_error ${PROJECT_SOURCE_DIR}/harness/cli/main.c ${patched})
  target_include_directories(attnbench_reference_error PRIVATE ${PROJECT_BINARY_DIR}/harness)
  target_link_libraries(attnbench_reference_error PRIVATE attn_harness)
  add_test(NAME reference_error COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/reference/reference_error/exits_4.sh
           $<TARGET_FILE:attnbench> $<TARGET_FILE:attnbench_reference_error>)
  set_tests_properties(reference_error PROPERTIES TIMEOUT ${patience})
endif()
