/* plugin_isolation.h: does each plugin of a set run its own code, and only that?
 *
 * The loader shares what it takes for the same: a library whose name is already loaded, whatever its folder; a C++
 * object that the compiler marks as unique in a process (statics of inline functions); a symbol that the program or its
 * libraries also define. Two builds under comparison may then run the same code unnoticed. If any of these is found,
 * the answer of a comparison is 'could not tell'. compare_side.c and plugin.c call it. */
#ifndef ATTNBENCH_PLUGIN_ISOLATION_H
#define ATTNBENCH_PLUGIN_ISOLATION_H

#include "plugin.h"

/* Loads all plugins of the set into one child and looks for sharing. 1: they may be timed in one process. 0: not, and
 * why. Libraries in the system's folders may be shared: each plugin alone would load the same file. */
int plugins_isolated(const plugin_set *set, char *reason, size_t reason_size);

/* Is there a symbol that a plugin's libraries (one path a line) define and call, but that resolves to a definition of
 * the program? 1 and a description in `found`; 0 none. Call it in the process that loaded the plugin. */
int plugin_interposed(const char *libraries, char *found, size_t found_size);

/* Does the file lie in a system folder, /lib* or /usr/lib*? Programs share such libraries by intention. */
int plugin_of_system(const char *path);

#endif
