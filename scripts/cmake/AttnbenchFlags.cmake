# Compile flags of all our code. Kernels and reference append theirs per folder.
# gnu17: plain c17 makes GCC contract no multiply-adds and hides the clocks.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # kernels are compiled once, for the program and for modules
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_ENABLE_EXPORTS OFF)           # never -rdynamic: plugins must not bind to our symbols

add_library(attnbench_flags INTERFACE)
target_compile_options(attnbench_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wstrict-prototypes -Wmissing-prototypes>
  $<$<BOOL:${ATTNBENCH_WERROR}>:-Werror>)
target_compile_definitions(attnbench_flags INTERFACE _GNU_SOURCE)
if(ATTNBENCH_SANITIZE)
  target_compile_options(attnbench_flags INTERFACE -fsanitize=${ATTNBENCH_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(attnbench_flags INTERFACE -fsanitize=${ATTNBENCH_SANITIZE})
endif()

# Distributions inject link-time optimisation and users inject fast-math through CFLAGS: both would change what is
# judged and timed, so every folder of ours switches them off after them. 64-byte aligned functions, those that kernels
# call included: code that moves by a few bytes must not read as a slowdown.
set(ATTNBENCH_STEADY_FLAGS -fno-lto -fno-fast-math -falign-functions=64)
set(ATTNBENCH_KERNEL_FLAGS -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math)
if(ATTNBENCH_SANITIZE) # unrolled tiles full of checks: -O3 takes 100 s for one kernel, -O1 13
  list(TRANSFORM ATTNBENCH_KERNEL_FLAGS REPLACE "-O3" "-O1")
endif()
