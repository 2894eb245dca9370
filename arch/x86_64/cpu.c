/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is private to a physical CPU: descriptor tables, SVM, its interrupts and timer; the other
 * CPUs' start, the machine's power; and the proof that assembly's numbers are right.
 *
 * Source: APM vol. 2 (24593), 4.8 (descriptors), 8.2 (vectors), 8.9 (interrupt stack table), 12.2.5
 * (TSS), 15.4 (enabling SVM), 15.30.4 (VM_HSAVE_PA), 16.5 (start-up).
 */
#include <arch/asm.h>
#include <arch/irq.h>
#include <arch/svm.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/x86.h>
#include <hv/arch/cpu.h>
#include <hv/arch/task.h>
#include <hv/arch/time.h>
#include <hv/format.h>
#include <hv/panic.h>
#include <hv/tables.h>

_Static_assert(sizeof(struct pcpu) == PCPU_SIZE, "boot.S walks pcpus[]");
_Static_assert(offsetof(struct pcpu, arch.self) == 0, "arch_this_pcpu() reads %gs:0");
_Static_assert(offsetof(struct pcpu, config) == PCPU_CONFIG, "boot.S reads it");
_Static_assert(offsetof(struct pcpu_config, stack_top) == PCPU_CONFIG_STACK, "boot.S reads it");
_Static_assert(offsetof(struct pcpu_config, arch.apic_id) == PCPU_CONFIG_APIC, "boot.S reads it");
_Static_assert(offsetof(struct vcpu, arch.regs) == 0, "svm.S stores them there");
_Static_assert(offsetof(struct arch_vcpu, vmcb) == VCPU_VMCB, "svm.S reads it");
_Static_assert(offsetof(struct arch_vcpu, host_save) == VCPU_HOST_SAVE, "svm.S reads it");
_Static_assert(offsetof(struct arch_task, sp) == 0, "svm.S stores it there");
_Static_assert((int)EXIT_COUNT == TRAP_RESUME, "svm.S compares with it");

#define GDT_CODE64 UINT64_C(0x00209a0000000000)
#define GDT_DATA   UINT64_C(0x0000920000000000)
#define GDT_TSS    UINT64_C(0x0000890000000000) /* present, available 64-bit TSS */

/* Words of the TSS: pointers of the interrupt stack table; IST1 begins at byte 36. */
#define TSS_IST1     9
#define TSS_IST2     11
#define TSS_MAP_BASE 25

#define IST_NMI   1
#define IST_FAULT 2

#define CPUID_FEATURES       1u
#define CPUID_FEATURES_XSAVE BIT32(26) /* ECX */
#define CPUID_STRUCTURED     7u
#define CPUID_STRUCTURED_PKU BIT32(3) /* ECX */
#define XCR0_X87             1u

/* Intel 316972 (ICH9), 13.7.5: the processors are reset when RST_CPU goes from 0 to 1. */
#define RESET_CONTROL      0xcf9
#define RESET_CONTROL_FULL 0x06u

/* An interrupt gate (APM vol. 2, 4.8.4): interrupts stay off in the handler. */
struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

#define GATE_INTERRUPT 0x8eu /* present, 64-bit interrupt gate */

/* What arch_task_switch() expects on a task's stack: r15, r14, r13, r12, rbp, rbx, return address;
 * and two words that keep the ABI's alignment. */
struct task_frame {
    uint64_t r15_to_rbp[5], rbx, rip, padding[2];
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char task_entry[];         /* svm.S */
extern const char vector_entries[][16]; /* vectors.S */
extern const char nmi_vector[], leftover_vector[];
extern const char fault_stack_top[];

/* Written by the boot CPU before it starts any other: the usual table, and the one in which every
 * interrupt is a guest's leftover. */
static struct gate idt[256] HV_ALIGNED(16);
static struct gate drain_idt[256] HV_ALIGNED(16);

static void set_gate(struct gate *gate, const char *handler, uint8_t ist)
{
    uint64_t offset = (uint64_t)handler;

    *gate = (struct gate){
        .offset_low = (uint16_t)offset,
        .selector = SELECTOR_CODE,
        .ist = ist,
        .type = GATE_INTERRUPT,
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
    };
}

static void make_tables(void)
{
    for (uint32_t vector = 0; vector < 256; vector++) {
        set_gate(&idt[vector], leftover_vector, 0);
        set_gate(&drain_idt[vector], leftover_vector, 0);
    }
    for (uint32_t vector = 0; vector < VECTOR_COUNT; vector++) {
        set_gate(&idt[vector], vector_entries[vector], 0);
    }
    set_gate(&idt[VECTOR_NMI], nmi_vector, IST_NMI);
    drain_idt[VECTOR_NMI] = idt[VECTOR_NMI];
    set_gate(&idt[VECTOR_DF], vector_entries[VECTOR_DF], IST_FAULT);
    set_gate(&idt[VECTOR_MC], vector_entries[VECTOR_MC], IST_FAULT);
}

static void set_stack(struct tss *tss, uint32_t word, const void *top)
{
    tss->words[word] = (uint32_t)(uint64_t)top;
    tss->words[word + 1] = (uint32_t)((uint64_t)top >> 32);
}

static void use_idt(const struct gate *table)
{
    struct table_pointer idtr = { sizeof idt - 1, (uint64_t)table };

    __asm__ volatile("lidt %0" : : "m"(idtr));
}

void irq_drain(void)
{
    use_idt(drain_idt);
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TPR, 0);
    irq_window();
    use_idt(idt);
}

static void load_tables(struct pcpu *pcpu)
{
    struct arch_pcpu *arch = &pcpu->arch;
    uint64_t tss = (uint64_t)&arch->tss;
    struct table_pointer gdtr = { sizeof arch->gdt - 1, (uint64_t)arch->gdt };

    set_stack(&arch->tss, TSS_IST1, &arch->nmi_stack[sizeof arch->nmi_stack / 8]);
    set_stack(&arch->tss, TSS_IST2, fault_stack_top);
    arch->tss.words[TSS_MAP_BASE] = sizeof arch->tss << 16; /* no port is allowed below */
    arch->gdt[1] = GDT_CODE64;
    arch->gdt[2] = GDT_DATA;
    arch->gdt[3] =
        GDT_TSS | (sizeof arch->tss - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    arch->gdt[4] = tss >> 32;
    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(gdtr), "r"(SELECTOR_TSS) : "memory");
    use_idt(idt);
}

/* Switches SVM on. From here on nothing interrupts this CPU but where it opens a window. */
static void init_svm(const struct pcpu *pcpu)
{
    uint64_t host_save = (uint64_t)pcpu->config->arch.host_save;

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, host_save);
    __asm__ volatile("clgi; sti; vmsave %%rax" : : "a"(host_save) : "memory");
}

/* What a boot loader may have left otherwise: memory types, and that no state but x87 and SSE
 * exists for guests (XCR0). Protection keys are on, so that a guest's can be cleared (vcpu.c). */
static void init_state(void)
{
    uint32_t out[4];
    uint64_t cr4 = read_cr4();

    wrmsr(MSR_PAT, PAT_RESET);
    cpuid(CPUID_FEATURES, 0, out);
    if ((out[ECX] & CPUID_FEATURES_XSAVE) != 0) {
        write_cr4(cr4 | CR4_OSXSAVE);
        __asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_X87), "d"(0));
        write_cr4(cr4);
    }
    cpuid(CPUID_STRUCTURED, 0, out);
    if ((out[ECX] & CPUID_STRUCTURED_PKU) != 0) {
        write_cr4(cr4 | CR4_PKE);
    }
}

void arch_cpu_init(struct pcpu *pcpu)
{
    static bool tables_are_ready; /* boot CPU, before any other starts */

    if (!tables_are_ready) {
        make_tables();
    }
    load_tables(pcpu);
    init_svm(pcpu);
    init_state();
    irq_init_cpu(pcpu);
    if (!tables_are_ready) {
        time_init();
        tables_are_ready = true;
    }
    arch_timer_set(TIME_NEVER);
}

enum hv_err arch_cpu_start(struct pcpu *pcpu)
{
    irq_send(pcpu->config->arch.apic_id, COMMAND_INIT);
    /* twice, as one may be missed; who has started ignores it (16.5) */
    irq_send(pcpu->config->arch.apic_id, COMMAND_STARTUP | TRAMPOLINE / HV_PAGE_SIZE);
    irq_send(pcpu->config->arch.apic_id, COMMAND_STARTUP | TRAMPOLINE / HV_PAGE_SIZE);
    return HV_OK;
}

void arch_cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

void arch_power_off(void)
{
    out16(board.power_port, board.power_value);
    arch_cpu_halt();
}

void arch_power_reset(void)
{
    out8(RESET_CONTROL, RESET_CONTROL_FULL);
    arch_cpu_halt();
}

void arch_task_init(struct arch_task *task, uintptr_t stack_top, struct vcpu *v)
{
    struct task_frame *frame = (struct task_frame *)(stack_top - sizeof(struct task_frame));

    *frame = (struct task_frame){ .rbx = (uint64_t)v, .rip = (uint64_t)task_entry };
    task->sp = (uintptr_t)frame;
}

void trap_hypervisor_fault(uint64_t vector, uint64_t error, uint64_t rip)
{
    char text[100];

    format(text, sizeof text, "exception %lu of the hypervisor: error 0x%lx, rip 0x%lx, cr2 0x%lx",
           vector, error, rip, read_cr2());
    panic(__FILE__, __LINE__, text);
}
