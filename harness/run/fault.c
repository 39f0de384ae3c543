/* fault.c: the handler, the filter that keeps it in its place, and the look-up. */
#include "fault.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tensors/instance_internal.h"
#include "problem.h"

/* ---- in the child ---------------------------------------------------------------------------------------------- */

static fault *noted;

static int access_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return context->uc_mcontext.gregs[REG_ERR] & 2 ? 2 : 1;
#else
    (void)context;
    return 0;
#endif
}

/* The handler is reset when it is entered, and the signal comes again when it returns: then it ends the process. */
static void note(int number, siginfo_t *info, void *context)
{
    if (info->si_code > 0 && !noted->seen) { /* not one that was sent */
        noted->address = (uintptr_t)info->si_addr;
        noted->access = access_of(context);
        noted->seen = 1;
    }
    raise(number);
}

/* rt_sigaction for the two signals does nothing and says that all is well. A handler of the kernel's that jumps out of
 * a fault would hide it otherwise. */
static void keep_handlers(void)
{
#if defined(__x86_64__)
    const uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
    return;
#endif
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)), /* low half of the signal's number */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SIGSEGV, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SIGBUS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
    };
    const struct sock_fprog whole = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole);
}

void fault_watch(fault *f)
{
    static const size_t stack_bytes = 1 << 16; /* the registers of every extension fit with room to spare */
    noted = f;
    void *stack = mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack != MAP_FAILED) sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = stack_bytes}, NULL);
    struct sigaction action = {.sa_sigaction = note, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    keep_handlers();
}

void fault_region_add(fault *f, const fault_region *region)
{
    if (f->regions < MOST_REGIONS) f->region[f->regions++] = *region;
}

void fault_regions_of(fault *f, const instance *in, const char *where)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        const mapping *map = &in->map[slot];
        if (!map->base) continue;
        fault_region r = {.base = (uintptr_t)map->base, .top = (uintptr_t)map->base + map->mapped};
        r.first = (uintptr_t)in->slot[slot].data;
        r.last = r.first + (uintptr_t)tensor_bytes(&in->slot[slot]);
        r.read_only = !slot_is_output(&in->problem, slot);
        snprintf(r.name, sizeof r.name, "%s%s", attn_slot_name(slot), where);
        fault_region_add(f, &r);
    }
}

void fault_region_remove(fault *f, uintptr_t base)
{
    for (int i = 0; i < f->regions; i++)
        if (f->region[i].base == base) {
            f->region[i] = f->region[--f->regions];
            return;
        }
}

/* ---- in the parent --------------------------------------------------------------------------------------------- */

bool fault_text(const fault *f, char *out, size_t size)
{
    static const char *const words[] = {"an access", "a read", "a write"};
    if (!f->seen) return false;
    const char *word = words[f->access];
    for (int i = 0; i < f->regions; i++) {
        const fault_region *r = &f->region[i];
        if (f->address < r->base || f->address >= r->top) continue;
        if (f->address >= r->last)
            snprintf(out, size, "%s at byte %" PRIuPTR " behind the end of %s", word, f->address - r->last, r->name);
        else if (f->address < r->first)
            snprintf(out, size, "%s at byte %" PRIuPTR " before the beginning of %s", word, r->first - f->address,
                     r->name);
        else if (r->read_only)
            snprintf(out, size, "a write to the read-only input %s, at its byte %" PRIuPTR, r->name,
                     f->address - r->first);
        else
            snprintf(out, size, "%s at byte %" PRIuPTR " of %s", word, f->address - r->first, r->name);
        return true;
    }
    snprintf(out, size, "%s at address 0x%" PRIxPTR ", which is near no tensor", word, f->address);
    return true;
}
