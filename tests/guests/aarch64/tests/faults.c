/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits faults, one after the other or one alone; whoever runs it decides from the hypervisor's
 * report whether each ended the VM, came back, or became an exception of the guest. Words of the
 * command line:
 *
 *     fault=NAME  commits that one, says what happened and powers off
 *     fault=all   commits all in the order of the table below: the VM must have
 *                 on-crash = "restart", and the scratch register (guest.h) says where to go on
 *     fault=both  in N rounds (rounds=N) one CPU faults while the other one cannot be interrupted
 *                 or waits: again with on-crash = "restart" and the scratch register
 *     fault=list  prints the names only
 *     outside=A   an address that is not the VM's (default 0x60000000)
 *     rom=A       an address that the VM may not write (default: that fault is left out)
 *     nx=A        an address that the VM may not execute (default: that fault is left out)
 *
 * Lines: `fault NAME: begin`, then nothing, or `fault NAME: survived`, or `fault NAME: exception
 * ESR 0x...`.
 */
#include "aarch64.h"

#define SCRATCH_MAGIC 0xfa010000u

extern char secondary_start[];

static uint64_t outside;

static void read_outside(void)
{
    (void)access_read(outside, 4);
}

static void read_byte_outside(void)
{
    (void)access_read(outside + 1, 1);
}

static void write_outside(void)
{
    access_write(outside, 8, 1);
}

static void jump_outside(void)
{
    access_execute(outside);
}

static void jump_null(void)
{
    access_execute(0);
}

static void jump_to_uart(void)
{
    access_execute(UART_BASE);
}

static void jump_to_gic(void)
{
    access_execute(GICD_BASE);
}

static void jump_unaligned(void)
{
    access_execute((uintptr_t)secondary_start + 2);
}

static void pair_outside(void)
{
    __asm__ volatile("ldp x2, x3, [%0]" ::"r"(outside) : "x2", "x3", "memory");
}

static void stack_outside(void)
{
    uintptr_t base = outside;
    __asm__ volatile("str x2, [%0, #-16]!" : "+r"(base)::"memory");
}

/* The next ones reach emulated registers with instructions whose syndrome is not valid (ESR_EL2.ISV
 * is 0). */
static void mmio_writeback(void)
{
    uintptr_t base = UART_BASE + 0x38;
    __asm__ volatile("str wzr, [%0], #4" : "+r"(base)::"memory");
}

static void mmio_load_pair(void)
{
    __asm__ volatile("ldp w2, w3, [%0]" ::"r"((uintptr_t)GICD_BASE) : "x2", "x3", "memory");
}

static void mmio_store_pair(void)
{
    __asm__ volatile("stp wzr, wzr, [%0]" ::"r"((uintptr_t)UART_BASE + 0x38) : "memory");
}

static void mmio_exclusive(void)
{
    __asm__ volatile("ldxr w2, [%0]\n\tstxr w3, w2, [%0]" ::"r"((uintptr_t)GICD_BASE)
                     : "x2", "x3", "memory");
}

static void mmio_simd(void)
{
    __asm__ volatile(
        ".arch_extension simd\n\tldr q0, [%0]\n\t.arch_extension nosimd" ::"r"((uintptr_t)GICD_BASE)
        : "memory");
}

static void mmio_unaligned(void)
{
    (void)access_read(GICD_BASE + 0x101, 4);
}

static void mmio_cache_zero(void)
{
    __asm__ volatile("dc zva, %0" ::"r"((uintptr_t)GICD_BASE) : "memory");
}

static void cache_outside(void)
{
    __asm__ volatile("dc civac, %0" ::"r"(outside) : "memory");
}

static void prefetch_outside(void)
{
    __asm__ volatile("prfm pldl1keep, [%0]" ::"r"(outside) : "memory");
}

static void translate_outside(void)
{
    __asm__ volatile("at s1e1r, %0\n\tisb" ::"r"(outside) : "memory");
}

static void write_rom(void)
{
    access_write(cmdline_number("rom", 0), 4, 0);
}

static void execute_nx(void)
{
    access_execute(cmdline_number("nx", 0));
}

/* Stage 1 tables that lie outside: the fault is one of the table walk (ESR_EL2.S1PTW). */
static void walk_outside(void)
{
    sysreg_write(ttbr0_el1, outside & ~0xfffull);
    sysreg_write(tcr_el1, 25ull | 1ull << 32 | 1ull << 23); /* T0SZ 25, IPS 36 bits, EPD1 */
    isb();
    sysreg_write(sctlr_el1, sysreg_read(sctlr_el1) | 1);
    isb();
}

/* Vectors that are nowhere: the exception faults again and again. */
static void vectors_outside(void)
{
    sysreg_write(vbar_el1, outside & ~0x7ffull);
    isb();
    __asm__ volatile("udf #0");
}

static void undefined(void)
{
    __asm__ volatile("udf #1");
}

static void breakpoint(void)
{
    __asm__ volatile("brk #1");
}

static void halt(void)
{
    __asm__ volatile("hlt #0");
}

static void semihosting(void)
{
    /* SYS_EXIT: with a debugger's semihosting it would end the whole emulator */
    __asm__ volatile("mov w0, #0x18\n\tmov x1, #0\n\thlt #0xf000" ::: "x0", "x1");
}

/* An illegal exception return: it stays at EL1, and the next instruction faults (PSTATE.IL). */
static void exception_return_el2(void)
{
    sysreg_write(spsr_el1, 0x3c9); /* EL2h */
    __asm__ volatile("adr x2, 1f\n\tmsr elr_el1, x2\n\teret\n1:\tnop" ::: "x2", "memory");
}

#define READ_REGISTER(function, name)     \
    static void function(void)            \
    {                                     \
        (void)sysreg_read_expanded(name); \
    }
#define WRITE_REGISTER(function, name, value) \
    static void function(void)                \
    {                                         \
        sysreg_write_expanded(name, value);   \
        isb();                                \
    }

READ_REGISTER(read_hcr_el2, hcr_el2)
READ_REGISTER(read_vbar_el2, vbar_el2)
READ_REGISTER(read_sctlr_el3, S3_6_C1_C0_0)
READ_REGISTER(read_ich_vtr_el2, S3_4_C12_C11_1)
WRITE_REGISTER(write_vttbr_el2, vttbr_el2, 0)
READ_REGISTER(read_pmu, pmcr_el0)
WRITE_REGISTER(write_pmu, pmcr_el0, 1)
READ_REGISTER(read_zcr_el1, S3_0_C1_C2_0)
READ_REGISTER(read_dbgbvr0, S2_0_C0_C0_4)
WRITE_REGISTER(write_dbgbcr0, S2_0_C0_C0_5, 0x1e5)
WRITE_REGISTER(write_mdscr, mdscr_el1, 0xa000)
WRITE_REGISTER(write_oslar, S2_0_C1_C0_4, 1)
READ_REGISTER(read_actlr, actlr_el1)
WRITE_REGISTER(write_actlr, actlr_el1, ~0ull)
READ_REGISTER(read_impdef, S3_1_C11_C0_2)
WRITE_REGISTER(write_impdef, S3_1_C15_C2_1, ~0ull)
READ_REGISTER(read_impdef_unknown, S3_7_C15_C15_7)
READ_REGISTER(read_unallocated, S3_0_C0_C7_7)
WRITE_REGISTER(write_id_register, S3_0_C0_C4_0, 0)
WRITE_REGISTER(write_icc_sre, S3_0_C12_C12_5, 0)
WRITE_REGISTER(write_icc_sgi0r, S3_0_C12_C11_7, 1)
WRITE_REGISTER(write_icc_asgi1r, S3_0_C12_C11_6, 1)
WRITE_REGISTER(write_icc_sgi1r_all_ones, ICC_SGI1R_EL1, ~0ull)
READ_REGISTER(read_icc_iar0, S3_0_C12_C8_0)
WRITE_REGISTER(write_icc_eoir_unknown, ICC_EOIR1_EL1, 0xffffff)
WRITE_REGISTER(write_icc_dir_unknown, ICC_DIR_EL1, 0xffffff)
READ_REGISTER(read_cntpct, cntpct_el0)
WRITE_REGISTER(write_cntp_ctl, cntp_ctl_el0, 0)
READ_REGISTER(read_cnthctl_el2, cnthctl_el2)
WRITE_REGISTER(write_cntvoff_el2, cntvoff_el2, 0)

static void set_way(void)
{
    __asm__ volatile("dc cisw, %0" ::"r"(0ull) : "memory");
    __asm__ volatile("dc isw, %0" ::"r"(0ull) : "memory");
}

static void tlb_invalidate_el2(void)
{
    __asm__ volatile("tlbi alle2");
}

static void tlb_invalidate_all(void)
{
    __asm__ volatile("tlbi vmalle1is\n\tdsb ish\n\tic ialluis\n\tisb");
}

static void smc_unknown(void)
{
    (void)smccc_call(CONDUIT_SMC, 0x8200ffff, 1, 2, 3);
}

static void hvc_unknown(void)
{
    (void)smccc_call(CONDUIT_HVC, 0x8600ffff, 1, 2, 3);
}

static void smc_immediate(void)
{
    __asm__ volatile("mov x0, #0x84000000\n\tsmc #0x1234" ::: "x0", "x1", "x2", "x3", "memory");
}

static void hvc_immediate(void)
{
    __asm__ volatile("mov x0, #0x84000000\n\thvc #0xffff" ::: "x0", "x1", "x2", "x3", "memory");
}

static void psci_malformed(void)
{
    static const uint32_t functions[] = { PSCI_CPU_ON, PSCI_AFFINITY_INFO, PSCI_CPU_ON_32,
                                          PSCI_FEATURES };
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        (void)psci_call(functions[i], ~0ull, ~0ull, ~0ull);
        (void)psci_call(functions[i], 0x8000000000000001, 3, 1);
        (void)psci_call(functions[i], 0xdeadbeefdeadbeef, 0xdeadbeefdeadbeef, 0xdeadbeefdeadbeef);
    }
}

static void gic_reserved(void)
{
    for (uintptr_t offset = 0; offset < 0x10000; offset += 4) {
        if (offset != GICD_CTLR) {
            access_write(GICD_BASE + offset, 4, 0xffffffff);
            (void)access_read(GICD_BASE + offset, 4);
        }
    }
}

static void gic_all_sizes(void)
{
    for (uintptr_t offset = 0; offset < 0x10000; offset += 8) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            access_write(GICD_BASE + offset, size, 0x8080808080808080);
            (void)access_read(GICD_BASE + offset, size);
            access_write(GICR_BASE + offset, size, 0x8080808080808080);
            access_write(GICR_BASE + GICR_SGI + offset, size, 0x8080808080808080);
            (void)access_read(GICR_BASE + GICR_SGI + offset, size);
        }
    }
}

static void gic_last_byte(void)
{
    (void)access_read(GICD_BASE + 0xffff, 1);
    (void)access_read(GICR_BASE + GICR_STRIDE - 1, 1);
}

static void gic_beyond(void)
{
    (void)access_read(GICR_BASE + 64 * (uintptr_t)GICR_STRIDE, 4); /* no VM has so many CPUs */
}

static void uart_all_sizes(void)
{
    for (uintptr_t offset = 0x50; offset < 0x1000; offset += 8) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            access_write(UART_BASE + offset, size, ~0ull);
            (void)access_read(UART_BASE + offset, size);
        }
    }
}

static void uart_beyond(void)
{
    (void)access_read(UART_BASE + 0x20000, 1);
}

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
    { "jump-to-gic", jump_to_gic },
    { "jump-unaligned", jump_unaligned },
    { "pair-outside", pair_outside },
    { "stack-outside", stack_outside },
    { "mmio-writeback", mmio_writeback },
    { "mmio-load-pair", mmio_load_pair },
    { "mmio-store-pair", mmio_store_pair },
    { "mmio-exclusive", mmio_exclusive },
    { "mmio-simd", mmio_simd },
    { "mmio-unaligned", mmio_unaligned },
    { "mmio-cache-zero", mmio_cache_zero },
    { "cache-outside", cache_outside },
    { "prefetch-outside", prefetch_outside },
    { "translate-outside", translate_outside },
    { "write-rom", write_rom },
    { "execute-nx", execute_nx },
    { "walk-outside", walk_outside },
    { "vectors-outside", vectors_outside },
    { "undefined", undefined },
    { "breakpoint", breakpoint },
    { "halt", halt },
    { "semihosting", semihosting },
    { "exception-return-el2", exception_return_el2 },
    { "read-hcr-el2", read_hcr_el2 },
    { "read-vbar-el2", read_vbar_el2 },
    { "read-sctlr-el3", read_sctlr_el3 },
    { "read-ich-vtr-el2", read_ich_vtr_el2 },
    { "write-vttbr-el2", write_vttbr_el2 },
    { "read-pmu", read_pmu },
    { "write-pmu", write_pmu },
    { "read-zcr-el1", read_zcr_el1 },
    { "read-dbgbvr0", read_dbgbvr0 },
    { "write-dbgbcr0", write_dbgbcr0 },
    { "write-mdscr", write_mdscr },
    { "write-oslar", write_oslar },
    { "read-actlr", read_actlr },
    { "write-actlr", write_actlr },
    { "read-impdef", read_impdef },
    { "write-impdef", write_impdef },
    { "read-impdef-unknown", read_impdef_unknown },
    { "read-unallocated", read_unallocated },
    { "write-id-register", write_id_register },
    { "write-icc-sre", write_icc_sre },
    { "write-icc-sgi0r", write_icc_sgi0r },
    { "write-icc-asgi1r", write_icc_asgi1r },
    { "write-icc-sgi1r-all-ones", write_icc_sgi1r_all_ones },
    { "read-icc-iar0", read_icc_iar0 },
    { "write-icc-eoir-unknown", write_icc_eoir_unknown },
    { "write-icc-dir-unknown", write_icc_dir_unknown },
    { "read-cntpct", read_cntpct },
    { "write-cntp-ctl", write_cntp_ctl },
    { "read-cnthctl-el2", read_cnthctl_el2 },
    { "write-cntvoff-el2", write_cntvoff_el2 },
    { "set-way", set_way },
    { "tlb-invalidate-el2", tlb_invalidate_el2 },
    { "tlb-invalidate-all", tlb_invalidate_all },
    { "smc-unknown", smc_unknown },
    { "hvc-unknown", hvc_unknown },
    { "smc-immediate", smc_immediate },
    { "hvc-immediate", hvc_immediate },
    { "psci-malformed", psci_malformed },
    { "gic-reserved", gic_reserved },
    { "gic-all-sizes", gic_all_sizes },
    { "gic-last-byte", gic_last_byte },
    { "gic-beyond", gic_beyond },
    { "uart-all-sizes", uart_all_sizes },
    { "uart-beyond", uart_beyond },
};

/* Busy for ever with all interrupts masked: only the hypervisor can stop it. */
static void spin_masked(void)
{
    __asm__ volatile("msr daifset, #15\n1:\tb 1b");
}

/* Waits for ever for an interrupt that does not come. */
static void wait_masked(void)
{
    __asm__ volatile("msr daifset, #15\n1:\twfi\n\tb 1b");
}

static void commit(const char *name, void (*function)(void))
{
    print("fault %s: begin\n", name);
    fault_expect();
    function();
    struct fault fault = fault_result();
    if (fault.taken) {
        print("fault %s: exception ESR 0x%lx\n", name, fault.syndrome);
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
    outside = cmdline_number("outside", 0x60000000);
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
    bool list = cmdline_is("fault", "list");
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        if (list) {
            print("%s\n", faults[i].name);
        } else if (cmdline_is("fault", faults[i].name)) {
            commit(faults[i].name, faults[i].commit);
            report(true, "fault %s did not end the VM", faults[i].name);
        }
    }
}
