# Every library, why it is needed, and one clear line where it is missing.
include(CheckCSourceCompiles)
find_package(PkgConfig QUIET)
find_package(Threads REQUIRED)

set(ATTNBENCH_MISSING "")
macro(attnbench_missing library package why)
  list(APPEND ATTNBENCH_MISSING "  ${library}: ${why}. Debian: apt-get install ${package}")
endmacro()

# Timing loop, flags, JSON schema that the ecosystem reads.
find_package(benchmark QUIET CONFIG)
if(NOT benchmark_FOUND)
  attnbench_missing("Google Benchmark" libbenchmark-dev "the timing loop")
endif()

# GSL: reference in double precision, random numbers, statistics. Its own CBLAS is linked by name: FindGSL may put
# another CBLAS into its place, which would then answer for the reference.
find_library(ATTNBENCH_GSL gsl)
find_library(ATTNBENCH_GSLCBLAS gslcblas)
find_path(ATTNBENCH_GSL_INCLUDE gsl/gsl_blas.h)
if(NOT ATTNBENCH_GSL OR NOT ATTNBENCH_GSLCBLAS OR NOT ATTNBENCH_GSL_INCLUDE)
  attnbench_missing("GSL" libgsl-dev "the double-precision reference, random numbers, statistics")
endif()

# Records in and out.
find_library(ATTNBENCH_JANSSON jansson)
find_path(ATTNBENCH_JANSSON_INCLUDE jansson.h)
if(NOT ATTNBENCH_JANSSON OR NOT ATTNBENCH_JANSSON_INCLUDE)
  attnbench_missing("jansson" libjansson-dev "JSON records")
endif()

# Names of hardware events. Optional: without it `bench --counters` knows the kernel's generic events alone, and says
# so.
find_library(ATTNBENCH_PFM_LIBRARY pfm)
find_path(ATTNBENCH_PFM_INCLUDE perfmon/pfmlib_perf_event.h)
add_library(attnbench_pfm INTERFACE)
if(ATTNBENCH_PFM_LIBRARY AND ATTNBENCH_PFM_INCLUDE)
  target_include_directories(attnbench_pfm SYSTEM INTERFACE ${ATTNBENCH_PFM_INCLUDE})
  target_link_libraries(attnbench_pfm INTERFACE ${ATTNBENCH_PFM_LIBRARY})
  target_compile_definitions(attnbench_pfm INTERFACE ATTNBENCH_PFM)
else()
  message(STATUS "libpfm4 is missing: counters by their generic names alone. Debian: apt-get install libpfm4-dev")
endif()

# Results over time. Optional: without it `history` says so.
find_library(ATTNBENCH_SQLITE_LIBRARY sqlite3)
find_path(ATTNBENCH_SQLITE_INCLUDE sqlite3.h)
add_library(attnbench_sqlite INTERFACE)
if(ATTNBENCH_SQLITE_LIBRARY AND ATTNBENCH_SQLITE_INCLUDE)
  target_include_directories(attnbench_sqlite SYSTEM INTERFACE ${ATTNBENCH_SQLITE_INCLUDE})
  target_link_libraries(attnbench_sqlite INTERFACE ${ATTNBENCH_SQLITE_LIBRARY})
  target_compile_definitions(attnbench_sqlite INTERFACE ATTNBENCH_SQLITE)
else()
  message(STATUS "SQLite is missing: no history. Debian: apt-get install libsqlite3-dev")
endif()

# Ball arithmetic that certifies the reference: in FLINT 3 itself, before that in a library of its own. Optional:
# without it the reference is not certified, and `verify` says so.
find_library(ATTNBENCH_FLINT_LIBRARY flint)
find_path(ATTNBENCH_ARB_INCLUDE arb.h PATH_SUFFIXES flint)
find_library(ATTNBENCH_ARB_LIBRARY NAMES flint-arb arb)
set(arb_libraries ${ATTNBENCH_FLINT_LIBRARY})
if(ATTNBENCH_ARB_LIBRARY AND NOT ATTNBENCH_ARB_INCLUDE MATCHES "/flint$")
  set(arb_libraries ${ATTNBENCH_ARB_LIBRARY} ${ATTNBENCH_FLINT_LIBRARY})
endif()
set(CMAKE_REQUIRED_INCLUDES ${ATTNBENCH_ARB_INCLUDE})
set(CMAKE_REQUIRED_LIBRARIES ${arb_libraries})
if(ATTNBENCH_FLINT_LIBRARY AND ATTNBENCH_ARB_INCLUDE)
  check_c_source_compiles("#include <arb.h>
    int main(void) { arb_t x; arb_init(x); arb_exp(x, x, 128); return 0; }" ATTNBENCH_ARB_LINKS)
endif()
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(ATTNBENCH_ARB_LINKS)
  add_library(attnbench_arb INTERFACE)
  target_include_directories(attnbench_arb SYSTEM INTERFACE ${ATTNBENCH_ARB_INCLUDE})
  target_link_libraries(attnbench_arb INTERFACE ${arb_libraries})
else()
  message(STATUS "FLINT (Arb) is missing: the reference is not certified. Debian: apt-get install libflint-dev libflint-arb-dev")
endif()

if(ATTNBENCH_TESTS)
  find_library(ATTNBENCH_CMOCKA cmocka)
  find_path(ATTNBENCH_CMOCKA_INCLUDE cmocka.h)
  if(NOT ATTNBENCH_CMOCKA OR NOT ATTNBENCH_CMOCKA_INCLUDE)
    attnbench_missing("cmocka" libcmocka-dev "the tests (or configure with -DATTNBENCH_TESTS=OFF)")
  endif()
endif()

if(ATTNBENCH_MISSING)
  list(JOIN ATTNBENCH_MISSING "\n" lines)
  message(FATAL_ERROR "These libraries are missing (scripts/install-deps installs them all):\n${lines}")
endif()

add_library(attnbench_gsl INTERFACE)
target_include_directories(attnbench_gsl SYSTEM INTERFACE ${ATTNBENCH_GSL_INCLUDE})
target_link_libraries(attnbench_gsl INTERFACE ${ATTNBENCH_GSL} ${ATTNBENCH_GSLCBLAS} m)
add_library(attnbench_jansson INTERFACE)
target_include_directories(attnbench_jansson SYSTEM INTERFACE ${ATTNBENCH_JANSSON_INCLUDE})
target_link_libraries(attnbench_jansson INTERFACE ${ATTNBENCH_JANSSON})
