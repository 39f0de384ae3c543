# The loops behind the ceilings: the portable ones with exactly the flags of the portable kernels, the others with those
# of their instruction set, built where the compiler takes them. A definition says which parts exist.
include(CheckCSourceCompiles)

set_source_files_properties(machine/ceilings_portable.c PROPERTIES
  COMPILE_OPTIONS "${ATTNBENCH_STEADY_FLAGS};${ATTNBENCH_KERNEL_FLAGS}")

function(attnbench_ceiling part statement)
  set(CMAKE_REQUIRED_FLAGS "${ARGN}")
  list(JOIN CMAKE_REQUIRED_FLAGS " " CMAKE_REQUIRED_FLAGS)
  string(TOUPPER ${part} upper)
  check_c_source_compiles("#include <immintrin.h>\nint main(void) { ${statement}; return 0; }"
    ATTNBENCH_CEILING_${upper})
  if(ATTNBENCH_CEILING_${upper})
    target_sources(attn_harness PRIVATE machine/isa/ceiling_${part}.c)
    set_source_files_properties(machine/isa/ceiling_${part}.c PROPERTIES
      COMPILE_OPTIONS "${ATTNBENCH_STEADY_FLAGS};${ATTNBENCH_KERNEL_FLAGS};${ARGN}")
    target_compile_definitions(attn_harness PUBLIC ATTNBENCH_CEILING_${upper})
  endif()
endfunction()

attnbench_ceiling(avx2 "__m256 a = _mm256_setzero_ps(); (void)_mm256_fmadd_ps(a, a, a)" -mavx2 -mfma -mf16c)
attnbench_ceiling(avx512 "__m512 a = _mm512_setzero_ps(); (void)_mm512_fmadd_ps(a, a, a)"
  -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mfma -mf16c)
attnbench_ceiling(avx512bf16 "__m512 a = _mm512_setzero_ps(); (void)_mm512_dpbf16_ps(a, _mm512_cvtne2ps_pbh(a, a), _mm512_cvtne2ps_pbh(a, a))"
  -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mavx512bf16)
attnbench_ceiling(avx512vnni "__m512i a = _mm512_setzero_si512(); (void)_mm512_dpbusd_epi32(a, a, a)"
  -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mavx512vnni)
attnbench_ceiling(amx "_tile_zero(0); _tile_dpbf16ps(0, 1, 2); _tile_dpbssd(0, 1, 2); _tile_release()"
  -mamx-tile -mamx-bf16 -mamx-int8)
