# Plugins of the tests: four that prove the contract, one of all built-in kernels, and ill ones.
set(plugin_dir ${CMAKE_CURRENT_BINARY_DIR}/plugins)
set(plugin_source ${CMAKE_CURRENT_SOURCE_DIR}/plugins)

# What every plugin needs beside its own source: compiled once for all, but for those that compile it otherwise.
set(part_sources ${PROJECT_SOURCE_DIR}/kernels/problem.c ${PROJECT_SOURCE_DIR}/kernels/work.c
                 ${PROJECT_SOURCE_DIR}/kernels/names.c)
add_library(plugin_parts OBJECT ${part_sources})
target_include_directories(plugin_parts PRIVATE ${PROJECT_SOURCE_DIR}/kernels)
target_link_libraries(plugin_parts PRIVATE attnbench_flags)
set_target_properties(plugin_parts PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
set(parts $<TARGET_OBJECTS:plugin_parts>)

# test_plugin(NAME SOURCE [definitions...]): SOURCE and `parts` as NAME.so
function(test_plugin name source)
  add_library(plugin_${name} MODULE ${plugin_source}/${source} ${parts})
  target_include_directories(plugin_${name} PRIVATE ${plugin_source} ${PROJECT_SOURCE_DIR}/kernels)
  target_compile_definitions(plugin_${name} PRIVATE ${ARGN})
  target_link_libraries(plugin_${name} PRIVATE attnbench_flags m)
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX .so C_VISIBILITY_PRESET hidden
                        LIBRARY_OUTPUT_DIRECTORY ${plugin_dir})
endfunction()

test_plugin(paged paged.c)
test_plugin(ragged ragged.c)
test_plugin(touchy touchy.c)
find_package(OpenMP QUIET COMPONENTS C)
if(OpenMP_C_FOUND)
  set(openmp OPENMP_SCHEDULE=dynamic OPENMP_TRAITS=ATTN_TRAIT_OWN_THREADS)
  set(openmp_static OPENMP_SCHEDULE=static OPENMP_TRAITS=ATTN_TRAIT_OWN_THREADS)
  set(openmp_untold OPENMP_SCHEDULE=dynamic OPENMP_TRAITS=0)
  set(openmp_untold_static OPENMP_SCHEDULE=static OPENMP_TRAITS=0)
  foreach(name openmp openmp_static openmp_untold openmp_untold_static)
    test_plugin(${name} openmp.c ${${name}})
    target_link_libraries(plugin_${name} PRIVATE OpenMP::OpenMP_C)
  endforeach()
else()
  message(STATUS "tests/plugins/openmp: not built (this compiler has no OpenMP)")
endif()

# Twice the work: what no noise hides (../README.md), beside those of selftest clock, and with the same code.
slowed_build(100 100)

# Slower where the linker put it, and a module like it that is not.
set(parts ${part_sources})
foreach(percent 0 100)
  test_plugin(placed_${percent} placed.c PLACED_PERCENT=${percent} SLOWED_PERCENT=0 "SLOWED_BUILD=\"by its place\"")
  target_compile_options(plugin_placed_${percent} PRIVATE ${ATTNBENCH_STEADY_FLAGS} ${ATTNBENCH_KERNEL_FLAGS})
  set_property(SOURCE ${plugin_source}/placed.c PROPERTY COMPILE_OPTIONS
               -include ${PROJECT_SOURCE_DIR}/harness/selftest/slowed/slowed_rows.c)
  target_link_libraries(plugin_placed_${percent} PRIVATE ${CMAKE_DL_LIBS})
endforeach()
set(parts $<TARGET_OBJECTS:plugin_parts>)

# Older: the header as it was before its youngest field, which here is made by taking that field out.
file(READ ${PROJECT_SOURCE_DIR}/kernels/attention.h header)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/attention.h)
string(REGEX REPLACE "\n[^\n]*;[^;\n]*\n} attn_plan;" "\n} attn_plan;" older "${header}")
if(older STREQUAL header)
  message(FATAL_ERROR "tests/plugins: the last field of attn_plan was not found in attention.h")
endif()
file(CONFIGURE OUTPUT ${plugin_dir}/older/attention.h CONTENT "@older@" @ONLY)
set(parts ${part_sources})
test_plugin(older older.c)
set(parts $<TARGET_OBJECTS:plugin_parts>)
# Before all else: problem.h would find the header beside itself.
target_compile_options(plugin_older PRIVATE -include ${plugin_dir}/older/attention.h)

# All built-in kernels, from the objects that the program is linked from.
get_target_property(kernel_sources attn_kernels SOURCES)
list(FILTER kernel_sources INCLUDE REGEX "TARGET_OBJECTS")
add_library(plugin_builtin MODULE ${PROJECT_SOURCE_DIR}/kernels/plugin_entry.c ${PROJECT_SOURCE_DIR}/kernels/registry.c
            ${PROJECT_SOURCE_DIR}/kernels/problem.c ${PROJECT_SOURCE_DIR}/kernels/work.c
            ${PROJECT_SOURCE_DIR}/kernels/names.c ${kernel_sources})
target_include_directories(plugin_builtin PRIVATE ${PROJECT_SOURCE_DIR}/kernels ${PROJECT_BINARY_DIR}/kernels)
target_compile_definitions(plugin_builtin PRIVATE "ATTN_BUILD_ID=\"built-in kernels\"")
target_link_libraries(plugin_builtin PRIVATE attnbench_flags m ${CMAKE_DL_LIBS})
set_target_properties(plugin_builtin PROPERTIES PREFIX "" OUTPUT_NAME builtin SUFFIX .so C_VISIBILITY_PRESET hidden
                      LIBRARY_OUTPUT_DIRECTORY ${plugin_dir})

# A kernel that needs tiles, unchanged, on an emulation of them: its arithmetic is then judged on CPUs that have none.
# And slices of it, which share packed keys.
if(emulated_options AND NOT ATTNBENCH_SANITIZE) # takes minutes to compile with sanitizers, whose tests do not run it
  file(CONFIGURE OUTPUT ${plugin_dir}/emulated/registry_list.h CONTENT
"extern const attn_kernel attn_kernel_amxbf16_online, attn_kernel_threaded_rows;
static const attn_kernel *const registry_list[] = {&attn_kernel_amxbf16_online, &attn_kernel_threaded_rows};
")
  set(parts ${part_sources})
  test_plugin(emulated_tiles ../../kernels/plugin_entry.c ATTN_FOLDER_ISA=${emulated_isa}
              "ATTN_BUILD_ID=\"tiles emulated\"")
  target_sources(plugin_emulated_tiles PRIVATE ${PROJECT_SOURCE_DIR}/kernels/amxbf16/amxbf16_online.c
                 ${PROJECT_SOURCE_DIR}/kernels/threaded/threaded_rows.c ${PROJECT_SOURCE_DIR}/kernels/registry.c)
  target_include_directories(plugin_emulated_tiles PRIVATE ${plugin_dir}/emulated)
  target_compile_options(plugin_emulated_tiles PRIVATE ${emulated_options})
  add_test(NAME verify_emulated_tiles COMMAND attnbench verify --suite types --plugin ${plugin_dir}/emulated_tiles.so
           --kernel "emulated_tiles:*")
  set(parts $<TARGET_OBJECTS:plugin_parts>)
  set_tests_properties(verify_emulated_tiles PROPERTIES TIMEOUT ${patience} SKIP_RETURN_CODE 3)
endif()

# odd_plugin(NAME [MACRO=value...]): odd.c, well but for what is named.
function(odd_plugin name)
  set(values ODD_HOW=WELL ODD_KERNEL_ABI=ATTN_ABI ODD_NAME="odd_plain" "ODD_IDEA=\"right but for one oddity\"" ODD_ISA=ATTN_ISA_PORTABLE
             ODD_SIZE=sizeof\(attn_plugin\) ODD_ABI=ATTN_ABI ODD_COUNT=1)
  foreach(given IN LISTS ARGN)
    string(REGEX REPLACE "=.*" "" macro "${given}")
    list(FILTER values EXCLUDE REGEX "^${macro}=")
    list(APPEND values "${given}")
  endforeach()
  test_plugin(${name} odd.c ${values})
endfunction()

odd_plugin(well)
foreach(how IN ITEMS CRASHES_LOADING EXITS_LOADING HANGS_LOADING FLUSHES_LOADING CRASHES_PLANNING HANGS_PLANNING
                     CRASHES_RUNNING EXITS_RUNNING HANGS_RUNNING FLUSHES_RUNNING CRASHES_LATER HANGS_LATER FAILS_AGAIN
                     BEGINS_SLOWLY
                     IS_WRONG DECLINES CRASHES_LAUNCHED HANGS_CLOSED ROUNDS)
  string(TOLOWER ${how} name)
  odd_plugin(${name} ODD_HOW=${how})
endforeach()
# Preloaded, it refuses memory for what was compared: not beside sanitizers, whose own realloc comes first, nor under
# emulators.
if(NOT ATTNBENCH_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  add_library(no_memory SHARED ${plugin_source}/no_memory.c)
  target_include_directories(no_memory PRIVATE $<TARGET_PROPERTY:attn_harness,INCLUDE_DIRECTORIES>)
  target_link_libraries(no_memory PRIVATE attnbench_flags attnbench_jansson ${CMAKE_DL_LIBS})
  set_target_properties(no_memory PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${plugin_dir})
endif()
odd_plugin(major_abi ODD_ABI=0x20000u)
odd_plugin(minor_abi ODD_ABI=ATTN_ABI+1)
odd_plugin(kernel_abi ODD_KERNEL_ABI=ATTN_ABI+1)
odd_plugin(short_entry ODD_SIZE=8)
odd_plugin(no_kernels ODD_COUNT=0)
odd_plugin(one_name_twice ODD_COUNT=2)
odd_plugin(bad_name ODD_NAME="a/b")
odd_plugin(bad_idea "ODD_IDEA=\"\\377\"")
# An instruction set that no machine has, and a constructor that must therefore never run.
odd_plugin(no_such_isa ODD_ISA=UINT64_C\(1\)<<63 ODD_HOW=CRASHES_LOADING)

# Dishonest ones: the file's enumeration is the list.
file(STRINGS ${plugin_source}/cheat.c cheats REGEX "^    [A-Z_]+,? +/\\* ")
foreach(line IN LISTS cheats)
  string(REGEX MATCH "[A-Z_]+" how "${line}")
  string(TOLOWER cheat_${how} name)
  test_plugin(${name} cheat.c CHEAT_HOW=${how})
  target_link_libraries(plugin_${name} PRIVATE Threads::Threads)
endforeach()

# Traps for two builds in one process. A library of the same name and another content in each of two folders, and one
# for both:
foreach(folder IN ITEMS a b)
  add_library(helper_${folder} SHARED ${plugin_source}/helper.c)
  target_link_libraries(helper_${folder} PRIVATE attnbench_flags)
  set_target_properties(helper_${folder} PROPERTIES OUTPUT_NAME helper LIBRARY_OUTPUT_DIRECTORY ${plugin_dir}/${folder})
  target_compile_definitions(helper_${folder} PRIVATE HELPER_FACTOR=$<IF:$<STREQUAL:${folder},a>,2,3> HELPER_WORK=5000)
  test_plugin(twin_${folder} twin.c TWIN_HELPER=helper_answer)
  target_link_libraries(plugin_twin_${folder} PRIVATE helper_${folder})
  test_plugin(twin_inside_${folder} twin.c TWIN_HELPER=helper_answer TWIN_OWN_HELPER)
endforeach()
test_plugin(twin_a_again twin.c TWIN_HELPER=helper_answer)
target_link_libraries(plugin_twin_a_again PRIVATE helper_a)
# A helper of another name with ten times the work, behind the same plugin.
add_library(helper_slow SHARED ${plugin_source}/helper.c)
target_link_libraries(helper_slow PRIVATE attnbench_flags)
set_target_properties(helper_slow PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${plugin_dir})
target_compile_definitions(helper_slow PRIVATE HELPER_FACTOR=2 HELPER_WORK=50000)
test_plugin(twin_slow twin.c TWIN_HELPER=helper_answer)
target_link_libraries(plugin_twin_slow PRIVATE helper_slow)
# A helper that a library of the program (libm) has too: bound as the loader likes, and to itself.
test_plugin(twin_interposed twin.c TWIN_HELPER=cbrt TWIN_OWN_HELPER)
target_compile_options(plugin_twin_interposed PRIVATE -fsemantic-interposition)
test_plugin(twin_symbolic twin.c TWIN_HELPER=cbrt TWIN_OWN_HELPER)
target_compile_options(plugin_twin_symbolic PRIVATE -fsemantic-interposition)
target_link_options(plugin_twin_symbolic PRIVATE -Wl,-Bsymbolic)
# Statics of inline functions in C++: as they are, and with the symbols hidden.
foreach(which IN ITEMS a b hidden_a hidden_b)
  add_library(plugin_inline_${which} MODULE ${plugin_source}/inline_static.cc)
  target_include_directories(plugin_inline_${which} PRIVATE ${PROJECT_SOURCE_DIR}/kernels)
  target_link_libraries(plugin_inline_${which} PRIVATE attnbench_flags)
  target_compile_definitions(plugin_inline_${which} PRIVATE INLINE_FIRST=1)
  set_target_properties(plugin_inline_${which} PROPERTIES PREFIX "" OUTPUT_NAME inline_${which} SUFFIX .so
                        LIBRARY_OUTPUT_DIRECTORY ${plugin_dir})
  if(which MATCHES hidden)
    target_compile_options(plugin_inline_${which} PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden)
  endif()
endforeach()
