/* plugin_read.h: a plugin as its file describes it. */
#ifndef ATTNBENCH_PLUGIN_READ_H
#define ATTNBENCH_PLUGIN_READ_H

#include "plugin.h"

/* Reads attn_plugin_entry and all descriptors from the file's data. NULL and what is wrong with it. */
plugin *plugin_read(const char *path, char *reason, size_t reason_size);
void plugin_free(plugin *p);

/* Of a kernel that stands in for a plugin's: the plugin, and its place among the plugin's kernels. */
plugin *stand_in_owner(const attn_kernel *kernel);
int stand_in_index(const attn_kernel *kernel);

#endif
