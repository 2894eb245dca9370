/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local APIC that a guest owns. See arch/direct.h.
 *
 * The isolation argument. Physical interrupts are not intercepted and follow the guest's RFLAGS.IF
 * and TPR (V_INTR_MASKING is off), so the guest decides when it takes its own; what the hypervisor
 * sends to such a CPU are NMIs, which are intercepted and which no register of an APIC holds back
 * (APM vol. 2, 15.13.2, 16.5). The generated permission map passes only registers that act on this
 * CPU: TPR, EOI, the timer's counts, self-IPI, and reads of what is in service and requested.
 * Writes of the timer's LVT entry exit and are checked: QEMU takes SMI as its delivery mode, too,
 * and in SMM no NMI comes. ICR, ids, SVR and the rest of the LVT exit and are emulated; so a guest
 * reaches other CPUs through the checked ICR alone. Interrupts of others never come here: pins of
 * the IOAPIC are sent to CPUs by the hypervisor, which sends an owned CPU nothing but its guest's
 * vectors. A vCPU that waits for its start-up owns nothing.
 *
 * While the hypervisor has the APIC, its TPR holds back vectors below 32, which its own table has
 * exceptions for; what is left of a guest's vectors above is ended and forgotten. What is left of
 * the vCPU's former life is drained before it owns the APIC again.
 *
 * Physical pins of the VM's devices send the guest's vectors to an owned APIC, whose EOIs end them
 * (vioapic.c). Emulated level-triggered pins of the VM's IOAPIC want to hear of EOIs. From the
 * moment that the guest opens such an entry, its EOIs exit, and go on to the machine from here.
 */
#include <arch/direct.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vioapic.h>
#include <arch/vlapic_parts.h>
#include <arch/x86.h>
#include <hv/tables.h>

#define VECTOR_WORDS     8u /* of 32 vectors, each a register */
#define VECTOR_COUNT_ALL 256u

/* The highest vector in eight registers, or -1. */
static int highest(uint32_t first)
{
    for (uint32_t word = VECTOR_WORDS; word-- > 0;) {
        uint32_t bits = (uint32_t)lapic_read(first + word);

        if (bits != 0) {
            return (int)(32 * word + 31) - __builtin_clz(bits);
        }
    }
    return -1;
}

static void end_serviced(void)
{
    for (uint32_t i = 0; i < VECTOR_COUNT_ALL && highest(LAPIC_ISR) >= 0; i++) {
        lapic_write(LAPIC_EOI, 0);
    }
}

static void stop_timer(void)
{
    lapic_write(LAPIC_LVT + LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_INITIAL_COUNT, 0);
    lapic_write(LAPIC_DIVIDE, 0);
}

/* Physical pins send the guest's vectors only where a guest takes them. */
static void set_owner(struct vcpu *v, bool owns)
{
    __atomic_store_n(&v->arch.owns_apic, owns, __ATOMIC_SEQ_CST);
    vioapic_follow(v->vm);
}

void direct_enter(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;

    stop_timer();
    irq_drain();
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_SVR, v->arch.lapic.reg[LAPIC_SVR]);
    vmcb->intercept_1 &= ~(INTERCEPT_1_INTR | INTERCEPT_1_HLT | INTERCEPT_1_VINTR);
    vmcb->intercept_cr &= ~INTERCEPT_CR8_WRITE;
    vmcb->v_intr = 0;
    vmcb->clean = 0;
    set_owner(v, true);
    time_arm(v->pcpu);
    irq_open(v->pcpu, false); /* NMIs that came while it drained are to be looked into */
}

void direct_leave(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;

    set_owner(v, false);
    stop_timer();
    end_serviced();
    irq_own_apic();
    vmcb->intercept_1 |= INTERCEPT_1_INTR | INTERCEPT_1_HLT;
    vmcb->v_intr = V_INTR_MASKING | V_IGN_TPR;
    vmcb->msrpm_base_pa = (uint64_t)v->vm->config->arch.msrpm;
    vmcb->clean = 0;
    time_arm(v->pcpu);
}

void direct_watch_eoi(struct vm *vm)
{
    if (__atomic_exchange_n(&vm->arch.watches_eoi, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        vcpu_notify(vm_vcpu(vm, i));
    }
}

const uint8_t *direct_msrpm(const struct vcpu *v)
{
    return __atomic_load_n(&v->vm->arch.watches_eoi, __ATOMIC_SEQ_CST) != 0
               ? v->vm->config->arch.msrpm_eoi
               : v->vm->config->arch.msrpm_direct;
}

static void end_interrupt(struct vcpu *v)
{
    int vector = highest(LAPIC_ISR);

    lapic_write(LAPIC_EOI, 0);
    if (vector >= 0 && vlapic_is_level(&v->arch.lapic, (uint32_t)vector)) {
        vioapic_eoi(v->vm, (uint8_t)vector);
    }
}

bool direct_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (msr == MSR_X2APIC_BASE + LAPIC_EOI && value == 0) {
        end_interrupt(v);
        return true;
    }
    if (!vlapic_write_msr(v, msr, value)) {
        return false;
    }
    if (msr == MSR_X2APIC_BASE + LAPIC_SVR || msr == MSR_X2APIC_BASE + LAPIC_LVT + LVT_TIMER) {
        lapic_write(msr - MSR_X2APIC_BASE, v->arch.lapic.reg[msr - MSR_X2APIC_BASE]);
    } else if (msr == MSR_APIC_BASE && (v->arch.lapic.base & APIC_BASE_EXTD) == 0) {
        v->arch.is_direct = false; /* the xAPIC's page is emulated */
        direct_leave(v);
    }
    return true;
}
