/* cpu.c: detects what the CPU has and the operating system saves, as ATTN_ISA_* bits.
 *
 * This is the only file of kernels/ that executes CPUID or tests architecture macros. An instruction set counts only if
 * the system also saves its registers (XGETBV) and, for AMX tiles, has granted permission. */
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

/* Linux permits the tile registers only on request (arch_prctl ARCH_REQ_XCOMP_PERM, feature 18: tile data). */
static int tiles_granted(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
#else
static int tiles_granted(void) { return 0; }
#endif

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int has(uint32_t word, int bit) { return word >> bit & 1; }

static uint64_t detect(void)
{
    uint32_t a, b, c, d;
    uint64_t isa = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, 27)) return 0; /* OSXSAVE */
    const int fma = has(c, 12), f16c = has(c, 29), avx = has(c, 28);
    const uint64_t xcr0 = read_xcr0();
    const int ymm = (xcr0 & 0x6) == 0x6, zmm = (xcr0 & 0xe6) == 0xe6, tile = (xcr0 & 0x60000) == 0x60000;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (avx && fma && f16c && has(b, 5) && ymm) isa |= ATTN_ISA_AVX2;
    if (!(isa & ATTN_ISA_AVX2)) return isa;
    if (has(b, 16) && has(b, 17) && has(b, 28) && has(b, 30) && has(b, 31) && zmm) isa |= ATTN_ISA_AVX512;
    const int vnni = has(c, 11), fp16 = has(d, 23), amx_tile = has(d, 24), amx_bf16 = has(d, 22), amx_int8 = has(d, 25);
    const int vbmi = has(c, 1) && has(c, 6);
    uint32_t a1 = 0, b1, c1, d1;
    if (a >= 1) __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
    if (isa & ATTN_ISA_AVX512) {
        if (vnni) isa |= ATTN_ISA_AVX512VNNI;
        if (vbmi) isa |= ATTN_ISA_AVX512VBMI;
        if (has(a1, 5)) isa |= ATTN_ISA_AVX512BF16;
        if (fp16) isa |= ATTN_ISA_AVX512FP16;
        if (amx_tile && tile && (amx_bf16 || amx_int8) && tiles_granted()) {
            if (amx_bf16) isa |= ATTN_ISA_AMXBF16;
            if (amx_int8) isa |= ATTN_ISA_AMXINT8;
        }
    }
    return isa;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

/* Bits of AT_HWCAP and AT_HWCAP2 as Linux numbers them for arm64. */
static uint64_t detect(void)
{
    const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    uint64_t isa = 0;
    if (cap >> 1 & 1) isa |= ATTN_ISA_NEON; /* ASIMD */
    if (cap >> 20 & 1) isa |= ATTN_ISA_DOTPROD;
    if (cap2 >> 14 & 1) isa |= ATTN_ISA_BF16MM;
    if (cap2 >> 13 & 1) isa |= ATTN_ISA_I8MM;
    if (cap >> 22 & 1) isa |= ATTN_ISA_SVE;
    return isa;
}
#else
static uint64_t detect(void) { return 0; }
#endif

uint64_t attn_cpu_detected(void)
{
    static uint64_t isa;
    static int known;
    if (!known) {
        isa = detect();
        known = 1;
    }
    return isa;
}

/* Levels in ascending order. A level has its own bits and those of all earlier levels of its architecture. */
int attn_isa_level(const char *name, uint64_t *mask)
{
    static const struct {
        const char *name;
        uint64_t bits;
        int arm;
    } level[] = {
        {"avx2", ATTN_ISA_AVX2, 0},
        {"avx512", ATTN_ISA_AVX512, 0},
        {"avx512vnni", ATTN_ISA_AVX512VNNI, 0},
        {"avx512vbmi", ATTN_ISA_AVX512VBMI, 0},
        {"avx512bf16", ATTN_ISA_AVX512BF16, 0},
        {"avx512fp16", ATTN_ISA_AVX512FP16, 0},
        {"amx", ATTN_ISA_AMXBF16 | ATTN_ISA_AMXINT8, 0},
        {"neon", ATTN_ISA_NEON, 1},
        {"dotprod", ATTN_ISA_DOTPROD, 1},
        {"bf16mm", ATTN_ISA_BF16MM | ATTN_ISA_I8MM, 1},
        {"sve", ATTN_ISA_SVE, 1},
    };
    *mask = 0;
    if (strcmp(name, "portable") == 0) return 1;
    if (strcmp(name, "native") == 0) {
        *mask = UINT64_MAX;
        return 1;
    }
    uint64_t below[2] = {0, 0};
    for (size_t i = 0; i < sizeof level / sizeof level[0]; i++) {
        below[level[i].arm] |= level[i].bits;
        if (strcmp(name, level[i].name)) continue;
        *mask = below[level[i].arm];
        return 1;
    }
    return 0;
}

uint64_t attn_cpu_isa(void)
{
    const char *wanted = getenv("ATTNBENCH_ISA");
    uint64_t mask;
    if (!wanted || !*wanted || !attn_isa_level(wanted, &mask)) return attn_cpu_detected();
    return attn_cpu_detected() & mask;
}

int attn_cpu_check(char *reason, size_t reason_size)
{
    const char *wanted = getenv("ATTNBENCH_ISA");
    uint64_t mask;
    if (!wanted || !*wanted || attn_isa_level(wanted, &mask)) return 1;
    snprintf(reason, reason_size,
             "ATTNBENCH_ISA=%.40s names no level; levels: portable avx2 avx512 avx512vnni avx512vbmi avx512bf16 "
             "avx512fp16 amx native (Arm: neon dotprod bf16mm sve)",
             wanted);
    return 0;
}
