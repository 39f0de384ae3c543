/* plugin_read.h: makes a plugin, with a stand-in for each of its kernels, from the data of a file, for plugin.c. */
#ifndef ATTNBENCH_PLUGIN_READ_H
#define ATTNBENCH_PLUGIN_READ_H

#include "plugin.h"

/* Reads attn_plugin_entry and all descriptors. Returns NULL and what is wrong with the file. */
plugin *plugin_read(const char *path, char *reason, size_t reason_size);
void plugin_free(plugin *p);

/* The plugin of a stand-in, and its index among the plugin's kernels. */
plugin *stand_in_owner(const attn_kernel *kernel);
int stand_in_index(const attn_kernel *kernel);

#endif
