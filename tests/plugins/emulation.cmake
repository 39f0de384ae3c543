# How kernels/amxbf16 is compiled where the CPU has no tiles: emulated_options, emulated_isa. Tiles are emulated by
# emulated_tiles.h; AVX-512 too, by emulated_avx512.h, where SIMDe is there: then these kernels are judged on any x86-64
# CPU with AVX2. Both empty: neither.
set(emulated_options "")
set(emulated_isa "")
get_property(tile_options GLOBAL PROPERTY ATTNBENCH_amxbf16_OPTIONS)
find_path(ATTNBENCH_SIMDE_INCLUDE simde/x86/avx512.h)
if(tile_options AND ATTNBENCH_SIMDE_INCLUDE)
  get_property(emulated_options GLOBAL PROPERTY ATTNBENCH_avx2_OPTIONS)
  get_property(emulated_isa GLOBAL PROPERTY ATTNBENCH_avx2_ISA)
  # Lanes wrap around: SIMDe adds them as signed integers. Inlined as for speed, a file takes two minutes and a gigabyte
  # to compile. A 64-byte vector is passed otherwise than with AVX-512: all of these functions are in one file.
  list(APPEND emulated_options -O2 -fwrapv -Wno-psabi "-DALWAYS_INLINE=__attribute__((unused)) static" "SHELL:-idirafter ${ATTNBENCH_SIMDE_INCLUDE}"
       "SHELL:-include ${CMAKE_CURRENT_SOURCE_DIR}/plugins/emulated_avx512.h")
elseif(tile_options)
  message(STATUS "tests: AVX-512 is not emulated (no simde/x86/avx512.h): tile kernels are judged where the CPU has AVX-512")
  set(emulated_options ${tile_options} -mno-amx-tile)
  set(emulated_isa ATTN_ISA_AVX512+ATTN_ISA_AVX512VBMI+ATTN_ISA_AVX512BF16)
endif()
if(emulated_options)
  list(APPEND emulated_options "SHELL:-include ${CMAKE_CURRENT_SOURCE_DIR}/plugins/emulated_tiles.h")
endif()
