/* plugin_isolation.h: does each plugin run its own code, and nothing but it?
 *
 * The loader shares what it takes for the same: a library whose name is loaded already, whatever folder it would have
 * come from; a C++ object that the compiler marks as unique in a process (statics of inline functions); a symbol that
 * the program or its libraries have too. Two builds that are compared may then silently run one code, and the
 * comparison compares a kernel with itself. Where any of that is seen, the answer is 'could not tell'. */
#ifndef ATTNBENCH_PLUGIN_ISOLATION_H
#define ATTNBENCH_PLUGIN_ISOLATION_H

#include "plugin.h"

/* Loads all plugins of the set into one child and looks. 1: they may be timed in one process. 0: could not tell, and
 * why. Libraries of the system's own folders that both use are no reason: they are the same file for each plugin
 * alone. */
int plugins_isolated(const plugin_set *set, char *reason, size_t reason_size);

/* A symbol that a plugin's libraries (one path a line) define and call, and that the program answers instead. 1 and
 * words for it in `found`; 0 none. To be asked in the process that loaded it. */
int plugin_interposed(const char *libraries, char *found, size_t found_size);

/* Does the file lie where the loader looks unasked? What is there is one for all programs by intention. */
int plugin_of_system(const char *path);

#endif
