/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts: whose they are, and the way to their owners.
 *
 * The kick and the timer are the hypervisor's own. What comes by the interrupt controller belongs
 * to whom the generated route table says. A guest's timer and the interrupts between its vCPUs
 * never get here: they are delegated (hideleg).
 */
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/intc.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/vcpu.h>
#include <hv/tables.h>

void irq_init_cpu(const struct pcpu *pcpu)
{
    static bool controller_is_ready; /* written by the boot CPU before it starts any other */

    if (!controller_is_ready) {
        intc_init();
        controller_is_ready = true;
    }
    intc_init_cpu(pcpu);
    csr_write(CSR_SIE, BIT(IRQ_SSI) | BIT(IRQ_STI) | BIT(IRQ_SEI));
}

/* One kick is as good as two: while one is on its way, no other is sent. */
void arch_cpu_kick(struct pcpu *pcpu)
{
    if (!__atomic_exchange_n(&pcpu->arch.is_kicked, true, __ATOMIC_SEQ_CST) && !intc_kick(pcpu)) {
        firmware_send_ipi(pcpu);
    }
}

/* Another CPU's kick. The flag falls after the interrupt and before anything is looked at, so that
 * whoever finds it set knows that what he did will be seen. */
static void take_kick(struct pcpu *pcpu)
{
    (void)__atomic_exchange_n(&pcpu->arch.is_kicked, false, __ATOMIC_SEQ_CST);
    sched_poke();
}

static void take_external(struct pcpu *pcpu)
{
    uint32_t source = intc_claim(pcpu);
    const struct irq_route *irq = source < irq_route_count ? &irq_routes[source] : NULL;

    if (source == INTC_NONE) {
        return;
    }
    if (source == INTC_KICK) {
        take_kick(pcpu);
        return;
    }
    if (irq != NULL && irq->owner == IRQ_OWNER_VM) {
        intc_inject(&vms[irq->vm], irq->virq);
        return;
    }
    if (irq != NULL && irq->owner == IRQ_OWNER_CONSOLE) {
        console_interrupt();
    }
    intc_end(source, pcpu);
}

void irq_take(struct pcpu *pcpu, uint32_t number)
{
    switch (number) {
    case IRQ_SEI:
        take_external(pcpu);
        break;
    case IRQ_SSI:
        csr_clear(CSR_SIP, BIT(IRQ_SSI));
        take_kick(pcpu);
        break;
    case IRQ_STI:
        time_interrupt(pcpu);
        break;
    case IRQ_SGEI:
        intc_wake(pcpu);
        break;
    default: /* not enabled */
        break;
    }
}

void arch_irq_poll(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint64_t pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

    pending |= csr_read(CSR_HIP) & csr_read(CSR_HIE) & BIT(IRQ_SGEI);
    while (pending != 0) {
        irq_take(pcpu, (uint32_t)__builtin_ctzll(pending));
        pending &= pending - 1;
    }
    /* The loaded guest's own interrupts are delegated to it, but a guest that sleeps does not run.
     */
    if (pcpu->loaded != NULL && arch_vcpu_has_interrupt(pcpu->loaded)) {
        sched_wake(pcpu->loaded);
    }
}
