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

# One command plants, compiles and links: a bug is one step of the build. -O1: the judge looks at results, and a vector
# kernel takes a third of the time of -O3 to compile; the other option lets GCC write vzeroupper, which the judge looks
# for. -w: a bug may well leave something unused.
separate_arguments(compile UNIX_COMMAND "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_RELEASE}")
set(compile ${CMAKE_C_COMPILER} -std=gnu17 -D_GNU_SOURCE -fPIC -fvisibility=hidden -shared -Ikernels ${compile})

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

  # The kernel, and every header that it may include, in a tree of its own: quoted includes look beside the including
  # file first.
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
  set(sources kernels/${folder}/${kernel}.c)
  set(objects $<TARGET_OBJECTS:mutant_work> $<TARGET_OBJECTS:mutant_names>)
  file(STRINGS ${diff} changes_problem REGEX "^\\+\\+\\+ b/kernels/problem.[ch]")
  if(changes_problem)
    list(APPEND sources kernels/problem.c)
  else()
    list(APPEND objects $<TARGET_OBJECTS:mutant_problem>)
  endif()
  list(APPEND needed ${sources})
  list(TRANSFORM needed PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE originals)
  mutant_entry(${kernel} ${folder})
  get_property(inner GLOBAL PROPERTY MUTANT_INNER_${kernel})
  list(APPEND objects $<TARGET_OBJECTS:mutant_entry_${kernel}> ${inner})

  list(TRANSFORM options REPLACE "^SHELL:([^ ]+) (.*)" "\\1;\\2")
  list(TRANSFORM options REPLACE "^-O[23]$" "-O1;-fexpensive-optimizations")
  set(module ${modules}/${kind}/${name}.so)
  add_custom_command(OUTPUT ${module} VERBATIM COMMAND_EXPAND_LISTS
    COMMENT "Planting ${name}"
    COMMAND ${plant} ${ATTNBENCH_PATCH} ${diff} ${tree} ${needed}
    COMMAND ${CMAKE_COMMAND} -E chdir ${tree} ${compile} ${options} -w -DATTN_FOLDER_ISA=${isa} ${sources}
            -o ${module} ${objects} -lm $<$<BOOL:${CMAKE_DL_LIBS}>:-l${CMAKE_DL_LIBS}> ${CMAKE_THREAD_LIBS_INIT}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DEPENDS ${diff} ${plant} ${originals} ${objects})
  set_property(GLOBAL APPEND PROPERTY PLANTED_MODULES ${module})
  configure_file(${diff} ${modules}/${kind}/${name}.diff COPYONLY)
endfunction()

if(NOT ATTNBENCH_PATCH)
  message(STATUS "planted bugs: not built (no patch program)")
  return()
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/mutants/sample.txt)
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/mutants/sample.txt sample REGEX "^[a-z]")
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
    get_filename_component(name ${diff} NAME_WE)
    if(ATTNBENCH_PLANTED STREQUAL all OR name IN_LIST sample)
      planted_module(${kind} ${diff})
    else()
      file(REMOVE ${modules}/${kind}/${name}.so ${modules}/${kind}/${name}.diff)
    endif()
  endforeach()
endforeach()

get_property(planted GLOBAL PROPERTY PLANTED_MODULES)
file(MAKE_DIRECTORY ${modules}/mutants ${modules}/antimutants)
add_custom_target(planted ALL DEPENDS ${planted})

add_test(NAME selftest_judge COMMAND attnbench selftest judge --json selftest/matrix.json
         WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
set_tests_properties(selftest_judge PROPERTIES TIMEOUT ${patience} COST 1000) # long: first
