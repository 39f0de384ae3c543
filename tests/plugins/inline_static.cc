// inline_static: a plugin in C++ whose inline function has a static, of which a process has only one where the compiler
// says so.
#include "attention.h"

#define EXPORT __attribute__((visibility("default")))

inline int &counter()
{
    static int count = INLINE_FIRST;
    return count;
}

static int plan(const attn_problem *, const attn_args *, const attn_machine *, const attn_exec *, attn_plan *)
{
    return counter()++ < 0 ? ATTN_FAILED : ATTN_UNSUPPORTED;
}

static int run(const attn_problem *, const attn_plan *, const attn_args *, const attn_exec *, const void *, void *)
{
    return ATTN_UNSUPPORTED;
}

static constexpr attn_kernel kernel = {sizeof(attn_kernel),
                                       ATTN_ABI,
                                       "inline_static",
                                       "counts in an inline function",
                                       nullptr,
                                       ATTN_ROLE_TEACHING,
                                       0,
                                       ATTN_ISA_PORTABLE,
                                       {0, ATTN_SLOTS_QKVO},
                                       0,
                                       0,
                                       0,
                                       nullptr,
                                       nullptr,
                                       plan,
                                       nullptr,
                                       nullptr,
                                       run};
static const attn_kernel *const kernels[] = {&kernel};
extern "C" {
extern EXPORT const attn_plugin attn_plugin_entry;
const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "inline 1", 1, 0, kernels};
}
