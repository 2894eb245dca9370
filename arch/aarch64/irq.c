/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts: whose they are, and the way to their owners.
 *
 * Three are the hypervisor's own on every CPU: the kick, its timer, and the maintenance interrupt
 * of the virtual CPU interface. The guest timer's interrupt belongs to the vCPU that is loaded,
 * since only its timer runs. The rest is in the generated route table.
 */
#include <arch/gicv3.h>
#include <arch/gicv3_driver.h>
#include <arch/irq.h>
#include <arch/sysreg.h>
#include <arch/vgic.h>
#include <hv/arch/irq.h>
#include <hv/tables.h>

/* Interrupts taken in one arch_irq_poll(); more than that waits for the next. */
#define POLL_MAX 16

/* Drops the priority and deactivates: an interrupt of ours is over. */
static void end(uint32_t intid)
{
    icc_eoir1_write(intid);
    isb();
    icc_dir_write(intid);
}

/* Takes what is no guest's. Not inlined, so that take() needs no stack frame. */
static __attribute__((noinline)) void take_own(struct pcpu *pcpu, uint32_t intid)
{
    if (intid == board.htimer_intid) {
        sched_timer(); /* moves the deadline, so that the line is low when it ends */
    } else if (intid == board.maintenance_intid && pcpu->loaded != NULL) {
        vgic_maintenance(pcpu->loaded);
    } else if (intid < irq_route_count && irq_routes[intid].owner == IRQ_OWNER_CONSOLE) {
        console_interrupt();
    }
    end(intid);
}

/* Takes what was acknowledged. */
static void take(struct pcpu *pcpu, uint32_t intid)
{
    if (intid == board.vtimer_intid && pcpu->loaded != NULL) {
        icc_eoir1_write(intid);
        vgic_inject(pcpu->loaded, intid, intid);
    } else if (intid == GICV3_SGI_KICK) {
        end(intid);
        sched_kicked();
    } else if (intid < irq_route_count && irq_routes[intid].owner == IRQ_OWNER_VM) {
        const struct irq_route *irq = &irq_routes[intid];

        icc_eoir1_write(intid);
        vgic_inject_spi(&vms[irq->vm], irq->virq, intid);
    } else if (intid < GIC_SPECIAL_FIRST) {
        take_own(pcpu, intid);
    }
}

void irq_take(struct pcpu *pcpu)
{
    take(pcpu, (uint32_t)icc_iar1_read());
}

void arch_irq_poll(void)
{
    struct pcpu *pcpu = arch_this_pcpu();

    for (uint32_t i = 0; i < POLL_MAX; i++) {
        uint32_t intid = (uint32_t)icc_iar1_read();

        if (intid >= GIC_SPECIAL_FIRST) {
            return;
        }
        take(pcpu, intid);
    }
}

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level)
{
    vgic_set_line(vm, virq, level);
}
