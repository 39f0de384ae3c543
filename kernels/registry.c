/* registry.c: the list of built-in kernels. registry_list.h is generated from the files in the folders. */
#include "registry.h"

#include <string.h>

#include "registry_list.h"

const attn_kernel *const *attn_kernels(int *count)
{
    *count = (int)(sizeof registry_list / sizeof registry_list[0]);
    return registry_list;
}

const attn_kernel *attn_kernel_find(const char *name)
{
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(kernels[i]->name, name) == 0) return kernels[i];
    return NULL;
}
