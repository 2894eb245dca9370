/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the machine is the board: SVM, IOAPIC, HPET. See hv/arch/check.h. A CPU finds its entry
 * in the tables by its APIC id (boot.S), so one with another id does not answer.
 *
 * Nothing is an exception here: a bus without an answer reads as ones, in QEMU as zeroes.
 *
 * Source: APM vol. 3, appendix E (CPUID); APM vol. 2, 15.4 (SVM), 15.30.1 (VM_CR); Intel 82093AA
 * (IOAPIC) data sheet, 3.2.2.
 */
#include <arch/asm.h>
#include <arch/irq.h>
#include <arch/x86.h>
#include <hv/arch/check.h>
#include <hv/check.h>
#include <hv/tables.h>

#define CPUID_FEATURES        1u
#define CPUID_FEATURES_X2APIC BIT32(21) /* ECX */
#define CPUID_EXTENDED        0x80000001u
#define CPUID_EXTENDED_SVM    BIT32(2)    /* ECX */
#define CPUID_SVM             0x8000000au /* EBX: number of ASIDs */
#define CPUID_SVM_NESTED      BIT32(0)    /* EDX: nested paging */
#define VM_CR_SVMDIS          BIT(4)
#define IOAPIC_VERSION        1u
#define HPET_PERIOD           4u

void arch_check_cpu(const struct pcpu *pcpu)
{
    uint32_t id = pcpu->config->arch.apic_id;
    uint32_t out[4];

    cpuid(CPUID_FEATURES, 0, out);
    check_feature("an x2APIC", id, (out[ECX] & CPUID_FEATURES_X2APIC) != 0);
    cpuid(CPUID_EXTENDED, 0, out);
    if ((out[ECX] & CPUID_EXTENDED_SVM) == 0) { /* none of what follows may be looked at */
        check_feature("AMD's SVM", id, false);
        return;
    }
    check_feature("SVM that its firmware leaves on", id, (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) == 0);
    cpuid(CPUID_SVM, 0, out);
    check_feature("nested paging", id, (out[EDX] & CPUID_SVM_NESTED) != 0);
    check_least("ASIDs of CPU", id, vm_count + 1, out[EBX]); /* 0 is the hypervisor's */
}

void arch_check_board(void)
{
    uint32_t version;

    mmio_write32(board.ioapic.pa + IOAPIC_SELECT, IOAPIC_VERSION);
    version = check_register("IOAPIC", 0, (paddr_t){ board.ioapic.pa + IOAPIC_WINDOW });
    check_least("pins of IOAPIC", 0, VECTOR_PIN_COUNT, (version >> 16 & 0xff) + 1);
    check_least("period of HPET", 0, 1,
                check_register("HPET", 0, (paddr_t){ board.hpet.pa + HPET_PERIOD }));
}

bool arch_probe(paddr_t address, uint32_t *value)
{
    *value = mmio_read32(address.pa);
    return true;
}

void arch_probe_write(paddr_t address, uint32_t value)
{
    mmio_write32(address.pa, value);
    __asm__ volatile("clflush (%0); mfence" : : "r"(address.pa) : "memory");
}
