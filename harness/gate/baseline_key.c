/* baseline_key.c: what a build depends on besides its source. */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "baseline.h"
#include "cpu.h"
#include "plugin/elf_file.h"
#include "plugin/plugin_read.h"
#include "problem.h"
#include "util/proc_file.h"

/* The section's bytes; NULL where the file has none of that name. */
static const char *section(const elf_file *f, const char *name, size_t *bytes)
{
    const ElfW(Ehdr) *head = (const void *)f->data;
    const size_t table = head->e_shoff, count = head->e_shnum;
    if (head->e_shentsize != sizeof(ElfW(Shdr)) || table % _Alignof(ElfW(Shdr)) || table > f->bytes ||
        count > (f->bytes - table) / sizeof(ElfW(Shdr)) || head->e_shstrndx >= count)
        return NULL;
    const ElfW(Shdr) *s = (const void *)(f->data + table), *names = &s[head->e_shstrndx];
    if (names->sh_offset > f->bytes || names->sh_size > f->bytes - names->sh_offset) return NULL;
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(name) + 1;
        if (s[i].sh_type == SHT_NOBITS || s[i].sh_name > names->sh_size || length > names->sh_size - s[i].sh_name ||
            memcmp(f->data + names->sh_offset + s[i].sh_name, name, length) != 0)
            continue;
        if (s[i].sh_offset > f->bytes || s[i].sh_size > f->bytes - s[i].sh_offset) return NULL;
        *bytes = s[i].sh_size;
        return (const char *)f->data + s[i].sh_offset;
    }
    return NULL;
}

/* The compilers that had a part in it, as they name themselves; linkers drop repetitions. */
static void compilers(const char *module, char *out, size_t size)
{
    char reason[128];
    elf_file f;
    size_t bytes = 0, used = 0;
    snprintf(out, size, "unknown");
    if (!elf_open(module, &f, reason, sizeof reason)) return;
    const char *text = section(&f, ".comment", &bytes);
    for (size_t at = 0; text && at < bytes && used + 1 < size;) {
        const size_t length = strnlen(text + at, bytes - at);
        if (length)
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? "; " : "", (int)length, text + at);
        at += length + 1;
    }
    elf_close(&f);
}

int baseline_key_of(const char *module, const char *commit, const char *flags, baseline_key *out, char *reason,
                    size_t reason_size)
{
    char release[4096], system[160], isa[160];
    struct utsname machine;
    plugin *p = plugin_read(module, reason, reason_size);
    if (!p) return 0;
    memset(out, 0, sizeof *out);
    snprintf(out->commit, sizeof out->commit, "%s", commit);
    compilers(module, out->compiler, sizeof out->compiler);
    snprintf(out->flags, sizeof out->flags, "%s", flags);
    proc_file_read("", "/etc/os-release", release, sizeof release);
    if (!proc_file_value(release, "PRETTY_NAME", '=', system, sizeof system))
        snprintf(system, sizeof system, "unknown");
    const size_t quote = system[0] == '"', length = strlen(system) - 2 * quote;
    snprintf(out->image, sizeof out->image, "%.*s, glibc %s", (int)length, system + quote, gnu_get_libc_version());
    attn_isa_names(attn_cpu_detected(), isa, sizeof isa);
    snprintf(out->isa, sizeof out->isa, "%s %s", uname(&machine) ? "unknown" : machine.machine, isa);
    out->abi = p->kernel[0]->abi;
    plugin_free(p);
    return 1;
}

const char *baseline_differs(const baseline_key *saved, const baseline_key *wanted, char *was, char *is, size_t size)
{
    const struct {
        const char *name, *saved, *wanted;
    } text[] = {{"commit", saved->commit, wanted->commit},
                {"compiler", saved->compiler, wanted->compiler},
                {"flags", saved->flags, wanted->flags},
                {"image", saved->image, wanted->image},
                {"instruction sets", saved->isa, wanted->isa}};
    snprintf(was, size, "%#llx", (unsigned long long)saved->abi);
    snprintf(is, size, "%#llx", (unsigned long long)wanted->abi);
    if (saved->abi != wanted->abi) return "ABI";
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        if (strcmp(text[i].saved, text[i].wanted) == 0 || (i == 0 && !text[i].wanted[0])) continue;
        snprintf(was, size, "%s", text[i].saved);
        snprintf(is, size, "%s", text[i].wanted);
        return text[i].name;
    }
    return NULL;
}
