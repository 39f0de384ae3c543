/* plugin_entry.c: makes a plugin of kernel files that were written as built-in ones, unchanged.
 *
 * It is compiled, with -fvisibility=hidden, together with the kernel files, problem.c, work.c, names.c and registry.c,
 * and with a registry_list.h that names the kernels. A threaded kernel of the plugin then finds its inner kernels in
 * the plugin's own registry. */
#include "attention.h"

#include "registry_list.h"

#if defined(__GNUC__)
#define ATTN_EXPORT __attribute__((visibility("default")))
#else
#define ATTN_EXPORT
#endif

/* Any text that identifies the build; the build system defines it. */
#ifndef ATTN_BUILD_ID
#define ATTN_BUILD_ID NULL
#endif

extern const attn_plugin attn_plugin_entry;
ATTN_EXPORT const attn_plugin attn_plugin_entry = {
    .size = sizeof(attn_plugin),
    .abi = ATTN_ABI,
    .build_id = ATTN_BUILD_ID,
    .count = sizeof registry_list / sizeof registry_list[0],
    .kernels = registry_list,
};
