/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the machine is the board: extensions of the harts, PLIC or AIA. See hv/arch/check.h;
 * arch_probe() is in access.S.
 *
 * Source: RISC-V Privileged Architecture 20240411, 18.2 (hgatp, hgeie); PLIC Specification 1.0.0;
 * RISC-V Advanced Interrupt Architecture 1.0, 4.5.1 (domaincfg).
 */
#include <arch/aplic.h>
#include <arch/csr.h>
#include <arch/plic.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <hv/arch/check.h>
#include <hv/check.h>
#include <hv/tables.h>

/* A mode or VMID that the hart has not is not taken over (18.2.10): its VM would have no second
 * stage, or another VM's. */
static void check_hgatp(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        uint64_t hgatp = vm_hgatp(&vm_configs[i]);

        csr_write(CSR_HGATP, hgatp);
        check_equal("hgatp of VM", vm_configs[i].vmid, hgatp, csr_read(CSR_HGATP));
    }
    csr_write(CSR_HGATP, 0);
}

/* The firmware may keep a feature of the hart to itself. */
void arch_check_cpu(const struct pcpu *pcpu)
{
    const struct pcpu_config *config = pcpu->config;
    uint64_t hart = config->arch.hart_id;
    uint64_t files;

    if (!access_has_hgatp()) { /* none of what follows may be looked at */
        check_feature("the extension H", hart, false);
        return;
    }
    check_hgatp();
    check_feature("the extension Sstc", hart, !board.has_sstc || access_has_stimecmp());
    check_feature("the extension Smstateen", hart, !board.has_stateen || access_has_hstateen0());
    if (board.plic.pa != 0) {
        return;
    }
    check_feature("an interrupt file", hart, access_has_siselect());
    csr_write(CSR_HGEIE, UINT64_MAX);
    files = csr_read(CSR_HGEIE) | 1; /* file 0 is none */
    csr_write(CSR_HGEIE, 0);
    for (uint32_t slot = 0; slot < config->vcpu_count; slot++) {
        check_feature("a guest interrupt file for each vCPU", hart,
                      (files >> config->vcpus[slot]->config->arch.vgein & 1) != 0);
    }
}

static void check_plic(void)
{
    uint32_t source = irq_route_count - 1; /* the highest one in use */
    paddr_t priority = { board.plic.pa + PLIC_PRIORITY + 4 * source };

    (void)check_register("PLIC", 0, board.plic);
    for (uint32_t i = 0; i < pcpu_count; i++) {
        uint64_t page =
            PLIC_CONTEXT + (uint64_t)PLIC_CONTEXT_STRIDE * pcpu_configs[i].arch.plic_context;

        (void)check_register("PLIC context of CPU", pcpu_configs[i].arch.hart_id,
                             (paddr_t){ board.plic.pa + page + PLIC_THRESHOLD });
    }
    if (arch_probe(priority, &(uint32_t){ 0 })) { /* plic_init() puts it right */
        arch_probe_write(priority, 1);
        check_equal("priority of PLIC source", source, 1,
                    check_register("PLIC source", source, priority));
    }
}

void arch_check_board(void)
{
    if (board.plic.pa != 0) {
        check_plic();
        return;
    }
    check_equal("domaincfg of APLIC", 0, APLIC_DOMAINCFG_ONES >> 24,
                check_register("APLIC", 0, (paddr_t){ board.aplic.pa + APLIC_DOMAINCFG }) >> 24);
    for (uint32_t i = 0; i < pcpu_count; i++) {
        (void)check_register("interrupt file of CPU", pcpu_configs[i].arch.hart_id,
                             pcpu_configs[i].arch.imsic);
    }
}

void arch_probe_write(paddr_t address, uint32_t value)
{
    *(volatile uint32_t *)address.pa = value;
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}
