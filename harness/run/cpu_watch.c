/* cpu_watch.c: a call from assembly, which alone sees the registers as the callee left them. */
#include "cpu_watch.h"

#include <stdio.h>
#include <string.h>

#include "machine/cpu_state.h"

#if defined(__x86_64__)
/* The frame that the assembly below reads and writes by these offsets. */
typedef struct frame {
    const void *argument[6];                /*   0 */
    void (*function)(void);                 /*  48 */
    uint64_t register_after[6];             /*  56: rbx rbp r12 r13 r14 r15, which hold `marks` before */
    uint64_t flags;                         /* 104 */
    uint64_t in_use;                        /* 112: components of XSAVE that are not in their initial state */
    uint64_t tells_in_use;                  /* 120: the processor can say so */
    uint32_t status, control, x87, padding; /* 128 132 136 */
} frame;
_Static_assert(offsetof(frame, padding) == 140, "the assembly below counts on it");

static const uint64_t marks = UINT64_C(0x5aa5c33c0ff01234);

extern void cpu_watch_call(frame *f) __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".p2align 4\n"
        ".globl cpu_watch_call\n"
        ".hidden cpu_watch_call\n"
        ".type cpu_watch_call, @function\n"
        "cpu_watch_call:\n"
        "    pushq %rbx\n    pushq %rbp\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    pushq %rdi\n"
        "    movq %rdi, %r10\n"
        "    cmpq $0, 120(%r10)\n"
        "    je 1f\n"
        "    vzeroupper\n"
        "1:  movabsq $0x5aa5c33c0ff01234, %rbx\n"
        "    movq %rbx, %rbp\n    movq %rbx, %r12\n    movq %rbx, %r13\n    movq %rbx, %r14\n    movq %rbx, %r15\n"
        "    movq 48(%r10), %r11\n"
        "    movq 0(%r10), %rdi\n    movq 8(%r10), %rsi\n    movq 16(%r10), %rdx\n"
        "    movq 24(%r10), %rcx\n    movq 32(%r10), %r8\n    movq 40(%r10), %r9\n"
        "    call *%r11\n"
        "    movq (%rsp), %r10\n"
        "    movl %eax, 128(%r10)\n"
        "    movq %rbx, 56(%r10)\n    movq %rbp, 64(%r10)\n    movq %r12, 72(%r10)\n"
        "    movq %r13, 80(%r10)\n    movq %r14, 88(%r10)\n    movq %r15, 96(%r10)\n"
        "    pushfq\n    popq 104(%r10)\n    cld\n"
        "    stmxcsr 132(%r10)\n    fnstcw 136(%r10)\n"
        "    cmpq $0, 120(%r10)\n"
        "    je 2f\n"
        "    movl $1, %ecx\n    xgetbv\n"
        "    movl %eax, 112(%r10)\n    movl %edx, 116(%r10)\n"
        "    vzeroupper\n"
        "2:  popq %rdi\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbp\n    popq %rbx\n"
        "    ret\n"
        ".size cpu_watch_call, . - cpu_watch_call\n");

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

/* XGETBV with ecx = 1 exists, and there are vector registers with upper halves. */
static bool tells_in_use(void)
{
    static const uint32_t xsave_and_avx = 1u << 27 | 1u << 28, xgetbv_1 = 1u << 2;
    uint32_t highest[4], features[4], extended[4];
    cpuid(0, 0, highest);
    cpuid(1, 0, features);
    cpuid(13, 1, extended);
    return highest[0] >= 13 && (features[2] & xsave_and_avx) == xsave_and_avx && (extended[0] & xgetbv_1);
}

static void say(char *left, size_t size, const char *what)
{
    const size_t used = strlen(left);
    snprintf(left + used, size - used, "%s%s", used ? ", " : "", what);
}

static void say_registers(const frame *f, char *left, size_t size)
{
    static const char *const name[] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
    char text[40];
    for (int i = 0; i < 6; i++) {
        if (f->register_after[i] == marks) continue;
        snprintf(text, sizeof text, "another value in %s", name[i]);
        say(left, size, text);
    }
}

int cpu_watch_run(const attn_kernel *kernel, const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                  const attn_exec *exec, const void *shared, void *workspace, char *left, size_t size)
{
    static const uint64_t upper_halves = 1 << 2, upper_zmm = 1 << 6, tile_shapes = 1 << 17, tiles = 1 << 18;
    static const uint64_t direction = 1 << 10;
    const uint32_t before = cpu_state_save();
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    frame f = {.argument = {problem, plan, args, exec, shared, workspace},
               .function = (void (*)(void))kernel->run,
               .tells_in_use = tells_in_use()};
    cpu_watch_call(&f);
    *left = '\0';
    const uint32_t after = cpu_state_save();
    cpu_state_restore(before);
    __asm__ volatile("fldcw %0" : : "m"(x87));
    if (after != before)
        say(left, size,
            cpu_state_flushes(after) && !cpu_state_flushes(before) ? "flush-to-zero switched on"
                                                                   : "other control bits in MXCSR");
    if ((uint16_t)f.x87 != x87) say(left, size, "another x87 control word");
    if (f.flags & direction) say(left, size, "the direction flag set");
    say_registers(&f, left, size);
    if (f.in_use & (upper_halves | upper_zmm))
        say(left, size, "upper halves of vector registers in use (no vzeroupper)");
    if (f.in_use & (tile_shapes | tiles)) say(left, size, "tiles configured (no tilerelease)");
    return (int)f.status;
}
#else
int cpu_watch_run(const attn_kernel *kernel, const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                  const attn_exec *exec, const void *shared, void *workspace, char *left, size_t size)
{
    const uint32_t before = cpu_state_save();
    const int status = kernel->run(problem, plan, args, exec, shared, workspace);
    snprintf(left, size, "%s", cpu_state_save() != before ? "other floating-point control bits" : "");
    cpu_state_restore(before);
    return status;
}
#endif
