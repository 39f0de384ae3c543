/* registry.c: the list of built-in kernels. registry_list.h is generated from the files in the folders. */
#include "registry.h"

#include <stdio.h>
#include <string.h>

#include "registry_list.h"

const attn_kernel *const *attn_kernels(int *count)
{
    *count = (int)(sizeof registry_list / sizeof registry_list[0]);
    return registry_list;
}

int attn_kernels_check(const attn_kernel *const *kernel, int count, char *reason, size_t reason_size)
{
    for (int i = 0; i < count; i++) {
        const attn_kernel *k = kernel[i];
        if (k->abi != ATTN_ABI || k->size != sizeof *k) {
            snprintf(reason, reason_size, "kernel %s was compiled with another attention.h (ABI %u.%u, %u bytes)",
                     k->name, k->abi >> 16, k->abi & 0xffff, k->size);
            return 0;
        }
        if (!k->plan || !k->run) {
            snprintf(reason, reason_size, "kernel %s has no %s", k->name, k->plan ? "run" : "plan");
            return 0;
        }
        for (int before = 0; before < i; before++)
            if (strcmp(kernel[before]->name, k->name) == 0) {
                snprintf(reason, reason_size, "two kernels are named %s", k->name);
                return 0;
            }
    }
    return 1;
}

const attn_kernel *attn_kernel_find(const char *name)
{
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(kernels[i]->name, name) == 0) return kernels[i];
    return NULL;
}
