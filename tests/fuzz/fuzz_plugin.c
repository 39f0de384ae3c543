/* fuzz_plugin: shared libraries as files. Any file is described or refused with a reason, and none is run. */
#include <string.h>

#include "plugin/elf_file.h"
#include "fuzz.h"
#include "plugin/plugin_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], reason[512] = "";
    elf_file f;
    const int fd = file_of(data, size, path);
    if (elf_open(path, &f, reason, sizeof reason)) {
        for (size_t i = 0; i < f.symbols && i < 64; i++) {
            const char *name = elf_symbol_name(&f, &f.symbol[i]);
            HOLDS(!name || strlen(name) < size);
            elf_at(&f, f.symbol[i].st_value, f.symbol[i].st_size);
            elf_text(&f, elf_pointer(&f, f.symbol[i].st_value));
        }
        elf_close(&f);
    }
    plugin *p = plugin_read(path, reason, sizeof reason);
    if (p)
        plugin_free(p);
    else
        HOLDS(reason[0]);
    close(fd);
    return 0;
}
