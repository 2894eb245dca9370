/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMSICs. See arch/imsic.h.
 *
 * The registers of a file are reached through a pair of CSRs, one that selects and one that is the
 * selected register: siselect and sireg for the hypervisor's file, vsiselect and vsireg for the
 * guest file that hstatus.VGEIN names.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, 2.1, 2.3 (CSRs), 3.5 (memory), 3.8 (registers
 * of a file), 3.10 (stopei).
 */
#include <arch/csr.h>
#include <arch/imsic.h>
#include <hv/tables.h>

#define CSR_SISELECT 0x150
#define CSR_SIREG    0x151
#define CSR_STOPEI   0x15c
#define CSR_VSIREG   0x251
#define CSR_HGEIP    0xe12

#define EIDELIVERY  0x70u
#define EITHRESHOLD 0x72u
#define EIP0        0x80u /* even numbers only: 64 identities each */
#define EIE0        0xc0u

#define STOPEI_IDENTITY_SHIFT 16

#define HSTATUS_VGEIN (UINT64_C(0x3f) << HSTATUS_VGEIN_SHIFT)

static void write_own(uint64_t number, uint64_t value)
{
    csr_write(CSR_SISELECT, number);
    csr_write(CSR_SIREG, value);
}

static void write_guest(uint64_t number, uint64_t value)
{
    csr_write(CSR_VSISELECT, number);
    csr_write(CSR_VSIREG, value);
}

void imsic_init_cpu(void)
{
    write_own(EIDELIVERY, 0);
    for (uint32_t first = 0; first <= board.imsic_id_count; first += 64) {
        write_own(EIP0 + first / 32, 0);
        write_own(EIE0 + first / 32, UINT64_MAX);
    }
    write_own(EITHRESHOLD, 0);
    write_own(EIDELIVERY, 1);
}

uint32_t imsic_claim(void)
{
    uint64_t top;

    /* one instruction, so that what is claimed is what was read */
    __asm__ volatile("csrrw %0, %1, zero" : "=r"(top) : "i"(CSR_STOPEI) : "memory");
    return (uint32_t)(top >> STOPEI_IDENTITY_SHIFT);
}

void imsic_send(const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    uint64_t page = pcpu->config->arch.imsic.pa + (uint64_t)IMSIC_FILE_SIZE * file;

    __asm__ volatile("fence w, o" ::: "memory"); /* what the message is about is seen before it */
    *(volatile uint32_t *)page = identity;       /* seteipnum_le */
}

void imsic_reset_file(uint32_t file)
{
    uint64_t hstatus = csr_read(CSR_HSTATUS);
    uint64_t vsiselect = csr_read(CSR_VSISELECT); /* of another vCPU, which may be loaded */

    csr_write(CSR_HSTATUS, (hstatus & ~HSTATUS_VGEIN) | (uint64_t)file << HSTATUS_VGEIN_SHIFT);
    write_guest(EIDELIVERY, 0);
    write_guest(EITHRESHOLD, 0);
    for (uint32_t first = 0; first <= board.imsic_id_count; first += 64) {
        write_guest(EIE0 + first / 32, 0);
        write_guest(EIP0 + first / 32, 0);
    }
    csr_write(CSR_VSISELECT, vsiselect);
    csr_write(CSR_HSTATUS, hstatus);
}

bool imsic_file_is_pending(uint32_t file)
{
    return (csr_read(CSR_HGEIP) >> file & 1) != 0;
}

void imsic_watch(uint32_t file, bool on)
{
    if (on) {
        csr_set(CSR_HGEIE, BIT(file));
    } else {
        csr_clear(CSR_HGEIE, BIT(file));
    }
}
