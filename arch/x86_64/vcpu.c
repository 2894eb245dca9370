/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers: reset, their way into and out of the machine, and the events that it gets.
 *
 * The VMCB holds most of a guest's registers at all times; what VMRUN and VMLOAD do not move is
 * moved when another vCPU is loaded: x87 and SSE state, DR0-DR3, TSC_AUX. No wider state exists for
 * guests: XSETBV faults, and XCR0 stays as cpu.c has set it.
 *
 * Clean bits (15.15): trap_exit() declares the whole VMCB unchanged after every exit, and whoever
 * changes a field that has a bit takes that bit back: init_vmcb() and what vcpu_deliver() calls
 * here, the writes of MSRs (msr.c), page faults (trap.c), and who takes or gives back the APIC
 * (direct.c). A vCPU never leaves its CPU, so nobody else's VMRUN comes in between.
 *
 * Translations: a VM's ASID is its own, so entries need no flush. It is flushed once after each
 * reset, and at every load where two vCPUs of one VM share a CPU.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 14.1.3 (processor state at
 * reset), 15.5, 15.16 (TLB), 15.20, 15.21 (interrupts).
 */
#include <arch/direct.h>
#include <arch/svm.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/vioapic.h>
#include <arch/x86.h>
#include <hv/arch/console.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/string.h>
#include <hv/tables.h>
#include <hv/v16550.h>

#define INTERCEPT_1_GUEST                                                           \
    (INTERCEPT_1_INTR | INTERCEPT_1_NMI | INTERCEPT_1_INIT | INTERCEPT_1_RDPMC |    \
     INTERCEPT_1_CPUID | INTERCEPT_1_INVD | INTERCEPT_1_HLT | INTERCEPT_1_INVLPGA | \
     INTERCEPT_1_IOIO | INTERCEPT_1_MSR | INTERCEPT_1_FERR | INTERCEPT_1_SHUTDOWN)

#define INTERCEPT_2_GUEST                                                                 \
    (INTERCEPT_2_VMRUN | INTERCEPT_2_VMMCALL | INTERCEPT_2_VMLOAD | INTERCEPT_2_VMSAVE |  \
     INTERCEPT_2_STGI | INTERCEPT_2_CLGI | INTERCEPT_2_SKINIT | INTERCEPT_2_WBINVD |      \
     INTERCEPT_2_MONITOR | INTERCEPT_2_MWAIT | INTERCEPT_2_MWAIT_C | INTERCEPT_2_XSETBV | \
     INTERCEPT_2_RDPRU)

#define FLAT_LIMIT 0xffffffffu

/* Attributes of flat segments. */
#define CODE64 (SEGMENT_P | SEGMENT_S | SEGMENT_TYPE_CODE | SEGMENT_L | SEGMENT_G)
#define CODE32 (SEGMENT_P | SEGMENT_S | SEGMENT_TYPE_CODE | SEGMENT_D | SEGMENT_G)
#define DATA32 (SEGMENT_P | SEGMENT_S | SEGMENT_TYPE_DATA | SEGMENT_D | SEGMENT_G)
#define CODE16 (SEGMENT_P | SEGMENT_S | SEGMENT_TYPE_CODE)
#define DATA16 (SEGMENT_P | SEGMENT_S | SEGMENT_TYPE_DATA)

#define BOOT_CS       0x10
#define BOOT_DS       0x18
#define BOOT_GDT_SIZE 32u

/* x87 control word and MXCSR at reset. */
#define FX_FCW       0
#define FX_MXCSR     24
#define FCW_RESET    0x40u
#define MXCSR_RESET  0x1f80u
#define CPUID_FAMILY 1u /* EAX: what RDX holds after reset */

/* What vcpu_on() is told of a vCPU that a SIPI starts. */
#define STARTED_BY_SIPI UINT64_MAX

static void set_data_segments(struct vmcb *vmcb, struct vmcb_segment segment)
{
    vmcb->ds = segment;
    vmcb->es = segment;
    vmcb->fs = segment;
    vmcb->gs = segment;
    vmcb->ss = segment;
}

/* Real mode, as after INIT and a SIPI with that page. */
static void start_real(struct vmcb *vmcb, uint64_t page)
{
    vmcb->cs = (struct vmcb_segment){ (uint16_t)(page << 8), CODE16, 0xffff, page << 12 };
    set_data_segments(vmcb, (struct vmcb_segment){ 0, DATA16, 0xffff, 0 });
    vmcb->cr0 = CR0_ET;
    vmcb->rip = 0;
}

static void start_protected(struct vmcb *vmcb, uint64_t entry)
{
    vmcb->cs = (struct vmcb_segment){ BOOT_CS, CODE32, FLAT_LIMIT, 0 };
    set_data_segments(vmcb, (struct vmcb_segment){ BOOT_DS, DATA32, FLAT_LIMIT, 0 });
    vmcb->cr0 = CR0_PE | CR0_ET;
    vmcb->rip = entry;
}

static void start_long(struct vmcb *vmcb, uint64_t entry, const struct arch_vm_config *config)
{
    start_protected(vmcb, entry);
    vmcb->cs.attributes = CODE64;
    vmcb->gdtr = (struct vmcb_segment){ 0, 0, BOOT_GDT_SIZE - 1, config->boot_gdt.ipa };
    vmcb->cr0 |= CR0_PG | CR0_WP | CR0_NE;
    vmcb->cr3 = config->boot_cr3;
    vmcb->cr4 = CR4_PAE;
    vmcb->efer |= EFER_LME | EFER_LMA;
}

/* State of all starts, and what the hypervisor wants to hear of. */
static void init_vmcb(const struct vcpu *v)
{
    const struct vm_config *vm = v->vm->config;
    struct vmcb *vmcb = v->arch.vmcb;

    memset(vmcb, 0, sizeof *vmcb);
    vmcb->intercept_exceptions = BIT32(VECTOR_DB) | BIT32(VECTOR_AC) | BIT32(VECTOR_MC);
    vmcb->intercept_1 = INTERCEPT_1_GUEST;
    vmcb->intercept_2 = INTERCEPT_2_GUEST;
    vmcb->iopm_base_pa = (uint64_t)vm->arch.iopm;
    vmcb->msrpm_base_pa = (uint64_t)vm->arch.msrpm;
    vmcb->tsc_offset = v->vm->arch.tsc_offset;
    vmcb->asid = vm->vmid;
    vmcb->v_intr = V_INTR_MASKING | V_IGN_TPR;
    vmcb->np_enable = NP_ENABLE;
    vmcb->n_cr3 = vm->stage2_root.pa;
    vmcb->gdtr.limit = 0xffff;
    vmcb->idtr.limit = 0xffff;
    vmcb->ldtr = (struct vmcb_segment){ 0, SEGMENT_P | SEGMENT_TYPE_LDT, 0xffff, 0 };
    vmcb->tr = (struct vmcb_segment){ 0, SEGMENT_P | SEGMENT_TYPE_TSS, 0xffff, 0 };
    vmcb->efer = EFER_SVME;
    vmcb->dr6 = DR6_RESET;
    vmcb->dr7 = DR7_RESET;
    vmcb->rflags = RFLAGS_ONE;
    vmcb->g_pat = PAT_RESET;
}

/* Registers after INIT. */
static void init_registers(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;
    uint32_t out[4];

    memset(arch->regs, 0, sizeof arch->regs);
    memset(arch->debug, 0, sizeof arch->debug);
    memset(arch->fx, 0, sizeof arch->fx);
    arch->fx[FX_FCW] = FCW_RESET;
    arch->fx[FX_MXCSR] = MXCSR_RESET & 0xff;
    arch->fx[FX_MXCSR + 1] = MXCSR_RESET >> 8;
    cpuid(CPUID_FAMILY, 0, out);
    arch->regs[REG_RDX] = out[EAX];
    arch->tsc_aux = 0;
    arch->event = 0;
    arch->nmi = false;
    arch->is_nmi_masked = false;
    init_vmcb(v);
    vlapic_reset(v);
}

void arch_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    const struct arch_vm_config *config = &v->vm->config->arch;
    struct arch_vcpu *arch = &v->arch;

    arch->vmcb = v->config->arch.vmcb;
    arch->host_save = v->pcpu->config->arch.host_save;
    arch->init = 0;
    arch->is_direct = v->config->exclusive;
    arch->owns_apic = false;
    arch->flush_always = sched_has_sibling(v);
    arch->flush_once = true;
    init_registers(v);
    if (argument == STARTED_BY_SIPI) {
        start_real(arch->vmcb, entry);
    } else if (config->start == START_PROTECTED) {
        start_protected(arch->vmcb, entry);
        arch->regs[REG_RBX] = argument;
    } else {
        start_long(arch->vmcb, entry, config);
        arch->regs[REG_RSI] = argument;
        arch->regs[REG_RDI] = argument;
    }
}

void arch_vm_reset(struct vm *vm)
{
    vm->arch.tsc_offset = -arch_time_now();
    vm->arch.watches_eoi = 0;
    vlapic_vm_reset(vm);
    vioapic_vm_reset(vm);
    if (vm->config->arch.uart != NULL) {
        v16550_reset(vm->config->arch.uart);
    }
    if (vm->config->arch.watchdog != NULL) {
        vwdat_reset(vm->config->arch.watchdog);
    }
}

void arch_console_guest_update(struct vm *vm)
{
    if (vm->config->arch.uart != NULL) {
        v16550_update(vm->config->arch.uart);
    }
}

void arch_vcpu_load(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;

    /* FXRSTOR leaves the last x87 instruction's address alone, and nothing else moves PKRU: neither
     * may tell one guest of another */
    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(arch->tsc_aux));
    __asm__ volatile("fxrstor64 %0" : : "m"(arch->fx));
    if ((read_cr4() & CR4_PKE) != 0) {
        __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
    }
    write_dr0(arch->debug[0]);
    write_dr1(arch->debug[1]);
    write_dr2(arch->debug[2]);
    write_dr3(arch->debug[3]);
    wrmsr(MSR_TSC_AUX, arch->tsc_aux);
    if (arch->flush_once || arch->flush_always) {
        arch->vmcb->tlb_control = TLB_FLUSH_ALL;
        arch->flush_once = false;
    }
    if (arch->is_direct) {
        direct_enter(v);
    } else {
        vlapic_expire(v); /* a timer that was due meanwhile interrupts before anything else */
        time_arm(v->pcpu);
    }
}

void arch_vcpu_save(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;

    if (arch->owns_apic) {
        direct_leave(v);
    }
    __asm__ volatile("fxsave64 %0" : "=m"(arch->fx));
    arch->debug[0] = read_dr0();
    arch->debug[1] = read_dr1();
    arch->debug[2] = read_dr2();
    arch->debug[3] = read_dr3();
    v->wake_at = vlapic_deadline(v);
}

void arch_vcpu_off(struct vcpu *v)
{
    (void)v; /* its local APIC is reset when it starts again */
}

/* ---- Events ---- */

void vcpu_nmi(struct vcpu *v)
{
    __atomic_store_n(&v->arch.nmi, true, __ATOMIC_SEQ_CST);
    vcpu_notify(v);
}

/* A vCPU that is off waits for its start-up anyway. */
void vcpu_init_received(struct vcpu *v)
{
    if (__atomic_load_n(&v->state, __ATOMIC_SEQ_CST) != VCPU_OFF) {
        __atomic_store_n(&v->arch.init, INIT_RECEIVED, __ATOMIC_SEQ_CST);
        vcpu_notify(v);
    }
}

/* Who is on and did not receive INIT ignores it, and who received one already, too (16.5). */
void vcpu_startup(struct vcpu *v, uint8_t page)
{
    uint32_t expected = INIT_RECEIVED;

    if (vcpu_on(v, page, STARTED_BY_SIPI) == HV_ERR_ALREADY &&
        __atomic_compare_exchange_n(&v->arch.init, &expected,
                                    INIT_RECEIVED | STARTUP_RECEIVED | page, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        vcpu_notify(v);
    }
}

void vcpu_timer_changed(struct vcpu *v)
{
    time_arm(v->pcpu);
}

/* Wants to be told when the guest can take an interrupt: a virtual interrupt that never arrives. */
static void ask_for_window(struct vmcb *vmcb, bool on)
{
    bool is_on = (vmcb->v_intr & V_IRQ) != 0;

    if (on != is_on) {
        vmcb->v_intr ^= V_IRQ | V_INTR_PRIO;
        vmcb->intercept_1 ^= INTERCEPT_1_VINTR;
        vmcb->clean &= ~(CLEAN_INTERCEPTS | CLEAN_INTR);
    }
}

/* Wants to see what the bit of a word of intercepts stands for. */
static void watch(struct vmcb *vmcb, uint32_t *intercepts, uint32_t bit, bool on)
{
    if (((*intercepts & bit) != 0) != on) {
        *intercepts ^= bit;
        vmcb->clean &= ~CLEAN_INTERCEPTS;
    }
}

static bool takes_interrupts(const struct vmcb *vmcb)
{
    return (vmcb->rflags & RFLAGS_IF) != 0 && (vmcb->interrupt_shadow & INTERRUPT_SHADOW) == 0;
}

/* Software events are delivered by executing their instruction again. */
static bool is_repeated(uint64_t event)
{
    uint64_t type = event & EVENT_TYPE_MASK;
    uint64_t vector = event & EVENT_VECTOR_MASK;

    return type == EVENT_TYPE_SOFTWARE ||
           (type == EVENT_TYPE_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF));
}

/* What the guest reads in CR8. */
static void show_tpr(const struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t tpr = vlapic_tpr(v) >> 4;

    if ((vmcb->v_intr & V_TPR_MASK) != tpr) {
        vmcb->v_intr = (vmcb->v_intr & ~V_TPR_MASK) | tpr;
        vmcb->clean &= ~CLEAN_INTR;
    }
}

/* EOIs of an owned APIC may have to exit from now on. */
static void follow_msrpm(const struct vcpu *v)
{
    uint64_t msrpm = (uint64_t)direct_msrpm(v);

    if (v->arch.vmcb->msrpm_base_pa != msrpm) {
        v->arch.vmcb->msrpm_base_pa = msrpm;
        v->arch.vmcb->clean &= ~CLEAN_PERMISSIONS;
    }
}

void vcpu_deliver(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t event = v->arch.event;
    int vector;

    v->arch.event = 0;
    if (event != 0 && !is_repeated(event)) {
        vmcb->event_inj = event;
    } else if (__atomic_load_n(&v->arch.nmi, __ATOMIC_RELAXED) && !v->arch.is_nmi_masked) {
        __atomic_store_n(&v->arch.nmi, false, __ATOMIC_SEQ_CST);
        v->arch.is_nmi_masked = true;
        vmcb->event_inj = EVENT_VALID | EVENT_TYPE_NMI | VECTOR_NMI;
    }
    /* IRET ends an NMI's handler. */
    watch(vmcb, &vmcb->intercept_1, INTERCEPT_1_IRET, v->arch.is_nmi_masked);
    if (v->arch.owns_apic) {
        follow_msrpm(v);
        return;
    }
    show_tpr(v);
    vector = vlapic_pending(v);
    if (vector >= 0 && vmcb->event_inj == 0 && takes_interrupts(vmcb)) {
        vmcb->event_inj = EVENT_VALID | EVENT_TYPE_INTR | (uint64_t)vector;
        vlapic_accept(v, (uint8_t)vector);
        vector = vlapic_pending(v);
    }
    ask_for_window(vmcb, vector >= 0);
    /* A write of CR8 may let an interrupt in, and none may come while V_IRQ is set, which QEMU does
     * not survive. */
    watch(vmcb, &vmcb->intercept_cr, INTERCEPT_CR8_WRITE, vector >= 0 || vlapic_is_held_back(v));
}

/* An INIT, and the SIPI that followed it. */
static void start_again(struct vcpu *v, uint32_t page)
{
    init_registers(v);
    start_real(v->arch.vmcb, page);
    v->arch.vmcb->tlb_control = TLB_FLUSH_ALL;
    arch_vcpu_load(v);
}

enum exit_reason arch_vcpu_run(struct vcpu *v)
{
    uint32_t init = __atomic_load_n(&v->arch.init, __ATOMIC_SEQ_CST);

    if (init != 0) {
        if (v->arch.owns_apic) {
            direct_leave(v); /* the wait is the hypervisor's, and so are its interrupts */
        }
        /* another INIT that comes just now makes it wait again */
        if ((init & STARTUP_RECEIVED) == 0 ||
            !__atomic_compare_exchange_n(&v->arch.init, &init, 0, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST)) {
            return EXIT_HALT;
        }
        start_again(v, init & 0xff);
    }
    if (v->pcpu->resched) {
        return EXIT_PREEMPTED; /* a kick came while it was loaded */
    }
    vcpu_deliver(v);
    return svm_run(v);
}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
    uint32_t init = __atomic_load_n(&v->arch.init, __ATOMIC_SEQ_CST);

    if (init != 0) {
        return (init & STARTUP_RECEIVED) != 0;
    }
    if (vlapic_deadline(v) <= arch_time_now()) {
        vlapic_expire(v);
    }
    return __atomic_load_n(&v->arch.nmi, __ATOMIC_SEQ_CST) ||
           ((v->arch.vmcb->rflags & RFLAGS_IF) != 0 && vlapic_has_interrupt(v));
}
