/* names.c: names of types, slots, ceilings, features and instruction sets, for reasons, records and reports. */
#include <stdio.h>
#include <string.h>

#include "problem.h"

size_t attn_type_size(uint32_t type)
{
    switch (type) {
    case ATTN_F32: return 4;
    case ATTN_F16:
    case ATTN_BF16: return 2;
    case ATTN_I8:
    case ATTN_F8_E4M3:
    case ATTN_F8_E5M2: return 1;
    case ATTN_I64: return 8;
    default: return 0;
    }
}

const char *attn_type_name(uint32_t type)
{
    static const char *const names[ATTN_TYPES] = {"absent", "f32",  "f16",  "bf16", "i8",
                                                  "i64",    "e4m3", "e5m2", "q8",   "q4"};
    return type < ATTN_TYPES ? names[type] : "?";
}

const char *attn_slot_name(int slot)
{
    static const char *const names[ATTN_SLOTS] = {"Q",
                                                  "K",
                                                  "V",
                                                  "O",
                                                  "LSE",
                                                  "WEIGHTS",
                                                  "BIAS",
                                                  "KEY_LENGTHS",
                                                  "QUERY_LENGTHS",
                                                  "QUERY_POSITIONS",
                                                  "QUERY_STARTS",
                                                  "KEY_STARTS",
                                                  "PAGES",
                                                  "SLOPES",
                                                  "SINK_LOGITS",
                                                  "HEAD_SCALE",
                                                  "K_SCALES",
                                                  "V_SCALES",
                                                  "SCORE_VECTOR",
                                                  "MASK_STARTS",
                                                  "MASK_INDICES",
                                                  "DO",
                                                  "DQ",
                                                  "DK",
                                                  "DV"};
    return slot >= 0 && slot < ATTN_SLOTS ? names[slot] : "?";
}

const char *attn_ceiling_name(uint32_t ceiling)
{
    static const char *const names[ATTN_CEILINGS] = {"none",        "bandwidth", "fp32_portable", "fp32_avx2",
                                                     "fp32_avx512", "bf16_dot",  "bf16_tiles",    "int8_dot",
                                                     "int8_tiles",  "tanh",      "fp32_neon"};
    return ceiling < ATTN_CEILINGS ? names[ceiling] : "?";
}

static const char *field_name(int bit)
{
    static const char *const names[ATTN_CAP_FIELD_BITS] = {
        "grouped KV heads", "dv other than d", "left window limit", "right (causal) limit",
        "prefix",           "free prefix",     "block mask",        "query position",
        "softcap",          "cosine score",    "additive score",    "backward pass",
        "linear form",      "low-rank form",   "top-k form",        "bias column offset",
        "channel stride"};
    return bit < ATTN_CAP_FIELD_BITS ? names[bit] : "a feature newer than this build";
}

void attn_needs_names(const uint64_t needs[2], char *out, size_t out_size)
{
    size_t used = 0;
    if (out_size) out[0] = 0;
    for (int bit = 0; bit < 128; bit++) {
        if (!(needs[bit / 64] >> (bit % 64) & 1)) continue;
        const char *name = bit < 64 ? field_name(bit) : attn_slot_name(bit - 64);
        const size_t length = strlen(name), separator = used ? 2 : 0;
        if (used + separator + length + 1 > out_size) return;
        memcpy(out + used, ", ", separator);
        memcpy(out + used + separator, name, length + 1);
        used += separator + length;
    }
}

static const struct {
    const char *name;
    uint64_t bit;
} isa_name[] = {
    {"avx2", ATTN_ISA_AVX2},
    {"avx512", ATTN_ISA_AVX512},
    {"avx512vnni", ATTN_ISA_AVX512VNNI},
    {"avx512vbmi", ATTN_ISA_AVX512VBMI},
    {"avx512bf16", ATTN_ISA_AVX512BF16},
    {"avx512fp16", ATTN_ISA_AVX512FP16},
    {"amxbf16", ATTN_ISA_AMXBF16},
    {"amxint8", ATTN_ISA_AMXINT8},
    {"neon", ATTN_ISA_NEON},
    {"dotprod", ATTN_ISA_DOTPROD},
    {"bf16mm", ATTN_ISA_BF16MM},
    {"i8mm", ATTN_ISA_I8MM},
    {"sve", ATTN_ISA_SVE},
};
enum { ISA_NAMES = sizeof isa_name / sizeof isa_name[0] };

void attn_isa_names(uint64_t isa, char *out, size_t out_size)
{
    size_t used = 0;
    if (!out_size) return;
    snprintf(out, out_size, "portable");
    for (int i = 0; isa && i <= ISA_NAMES; i++) {
        const uint64_t bit = i < ISA_NAMES ? isa_name[i].bit : isa;
        if (!(isa & bit)) continue;
        const int n = snprintf(out + used, out_size - used, "%s%s", used ? "," : "",
                               i < ISA_NAMES ? isa_name[i].name : "unknown to this version");
        if (n < 0 || (size_t)n >= out_size - used) return;
        used += (size_t)n;
        isa &= ~bit;
    }
}
