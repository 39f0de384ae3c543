# Planted bugs (tests/mutants) and odd but right kernels (tests/antimutants), both as diffs. Each is applied to the kernels as they are
# now, in the build tree (one that no longer applies fails the build), and becomes a plugin of that one kernel beside a copy of its
# diff, whose first lines `attnbench selftest judge` reads:
#
#   kernel: the kernel that it changes
#   what: what is wrong, or odd, in one line
#   verify: flags for verify, where suite smoke with class normal does not show it     (optional)
#   varies: why a failure need not repeat in the same digits                           (optional)
#   signature: what its failures look like, for a table of known bugs                  (optional)
#
# then an empty line and the diff. A diff may change headers, problem.c and several files at once. Plugins of a threaded kernel have the
# serial ones as inner kernels.
find_program(ATTNBENCH_PATCH patch)
set(plant ${CMAKE_CURRENT_SOURCE_DIR}/mutants/plant.sh)
set(modules ${PROJECT_BINARY_DIR}/selftest)

# What a kernel needs beside its own file, compiled once.
foreach(part problem work names)
  add_library(mutant_${part} OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/kernels/${part}.c)
  target_include_directories(mutant_${part} PRIVATE ${PROJECT_SOURCE_DIR}/kernels)
  target_link_libraries(mutant_${part} PRIVATE attnbench_flags)
  target_compile_options(mutant_${part} PRIVATE -O2 ${ATTNBENCH_STEADY_FLAGS})
  set_target_properties(mutant_${part} PROPERTIES C_VISIBILITY_PRESET hidden)
endforeach()

# mutant_entry(KERNEL FOLDER): target mutant_entry_KERNEL, the entry and the registry of its plugins; MUTANT_INNER_KERNEL: their inner
# kernels' objects.
function(mutant_entry kernel folder)
  set(inner "")
  set(stems ${kernel})
  if(folder STREQUAL threaded)
    foreach(other naive blocked avx2 avx512)
      if(TARGET attn_kernels_${other})
        get_target_property(sources attn_kernels_${other} SOURCES)
        foreach(source IN LISTS sources)
          get_filename_component(stem ${source} NAME_WE)
          list(APPEND stems ${stem})
        endforeach()
        list(APPEND inner $<TARGET_OBJECTS:attn_kernels_${other}>)
      endif()
    endforeach()
  endif()
  set_property(GLOBAL PROPERTY MUTANT_INNER_${kernel} "${inner}")
  if(TARGET mutant_entry_${kernel})
    return()
  endif()
  set(declarations "")
  set(entries "")
  foreach(stem IN LISTS stems)
    string(APPEND declarations "extern const attn_kernel attn_kernel_${stem};\n")
    string(APPEND entries "    &attn_kernel_${stem},\n")
  endforeach()
  set(list_folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/registry/${kernel})
  file(CONFIGURE OUTPUT ${list_folder}/registry_list.h CONTENT
"${declarations}
static const attn_kernel *const registry_list[] = {
${entries}};
")
  add_library(mutant_entry_${kernel} OBJECT EXCLUDE_FROM_ALL
              ${PROJECT_SOURCE_DIR}/kernels/plugin_entry.c ${PROJECT_SOURCE_DIR}/kernels/registry.c)
  target_include_directories(mutant_entry_${kernel} PRIVATE ${list_folder} ${PROJECT_SOURCE_DIR}/kernels)
  target_compile_definitions(mutant_entry_${kernel} PRIVATE "ATTN_BUILD_ID=\"of the self-test\"")
  target_link_libraries(mutant_entry_${kernel} PRIVATE attnbench_flags)
  target_compile_options(mutant_entry_${kernel} PRIVATE -O2 ${ATTNBENCH_STEADY_FLAGS})
  set_target_properties(mutant_entry_${kernel} PROPERTIES C_VISIBILITY_PRESET hidden)
endfunction()

# planted_module(KIND DIFF): KIND/NAME.so and KIND/NAME.diff in the folder of modules.
function(planted_module kind diff)
  get_filename_component(name ${diff} NAME_WE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${diff})
  file(STRINGS ${diff} kernel LIMIT_COUNT 1)
  string(REGEX REPLACE "^kernel: " "" kernel "${kernel}")
  file(GLOB source ${PROJECT_SOURCE_DIR}/kernels/*/${kernel}.c)
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  get_property(options GLOBAL PROPERTY ATTNBENCH_${folder}_OPTIONS)
  get_property(isa GLOBAL PROPERTY ATTNBENCH_${folder}_ISA)
  if(folder STREQUAL amxbf16) # judged everywhere, on emulated tiles
    set(options ${emulated_options})
    set(isa ${emulated_isa})
  endif()
  if(NOT options)
    message(STATUS "${kind}/${name}: not built (kernels/${folder} is not built here)")
    return()
  endif()

  # The kernel, and every header that it may include, in a tree of its own: quoted includes look beside the including file first.
  set(tree ${CMAKE_CURRENT_BINARY_DIR}/${kind}/${name})
  set(headers ${PROJECT_SOURCE_DIR}/kernels/*.h ${PROJECT_SOURCE_DIR}/kernels/${folder}/*.h)
  file(GLOB own ${PROJECT_SOURCE_DIR}/kernels/${folder}/*.[ch])
  foreach(file IN LISTS own)
    file(STRINGS ${file} others REGEX "^#include \"[a-z0-9]+/")
    list(TRANSFORM others REPLACE ".*\"([a-z0-9]+)/.*" "${PROJECT_SOURCE_DIR}/kernels/\\1/*.h")
    list(APPEND headers ${others})
  endforeach()
  list(REMOVE_DUPLICATES headers)
  file(GLOB needed CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${headers})
  list(APPEND needed kernels/problem.c kernels/${folder}/${kernel}.c)
  list(TRANSFORM needed PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE originals)
  list(TRANSFORM needed PREPEND ${tree}/ OUTPUT_VARIABLE copies)
  add_custom_command(OUTPUT ${copies} VERBATIM
    COMMENT "Planting ${name}" COMMAND ${plant} ${ATTNBENCH_PATCH} ${diff} ${tree} ${needed}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DEPENDS ${diff} ${plant} ${originals})
  set(objects $<TARGET_OBJECTS:mutant_work> $<TARGET_OBJECTS:mutant_names>)
  file(STRINGS ${diff} changes_problem REGEX "^\\+\\+\\+ b/kernels/problem.[ch]")
  set(sources ${tree}/kernels/${folder}/${kernel}.c)
  if(changes_problem)
    list(APPEND sources ${tree}/kernels/problem.c)
  else()
    list(APPEND objects $<TARGET_OBJECTS:mutant_problem>)
  endif()
  mutant_entry(${kernel} ${folder})
  get_property(inner GLOBAL PROPERTY MUTANT_INNER_${kernel})

  set(target ${kind}_${name})
  add_library(${target} MODULE ${sources} ${objects} $<TARGET_OBJECTS:mutant_entry_${kernel}> ${inner})
  target_include_directories(${target} PRIVATE ${tree}/kernels)
  target_compile_definitions(${target} PRIVATE ATTN_FOLDER_ISA=${isa} _GNU_SOURCE)
  target_compile_options(${target} PRIVATE ${options} -w) # a bug may well leave something unused
  target_link_libraries(${target} PRIVATE m ${CMAKE_DL_LIBS} Threads::Threads)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX .so C_VISIBILITY_PRESET hidden
                        LIBRARY_OUTPUT_DIRECTORY ${modules}/${kind})
  configure_file(${diff} ${modules}/${kind}/${name}.diff COPYONLY)
endfunction()

if(NOT ATTNBENCH_PATCH)
  message(STATUS "planted bugs: not built (no patch program)")
  return()
endif()
file(GLOB stale ${modules}/*/*.diff ${modules}/*/*.so)
foreach(file IN LISTS stale)
  file(RELATIVE_PATH name ${modules} ${file})
  string(REGEX REPLACE "\\.so$" ".diff" name ${name})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name})
    file(REMOVE ${file})
  endif()
endforeach()
foreach(kind mutants antimutants)
  file(GLOB diffs CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${kind}/*.diff)
  foreach(diff IN LISTS diffs)
    planted_module(${kind} ${diff})
  endforeach()
endforeach()

add_test(NAME selftest_judge COMMAND attnbench selftest judge WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
set_tests_properties(selftest_judge PROPERTIES TIMEOUT ${patience} COST 1000) # long: first
