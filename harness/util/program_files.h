/* program_files.h: the files that this program brings along, wherever it was installed or built.
 *
 * They lie in two folders, which are looked for from the folder of the program itself, so that an installation may be
 * moved and needs neither the sources nor the build:
 *
 *   modules, lib/attnbench      attnbench_kernels.so, slowed/, links/, selftest/
 *   data,    share/attnbench    reports/ (Python), data/ (tensors of the built-in workloads)
 *
 * The build makes folders of these names beside the program, of links to where things are. */
#ifndef ATTNBENCH_PROGRAM_FILES_H
#define ATTNBENCH_PROGRAM_FILES_H

#include <stddef.h>

typedef enum program_folder { PROGRAM_MODULES, PROGRAM_DATA } program_folder;

/* The path of `name` in one of the folders, with links resolved; the caller frees it. NULL and a reason where there is
 * no such file. */
char *program_file(program_folder folder, const char *name, char *reason, size_t reason_size);

#endif
