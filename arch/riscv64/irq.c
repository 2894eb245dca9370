/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts: whose they are, and the way to their owners.
 *
 * The kick and the timer are the hypervisor's own. What comes by the interrupt controller, a PLIC
 * or an IMSIC, belongs to whom the generated route table says. A guest's timer and the interrupts
 * between its vCPUs never get here: they are delegated (hideleg).
 */
#include <arch/aplic.h>
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/imsic.h>
#include <arch/irq.h>
#include <arch/plic.h>
#include <arch/time.h>
#include <arch/vaplic.h>
#include <arch/vplic.h>
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/vcpu.h>
#include <hv/tables.h>

/* A board has a PLIC, or an APLIC and IMSICs. */
static bool has_plic(void)
{
    return board.plic.pa != 0;
}

void irq_init_cpu(struct pcpu *pcpu)
{
    static bool controller_is_ready; /* written by the boot CPU before it starts any other */

    if (has_plic()) {
        if (!controller_is_ready) {
            plic_init();
        }
        plic_init_cpu(pcpu);
    } else {
        imsic_init_cpu();
        if (!controller_is_ready) {
            aplic_init();
        }
        csr_write(CSR_HGEIE, 0);
        csr_write(CSR_HIE, BIT(IRQ_SGEI));
    }
    controller_is_ready = true;
    /* A kick that came while the firmware brought the hart up may be lost. What it was about is
     * seen when the scheduler looks for tasks, which is next. */
    __atomic_store_n(&pcpu->arch.is_kicked, 0, __ATOMIC_SEQ_CST);
    csr_write(CSR_SIE, BIT(IRQ_SSI) | BIT(IRQ_STI) | BIT(IRQ_SEI));
}

/* One kick is as good as two: while one is on its way, no other is sent. */
void arch_cpu_kick(struct pcpu *pcpu)
{
    if (__atomic_exchange_n(&pcpu->arch.is_kicked, 1, __ATOMIC_SEQ_CST)) {
        return;
    }
    if (has_plic()) {
        firmware_send_ipi(pcpu);
    } else {
        imsic_send(pcpu, IMSIC_FILE_HV, IMSIC_ID_KICK);
    }
}

/* Another CPU's kick. The flag falls after the interrupt and before anything is looked at, so that
 * whoever finds it set knows that what he did will be seen. */
static void take_kick(struct pcpu *pcpu)
{
    (void)__atomic_exchange_n(&pcpu->arch.is_kicked, 0, __ATOMIC_SEQ_CST);
    sched_kicked();
}

/* Whose a source is; NULL if it is nobody's. */
static const struct irq_route *route_of(uint32_t source)
{
    return source < irq_route_count ? &irq_routes[source] : NULL;
}

static void take_from_plic(const struct pcpu *pcpu)
{
    uint32_t source = plic_claim(pcpu);
    const struct irq_route *irq = route_of(source);

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

/* Sources of guests that have interrupt files of their own send there, and do not get here. */
static void take_from_imsic(struct pcpu *pcpu)
{
    uint32_t identity = imsic_claim();
    const struct irq_route *irq;

    if (identity == IMSIC_ID_KICK) {
        take_kick(pcpu);
        return;
    }
    irq = route_of(IMSIC_SOURCE(identity));
    if (irq != NULL && irq->owner == IRQ_OWNER_VM) {
        vaplic_inject(&vms[irq->vm], irq->virq);
    } else if (irq != NULL && irq->owner == IRQ_OWNER_CONSOLE) {
        console_interrupt();
        aplic_end(IMSIC_SOURCE(identity));
    }
}

/* Guest interrupt files of vCPUs that sleep and are not loaded have something for them. */
static void take_guest_files(const struct pcpu *pcpu)
{
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        struct vcpu *v = pcpu->config->vcpus[slot];
        uint32_t file = v->config->arch.vgein;

        if (file != 0 && v != pcpu->loaded && imsic_file_is_pending(file)) {
            imsic_watch(file, false);
            sched_wake(v);
        }
    }
}

void irq_take(struct pcpu *pcpu, uint32_t number)
{
    switch (number) {
    case IRQ_SEI:
        if (has_plic()) {
            take_from_plic(pcpu);
        } else {
            take_from_imsic(pcpu);
        }
        break;
    case IRQ_SSI:
        csr_clear(CSR_SIP, BIT(IRQ_SSI));
        take_kick(pcpu);
        break;
    case IRQ_STI:
        time_interrupt(pcpu);
        break;
    case IRQ_SGEI:
        take_guest_files(pcpu);
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

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level)
{
    if (vm->config->arch.controller.plic != NULL) {
        vplic_set_line(vm, virq, level);
    } else {
        vaplic_set_line(vm, virq, level);
    }
}
