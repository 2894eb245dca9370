/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts: whose they are, and the way to their owners.
 *
 * The kick and the timer are the hypervisor's own. What comes by the interrupt controller belongs
 * to whom the generated route table says. A guest's timer and the interrupts between its vCPUs
 * never get here: they are delegated (hideleg).
 */
#include <arch/csr.h>
#include <arch/irq.h>
#include <arch/plic.h>
#include <arch/time.h>
#include <arch/vplic.h>
#include <hv/arch/irq.h>
#include <hv/arch/vcpu.h>
#include <hv/tables.h>

/* Another CPU's kick. The flag falls after the interrupt and before anything is looked at, so that
 * whoever finds it set knows that what he did will be seen. */
static void take_kick(struct pcpu *pcpu)
{
    csr_clear(CSR_SIP, BIT(IRQ_SSI));
    (void)__atomic_exchange_n(&pcpu->arch.is_kicked, false, __ATOMIC_SEQ_CST);
    sched_poke();
}

static void take_external(const struct pcpu *pcpu)
{
    uint32_t source = plic_claim(pcpu);
    const struct irq_route *irq = source < irq_route_count ? &irq_routes[source] : NULL;

    if (source == 0) {
        return;
    }
    if (irq != NULL && irq->owner == IRQ_OWNER_VM) {
        vplic_inject(&vms[irq->vm], irq->virq);
        return;
    }
    if (irq != NULL && irq->owner == IRQ_OWNER_CONSOLE) {
        console_interrupt();
    }
    plic_complete(source, pcpu);
}

void irq_take(struct pcpu *pcpu, uint32_t number)
{
    if (number == IRQ_SEI) {
        take_external(pcpu);
    } else if (number == IRQ_SSI) {
        take_kick(pcpu);
    } else if (number == IRQ_STI) {
        time_interrupt(pcpu);
    }
}

void arch_irq_poll(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint64_t pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

    while (pending != 0) {
        irq_take(pcpu, (uint32_t)__builtin_ctzll(pending));
        pending &= pending - 1;
    }
    /* The loaded guest's own interrupts are delegated to it, but a guest that sleeps does not run.
     */
    if (pcpu->loaded != NULL && arch_vcpu_has_interrupt(pcpu->loaded)) {
        sched_ready(pcpu->loaded);
    }
}

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level)
{
    vplic_set_line(vm, virq, level);
}
