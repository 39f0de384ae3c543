/* test_cpp_header.cc: attention.h, included first and alone, is a C++ header too: a kernel may be written in C++, and
 * what it sees must be what C sees. That this file compiles is most of the test. */
#include "attention.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

static_assert(std::is_standard_layout<attn_kernel>::value && std::is_trivial<attn_kernel>::value, "plain data");
static_assert(std::is_standard_layout<attn_plan>::value && std::is_trivial<attn_plan>::value, "plain data");
static_assert(std::is_standard_layout<attn_problem>::value && std::is_trivial<attn_problem>::value, "plain data");
static_assert(std::is_same<decltype(attn_plan::size), std::uint32_t>::value, "sizes are uint32_t");
static_assert(std::is_same<decltype(attn_tensor::extent), std::int64_t[4]>::value, "extents are int64_t");
static_assert(ATTN_ABI == 0x10000u, "ABI 1.0");
static_assert(ATTN_TYPE_BIT(ATTN_BF16) == 8u && ATTN_SLOT_BIT(ATTN_LSE) == 16u, "masks are constant expressions");

#if defined(__LP64__)
/* The same figures as in test_contract.c: both languages lay the structs out alike. */
static_assert(sizeof(attn_tensor) == 80 && sizeof(attn_args) == 16 && sizeof(attn_problem) == 168, "layout");
static_assert(sizeof(attn_bandwidth) == 16 && sizeof(attn_machine) == 72 && sizeof(attn_exec) == 40, "layout");
static_assert(sizeof(attn_plan) == 320 && sizeof(attn_kernel) == 128 && sizeof(attn_plugin) == 32, "layout");
static_assert(offsetof(attn_plan, kappa) == 224 && offsetof(attn_kernel, run) == 120, "layout");
#endif

static int run(const attn_problem *, const attn_plan *, const attn_args *, const attn_exec *, const void *, void *)
{
    return ATTN_OK;
}

/* A descriptor and a plugin as C++ writes them, filled in order because designated initialisers came only with
 * C++20. */
static attn_kernel describe()
{
    attn_kernel kernel{};
    kernel.size = sizeof(attn_kernel);
    kernel.abi = ATTN_ABI;
    kernel.name = "cpp_example";
    kernel.isa = ATTN_FOLDER_ISA;
    kernel.caps[0] = ATTN_CAP_GQA | ATTN_CAP_RIGHT;
    kernel.caps[1] = ATTN_SLOTS_QKVO;
    kernel.run = run;
    return kernel;
}

extern "C" {
extern const attn_plugin attn_plugin_entry;
static const attn_kernel kernel = describe();
static const attn_kernel *const kernels[] = {&kernel};
const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "test", 1, 0, kernels};
}

int main()
{
    const attn_kernel *const found = attn_plugin_entry.kernels[0];
    if (!ATTN_HAS(found, run) || ATTN_HAS(&attn_plugin_entry, size) == 0) return 1;
    attn_plan plan{};
    plan.size = offsetof(attn_plan, rescales);
    if (ATTN_HAS(&plan, rescales) || !ATTN_HAS(&plan, logit_limit)) return 2;
    return found->run(nullptr, &plan, nullptr, nullptr, nullptr, nullptr) == ATTN_OK ? 0 : 3;
}
