/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits faults, one after the other or one alone; whoever runs it decides from the hypervisor's
 * report whether each ended the VM, came back, or became an exception of the guest. Words of the
 * command line:
 *     fault=NAME   commits that one, says what happened and powers off
 *     fault=all    commits all in the order of the table below: the VM's policy must be
 *                  on-crash = "restart", and the scratch register (guest.h) says where to go on
 *     fault=both   with rounds=N: one fault for each boot, on hart 1 and hart 0 in turn, while the
 *                  other one cannot be interrupted; the same policy and register
 *     outside=A    an address that is not the VM's (default 0xc0000000)
 *     rom=A        an address in a region of the VM without write permission; nx=A: in one without
 *                  execute permission (default: those faults are left out)
 * Lines: `fault NAME: begin`, then nothing or `fault NAME: survived` or `fault NAME: exception N`.
 */
#include "riscv64.h"

#define SCRATCH_MAGIC 0xfa010000u

static uint64_t outside;
static uintptr_t intc; /* the VM's interrupt controller: registers of four bytes */

#define FAULT(function, code)  \
    static void function(void) \
    {                          \
        code;                  \
    }
#define ASM(text)          __asm__ volatile(text ::: "t0", "t1", "a0", "a1", "memory")
#define ASM_AT(text, base) __asm__ volatile(text ::"r"((uint64_t)(base)) : "t0", "t1", "memory")

FAULT(read_outside, (void)access_read(outside, 4))
FAULT(read_byte_outside, (void)access_read(outside + 1, 1))
FAULT(write_outside, access_write(outside, 8, 1))
FAULT(jump_outside, access_execute(outside))
FAULT(jump_null, access_execute(0))
FAULT(jump_to_uart, access_execute(UART_BASE))
FAULT(jump_far, access_execute(1ull << 45))
FAULT(read_far, (void)access_read(1ull << 45, 8))
FAULT(read_last, (void)access_read(~7ull, 8))
FAULT(read_clint, (void)access_read(0x02000000, 4))
FAULT(read_firmware, (void)access_read(RAM_BASE - 8, 8))
FAULT(atomic_outside, ASM_AT("amoadd.d t0, t1, (%0)", outside))
FAULT(reserved_outside, ASM_AT("lr.w t0, (%0)", outside))
FAULT(misaligned_outside, (void)access_read(outside + 0xffd, 8))

/* Accesses to emulated registers. */
FAULT(mmio_compressed, __asm__ volatile("mv a4, %0\n\tc.lw a5, 0(a4)" ::"r"(intc + 4 * UART_IRQ)
                                        : "a4", "a5", "memory"))
FAULT(mmio_compressed_store,
      __asm__ volatile("mv a4, %0\n\tli a5, 0\n\tc.sw a5, 0(a4)" ::"r"(intc + 4 * UART_IRQ)
                       : "a4", "a5", "memory"))
FAULT(mmio_atomic, ASM_AT("amoswap.w t0, zero, (%0)", intc + 4 * UART_IRQ))
FAULT(mmio_reserved, ASM_AT("lr.w t0, (%0)\n\tsc.w t1, t0, (%0)", intc + 4 * UART_IRQ))
FAULT(mmio_float, csr_set(CSR_SSTATUS, SSTATUS_FS);
      __asm__ volatile(".option push\n\t.option arch, +d\n\tflw ft0, 0(%0)\n\t.option pop" ::"r"(
                           intc + 4 * UART_IRQ)
                       : "memory"))
FAULT(mmio_unaligned, (void)access_read(intc + 0x101, 4))

static void uart_all_sizes(void)
{
    for (uintptr_t offset = 8; offset < 0x1000; offset += 8) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            access_write(UART_BASE + offset, size, 0);
            (void)access_read(UART_BASE + offset, size);
        }
    }
}

static void intc_all(void)
{
    for (uintptr_t offset = 0; offset < 0x202000; offset += offset < 0x3000 ? 4 : 0x800) {
        access_write(intc + offset, 4, 0xffffffff);
        (void)access_read(intc + offset, 4);
    }
}

FAULT(intc_beyond, (void)access_read(intc + 0x4000000, 4))

/* A load from a device whose instruction lies across a page boundary. */
static void mmio_page_crossing(void)
{
    static uint16_t code[4096] __attribute__((aligned(4096)));
    uint32_t load = 0x00054503; /* lbu a0, 0(a0) */
    code[2047] = (uint16_t)load;
    code[2048] = (uint16_t)(load >> 16);
    code[2049] = 0x8082; /* c.jr ra */
    __asm__ volatile("fence.i" ::: "memory");
    __asm__ volatile("li a0, 0x10000005\n\tjalr ra, 0(%0)" ::"r"((uintptr_t)&code[2047])
                     : "ra", "a0", "memory");
}

FAULT(write_rom, access_write(cmdline_number("rom", 0), 4, 0))
FAULT(execute_nx, access_execute(cmdline_number("nx", 0)))

/* Stage 1 tables that lie outside: the fault is one of the table walk. */
FAULT(walk_outside, csr_write(CSR_SATP, 8ull << 60 | outside >> 12);
      __asm__ volatile("sfence.vma\n\tnop" ::
                           : "memory"))
/* A vector that is nowhere: the exception faults again. */
FAULT(vectors_outside, csr_write(CSR_STVEC, outside); ASM("ebreak"))

FAULT(illegal_zero, ASM(".4byte 0xffffffff"))
FAULT(illegal_compressed, ASM(".2byte 0"))
FAULT(breakpoint, ASM("ebreak"))
FAULT(call_unknown, (void)sbi_call(~0ull, ~0ull, ~0ull, ~0ull, ~0ull))
FAULT(mret, ASM(".4byte 0x30200073"))
FAULT(sret_to_nowhere, csr_write(CSR_SEPC, outside); csr_set(CSR_SSTATUS, 1ull << 8); ASM("sret"))
FAULT(read_mstatus, (void)csr_read(0x300))
FAULT(write_medeleg, csr_write(0x302, 0))
FAULT(read_hstatus, (void)csr_read(0x600))
FAULT(write_hgatp, csr_write(0x680, 0))
FAULT(read_vsstatus, (void)csr_read(0x200))
FAULT(write_htimedelta, csr_write(0x605, 0))
FAULT(read_henvcfg, (void)csr_read(0x60a))
FAULT(hfence, ASM(".4byte 0x62000073"))
FAULT(hfence_vvma, ASM(".4byte 0x22000073"))
FAULT(hlv, ASM(".4byte 0x6c0542f3"))
FAULT(read_seed, (void)csr_read(0x015))
FAULT(read_vector_length, csr_set(CSR_SSTATUS, SSTATUS_VS); (void)csr_read(0xc22))
FAULT(vector, csr_set(CSR_SSTATUS, SSTATUS_VS); ASM(".4byte 0x0d0572d7"))
FAULT(read_hpm, (void)csr_read(0xc1f))
FAULT(read_cycle, (void)csr_read(CSR_CYCLE))
FAULT(write_sstateen, csr_write(0x10c, ~0ull))
FAULT(read_debug, (void)csr_read(0x7b0))
FAULT(read_unknown, (void)csr_read(0x5ff))
FAULT(write_read_only, ASM("csrw 0xc01, zero"))
FAULT(read_stopi, (void)csr_read(0xdb0))
FAULT(write_siselect, csr_write(0x150, 0x70); (void)csr_read(0x151))
FAULT(cache_zero, ASM_AT(".insn i 0x0f, 2, x0, %0, 4", outside))
FAULT(fence_all, ASM("sfence.vma\n\tfence.i\n\tfence"))
FAULT(sinval, ASM(".4byte 0x16000073"))

static const struct {
    const char *name;
    void (*commit)(void);
} faults[] = {
    { "read-outside", read_outside },
    { "read-byte-outside", read_byte_outside },
    { "write-outside", write_outside },
    { "jump-outside", jump_outside },
    { "jump-null", jump_null },
    { "jump-to-uart", jump_to_uart },
    { "jump-far", jump_far },
    { "read-far", read_far },
    { "read-last", read_last },
    { "read-clint", read_clint },
    { "read-firmware", read_firmware },
    { "atomic-outside", atomic_outside },
    { "reserved-outside", reserved_outside },
    { "misaligned-outside", misaligned_outside },
    { "mmio-compressed", mmio_compressed },
    { "mmio-compressed-store", mmio_compressed_store },
    { "mmio-atomic", mmio_atomic },
    { "mmio-reserved", mmio_reserved },
    { "mmio-float", mmio_float },
    { "mmio-unaligned", mmio_unaligned },
    { "mmio-page-crossing", mmio_page_crossing },
    { "uart-all-sizes", uart_all_sizes },
    { "intc-all", intc_all },
    { "intc-beyond", intc_beyond },
    { "write-rom", write_rom },
    { "execute-nx", execute_nx },
    { "walk-outside", walk_outside },
    { "vectors-outside", vectors_outside },
    { "illegal", illegal_zero },
    { "illegal-compressed", illegal_compressed },
    { "breakpoint", breakpoint },
    { "call-unknown", call_unknown },
    { "mret", mret },
    { "sret-to-nowhere", sret_to_nowhere },
    { "read-mstatus", read_mstatus },
    { "write-medeleg", write_medeleg },
    { "read-hstatus", read_hstatus },
    { "write-hgatp", write_hgatp },
    { "read-vsstatus", read_vsstatus },
    { "write-htimedelta", write_htimedelta },
    { "read-henvcfg", read_henvcfg },
    { "hfence-gvma", hfence },
    { "hfence-vvma", hfence_vvma },
    { "hlv", hlv },
    { "read-seed", read_seed },
    { "read-vlenb", read_vector_length },
    { "vector", vector },
    { "read-hpm", read_hpm },
    { "read-cycle", read_cycle },
    { "write-sstateen", write_sstateen },
    { "read-debug", read_debug },
    { "read-unknown", read_unknown },
    { "write-read-only", write_read_only },
    { "read-stopi", read_stopi },
    { "write-siselect", write_siselect },
    { "cache-zero", cache_zero },
    { "fence-all", fence_all },
    { "sinval", sinval },
};

/* Busy for ever with all interrupts masked: only the hypervisor can stop it. */
static void spin_masked(void)
{
    __asm__ volatile("csrci sstatus, 2\n1:\tj 1b");
}

/* Waits for ever for an interrupt that does not come. */
static void wait_masked(void)
{
    __asm__ volatile("csrci sstatus, 2\n\tcsrw sie, zero\n1:\twfi\n\tj 1b");
}

static void commit(const char *name, void (*function)(void))
{
    print("fault %s: begin\n", name);
    fault_expect();
    function();
    struct fault fault = fault_result();
    if (fault.taken) {
        print("fault %s: exception %lu\n", name, fault.syndrome);
    } else {
        print("fault %s: survived\n", name);
    }
}

static bool is_left_out(void (*function)(void))
{
    return (function == write_rom && cmdline_value("rom") == NULL) ||
           (function == execute_nx && cmdline_value("nx") == NULL);
}

static void commit_all(void)
{
    uint32_t scratch = scratch_load();
    uint32_t next = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_as("faults");
    if (next == 0) {
        report_begin("faults");
    }
    while (next < ARRAY_SIZE(faults)) {
        unsigned now = next++;
        scratch_store(SCRATCH_MAGIC | next);
        if (!is_left_out(faults[now].commit)) {
            commit(faults[now].name, faults[now].commit);
        }
    }
    scratch_store(0);
    report(true, "%u faults committed", (unsigned)ARRAY_SIZE(faults));
}

static volatile uint64_t second_is_busy; /* written by CPU 1 */

static void second_main(uint64_t round)
{
    if ((round & 1) != 0) {
        read_outside();
    }
    second_is_busy = 1;
    if ((round & 2) != 0) {
        spin_masked();
    }
    wait_masked();
}

/* One round for each boot: odd, CPU 1 faults, even, CPU 0; the other one spins or waits. */
static void commit_on_both(uint64_t rounds)
{
    uint32_t scratch = scratch_load();
    uint32_t round = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_as("faults");
    if (round == rounds) {
        scratch_store(0);
        report(true, "%u rounds of faults on two CPUs", round);
        return;
    }
    round++;
    scratch_store(SCRATCH_MAGIC | round);
    print("round %u\n", round);
    cpu_start(1, second_main, round);
    if ((round & 1) == 0) {
        wait_for(&second_is_busy, 1, 2000000);
        read_outside();
    }
    if ((round & 2) != 0) {
        spin_masked();
    }
    wait_masked();
}

void guest_main(void)
{
    outside = cmdline_number("outside", 0xc0000000);
    intc = tree_contains("riscv,aplic") ? APLIC_BASE : PLIC_BASE;
    if (cmdline_is("fault", "all")) {
        commit_all();
        return;
    }
    if (cmdline_is("fault", "both")) {
        commit_on_both(cmdline_number("rounds", 20));
        return;
    }
    report_begin("faults");
    if (cmdline_is("fault", "spin-masked")) {
        print("fault spin-masked: begin\n");
        spin_masked();
    } else if (cmdline_is("fault", "wait-masked")) {
        print("fault wait-masked: begin\n");
        wait_masked();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        if (cmdline_is("fault", faults[i].name)) {
            commit(faults[i].name, faults[i].commit);
            report(true, "fault %s did not end the VM", faults[i].name);
        }
    }
}
