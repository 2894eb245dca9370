/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.1 and SMCCC 1.1 as a VM sees them, by both conduits (DEN 0022F.b, DEN 0028). Needs two
 * CPUs. Words of the command line:
 *
 *     resets=N  resets itself N times, by HVC and SMC in turn, and checks after each that RAM, CPUs
 *               and interrupt controller are as at the first boot; needs the scratch register
 *               (guest.h)
 *
 * On plain QEMU, SMC and the checks that only a hypervisor makes are skipped.
 */
#include "aarch64.h"

#define SCRATCH_MAGIC  0x50530000u
#define DIRTY_SIZE     0x100000u /* RAM behind the image that the reset test fills */
#define ON_AGAIN_COUNT 50u

extern uint32_t guest_image_end[];
extern char secondary_start[];

static volatile uint64_t second_count; /* starts of CPU 1; written by CPU 1 */
static volatile uint64_t second_argument;
static volatile uint64_t second_mpidr;
static volatile uint64_t second_release; /* written by CPU 0 */

static volatile uint32_t marker_data = 0x600dda7a;
static volatile uint32_t marker_bss[16];
static const volatile uint32_t marker_rodata = 0x600d4040;

static void second_main(uint64_t argument)
{
    second_argument = argument;
    second_mpidr = sysreg_read(mpidr_el1);
    dsb();
    second_count++;
    dsb();
    while (second_release < second_count) {
        cpu_relax();
    }
}

static const char *conduit_name(enum conduit conduit)
{
    return conduit == CONDUIT_HVC ? "HVC" : "SMC";
}

static void test_versions(enum conduit conduit)
{
    const char *name = conduit_name(conduit);
    static const struct {
        uint32_t function;
        const char *name;
    } mandatory[] = {
        { PSCI_CPU_SUSPEND, "CPU_SUSPEND" },
        { PSCI_CPU_SUSPEND_32, "CPU_SUSPEND (32 bits)" },
        { PSCI_CPU_OFF, "CPU_OFF" },
        { PSCI_CPU_ON, "CPU_ON" },
        { PSCI_CPU_ON_32, "CPU_ON (32 bits)" },
        { PSCI_AFFINITY_INFO, "AFFINITY_INFO" },
        { PSCI_AFFINITY_INFO_32, "AFFINITY_INFO (32 bits)" },
        { PSCI_SYSTEM_OFF, "SYSTEM_OFF" },
        { PSCI_SYSTEM_RESET, "SYSTEM_RESET" },
        { PSCI_FEATURES, "PSCI_FEATURES" },
        { PSCI_VERSION, "PSCI_VERSION" },
    };
    report_equal((uint64_t)smccc_call(conduit, PSCI_VERSION, 0, 0, 0), 0x10001,
                 "%s: PSCI_VERSION is 1.1", name);
    for (unsigned i = 0; i < ARRAY_SIZE(mandatory); i++) {
        report_equal((uint64_t)smccc_call(conduit, PSCI_FEATURES, mandatory[i].function, 0, 0), 0,
                     "%s: PSCI_FEATURES of %s", name, mandatory[i].name);
    }
    report_equal((uint64_t)smccc_call(conduit, PSCI_FEATURES, 0x8400ff00, 0, 0),
                 (uint64_t)PSCI_NOT_SUPPORTED, "%s: PSCI_FEATURES of an unknown function", name);
    int64_t migrate = smccc_call(conduit, PSCI_MIGRATE_INFO_TYPE, 0, 0, 0);
    report(migrate == 2 || migrate == PSCI_NOT_SUPPORTED, "%s: MIGRATE_INFO_TYPE is %ld", name,
           migrate);
    if (!on_hypervisor()) {
        report_skip("%s: SMCCC calls: not on plain QEMU", name);
        return;
    }
    report_equal((uint64_t)smccc_call(conduit, PSCI_FEATURES, SMCCC_VERSION, 0, 0), 0,
                 "%s: PSCI_FEATURES of SMCCC_VERSION", name);
    report_equal((uint64_t)smccc_call(conduit, SMCCC_VERSION, 0, 0, 0), 0x10001,
                 "%s: SMCCC_VERSION is 1.1", name);
    report_equal((uint64_t)smccc_call(conduit, SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0), 0,
                 "%s: SMCCC_ARCH_FEATURES of SMCCC_VERSION", name);
    report_equal((uint64_t)smccc_call(conduit, SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0), 0,
                 "%s: SMCCC_ARCH_FEATURES of itself", name);
    report_equal((uint64_t)smccc_call(conduit, SMCCC_ARCH_FEATURES, 0x8000ff00, 0, 0),
                 (uint64_t)PSCI_NOT_SUPPORTED, "%s: SMCCC_ARCH_FEATURES of an unknown function",
                 name);
}

/* SMCCC 1.1, 2.6: x4 to x30 are preserved, by unknown functions too. */
static void test_unknown(enum conduit conduit)
{
    static const uint64_t functions[] = {
        0x8400ff00,             /* PSCI's range, no such function */
        0xc400ff00, 0x84000005, /* MIGRATE */
        0x84000012,             /* PSCI 1.1 SYSTEM_RESET2: optional */
        0x86000000,             /* vendor hypervisor services */
        0xc3000000,             /* OEM services */
        0x32000000,             /* yielding call to a trusted OS */
        0x00000000, 0xffffffff, 0xdeadbeef84000000,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        uint64_t registers[31];
        for (unsigned x = 0; x < 31; x++) {
            registers[x] = 0x5a5a000000000000 | x << 8 | i;
        }
        registers[0] = functions[i];
        smccc_call_all(conduit, registers);
        unsigned changed = 0;
        for (unsigned x = 4; x < 30; x++) { /* x30 is the return address of load_all, in start.S */
            if (registers[x] != (0x5a5a000000000000 | x << 8 | i)) {
                changed++;
            }
        }
        report_equal(changed, 0, "%s: function 0x%lx keeps x4 to x29", conduit_name(conduit),
                     functions[i]);
        /* A 64-bit value whose low half is a function: only W0 counts (SMCCC 1.1, 2.5). */
        if (functions[i] >> 32 == 0) {
            report((int64_t)registers[0] == PSCI_NOT_SUPPORTED ||
                       (int32_t)registers[0] == PSCI_NOT_SUPPORTED,
                   "%s: function 0x%lx is not supported", conduit_name(conduit), functions[i]);
        }
    }
}

static void test_cpu_on_errors(enum conduit conduit)
{
    const char *name = conduit_name(conduit);
    static const uint64_t nobody[] = { 0x77, 0x100, 0x10000, 0x100000000, 0xff00ffffff };
    uint64_t entry = (uintptr_t)secondary_start;
    report_equal((uint64_t)smccc_call(conduit, PSCI_CPU_ON, cpu_mpidr(0), entry, 0),
                 (uint64_t)PSCI_ALREADY_ON, "%s: CPU_ON of itself", name);
    for (unsigned i = 0; i < ARRAY_SIZE(nobody); i++) {
        report_equal((uint64_t)smccc_call(conduit, PSCI_CPU_ON, nobody[i], entry, 0),
                     (uint64_t)PSCI_INVALID_PARAMETERS, "%s: CPU_ON of MPIDR 0x%lx", name,
                     nobody[i]);
        report_equal((uint64_t)smccc_call(conduit, PSCI_AFFINITY_INFO, nobody[i], 0, 0),
                     (uint64_t)PSCI_INVALID_PARAMETERS, "%s: AFFINITY_INFO of MPIDR 0x%lx", name,
                     nobody[i]);
    }
    if (!on_hypervisor()) {
        report_skip("%s: CPU_ON outside RAM: plain QEMU starts the CPU there", name);
        return;
    }
    static const uint64_t nowhere[] = { 0, UART_BASE, 0x1000000000, 0xffffffffffff0000 };
    for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
        report_equal((uint64_t)smccc_call(conduit, PSCI_CPU_ON, cpu_mpidr(1), nowhere[i], 0),
                     (uint64_t)PSCI_INVALID_ADDRESS, "%s: CPU_ON with entry 0x%lx", name,
                     nowhere[i]);
    }
    report_equal((uint64_t)smccc_call(conduit, PSCI_AFFINITY_INFO, cpu_mpidr(1), 0, 0), 1,
                 "%s: CPU 1 is still off", name);
}

static void test_second_cpu(void)
{
    report_equal((uint64_t)psci_call(PSCI_AFFINITY_INFO, cpu_mpidr(0), 0, 0), 0, "CPU 0 is on");
    report_equal((uint64_t)psci_call(PSCI_AFFINITY_INFO, cpu_mpidr(1), 0, 0), 1, "CPU 1 is off");
    report_equal((uint64_t)cpu_start(1, second_main, 0x1234567890abcdef), 0, "CPU_ON of CPU 1");
    if (!report(wait_for(&second_count, 1, 2000000), "CPU 1 runs")) {
        return;
    }
    report_equal(second_argument, 0x1234567890abcdef, "CPU 1 got its argument");
    report_equal(second_mpidr & 0xff00ffffff, cpu_mpidr(1), "MPIDR of CPU 1");
    report_equal((uint64_t)psci_call(PSCI_AFFINITY_INFO, cpu_mpidr(1), 0, 0), 0, "CPU 1 is on");
    report_equal((uint64_t)cpu_start(1, second_main, 0), (uint64_t)PSCI_ALREADY_ON,
                 "CPU_ON of a running CPU");
    second_release = 1;
    report(cpu_wait_off(1, 2000000), "CPU 1 is off again");

    unsigned bad = 0;
    for (unsigned i = 2; i <= ON_AGAIN_COUNT && bad == 0; i++) {
        second_release = i;
        bool ok = cpu_start(1, second_main, i) == 0 && wait_for(&second_count, i, 2000000) &&
                  second_argument == i && cpu_wait_off(1, 2000000);
        bad += ok ? 0 : 1;
    }
    report(bad == 0, "CPU 1 on and off %u times", ON_AGAIN_COUNT);
    int64_t result = psci_call(PSCI_CPU_ON_32, cpu_mpidr(1), (uintptr_t)secondary_start, 1);
    second_release = ON_AGAIN_COUNT + 1;
    report(result == 0 && wait_for(&second_count, ON_AGAIN_COUNT + 1, 2000000) &&
               cpu_wait_off(1, 2000000),
           "CPU_ON with the 32-bit function");
}

static void test_suspend(enum conduit conduit)
{
    const char *name = conduit_name(conduit);
    gic_init();
    gic_cpu_init();
    gic_enable(TIMER_INTID);
    unsigned early = 0;
    unsigned failed = 0;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t start = time_us();
        timer_arm_us(2000);
        int64_t result = smccc_call(conduit, PSCI_CPU_SUSPEND, 0, (uintptr_t)secondary_start, 0);
        uint64_t took = time_us() - start;
        timer_stop();
        unsigned intid =
            gic_acknowledge(); /* the line is low again: often nothing is pending any more */
        if (intid != INTID_SPURIOUS) {
            gic_end(intid);
        }
        failed += result != 0;
        early += took < 1900;
    }
    report_equal(failed, 0, "%s: CPU_SUSPEND standby returns success", name);
    report_equal(early, 0, "%s: CPU_SUSPEND standby sleeps until the timer", name);
    report_equal((uint64_t)smccc_call(conduit, PSCI_CPU_SUSPEND, 0x80000000, 0, 0),
                 (uint64_t)PSCI_INVALID_PARAMETERS, "%s: CPU_SUSPEND with a reserved state", name);
    gic_disable(TIMER_INTID);
}

static bool is_zero(const volatile uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (words[i] != 0) {
            return false;
        }
    }
    return true;
}

/* What a VM finds at its first instruction, at each boot. */
static void test_pristine(void)
{
    report_equal(entry_daif & 0x3c0, 0x3c0, "interrupts are masked at entry");
    report_equal(sysreg_read(CurrentEL), 4, "entry at EL1");
    report_equal(sysreg_read(sctlr_el1) & 0x1005, 0, "MMU and caches are off at entry");
    report_equal(sysreg_read(cntv_ctl_el0) & CNTV_CTL_ENABLE, 0,
                 "the virtual timer is off at entry");
    report_equal(marker_data, 0x600dda7a, ".data is as linked");
    report_equal(marker_rodata, 0x600d4040, ".rodata is as linked");
    report(is_zero(marker_bss, ARRAY_SIZE(marker_bss)) && second_count == 0, ".bss is zero");
    report(is_zero(guest_image_end, DIRTY_SIZE / 4), "RAM behind the image is zero");
    report_equal(mmio_read(GICD_BASE + GICD_ISENABLER + 4), 0, "no SPI is enabled");
    report_equal(mmio_read(gic_frame(0) + GICD_ISPENDR), 0, "no SGI or PPI is pending");
    report_equal(mmio_read(gic_frame(0) + GICD_ISACTIVER), 0, "no SGI or PPI is active");
    report_equal((uint64_t)psci_call(PSCI_AFFINITY_INFO, cpu_mpidr(1), 0, 0), 1,
                 "CPU 1 is off at entry");
}

/* Leaves everything changed that a reset must put right: RAM, a running CPU, enabled and pending
 * interrupts, the timer. */
static void make_dirty(void)
{
    gic_init();
    gic_cpu_init();
    for (unsigned intid = 0; intid < 16; intid++) {
        gic_enable(intid);
        gic_send(intid, 1);
    }
    gic_end(gic_acknowledge() &
            0); /* one SGI stays active: acknowledged, and only SGI 0 is ended */
    gic_enable(UART_INTID);
    timer_arm_us(0);
    second_release = 0;
    cpu_start(1, second_main, 0);
    wait_for(&second_count, second_count + 1, 2000000);
    marker_data = 1;
    *(volatile uint32_t *)(uintptr_t)&marker_rodata = 2;
    memset((void *)(uintptr_t)marker_bss, 0xff, sizeof(marker_bss));
    for (unsigned i = 0; i < DIRTY_SIZE / 4; i++) {
        ((volatile uint32_t *)guest_image_end)[i] = 0xdeadbeef;
    }
    if (entry_dtb != 0) {
        *(volatile uint32_t *)entry_dtb = 0;
    }
}

static void reset(enum conduit conduit)
{
    smccc_call(conduit, PSCI_SYSTEM_RESET, 0, 0, 0);
    report(false, "SYSTEM_RESET by %s came back", conduit_name(conduit));
}

void guest_main(void)
{
    report_begin("psci");
    uint64_t resets = cmdline_number("resets", 0);
    uint32_t boot = 0;
    if (resets > 0) {
        uint32_t scratch = scratch_load();
        boot = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
        print("boot %u\n", boot);
    }
    if (on_hypervisor()) {
        test_pristine();
    }
    fault_expect();
    smccc_call(CONDUIT_SMC, PSCI_VERSION, 0, 0, 0);
    bool smc_works = !fault_result().taken;
    if (boot == 0) {
        for (enum conduit conduit = CONDUIT_HVC; conduit <= CONDUIT_SMC; conduit++) {
            if (conduit == CONDUIT_SMC && !smc_works) {
                report_skip("SMC is undefined on this machine");
                continue;
            }
            test_versions(conduit);
            test_unknown(conduit);
            test_cpu_on_errors(conduit);
            test_suspend(conduit);
        }
        test_second_cpu();
    }
    if (boot < resets) {
        print("resetting\n");
        scratch_store(SCRATCH_MAGIC | (boot + 1));
        make_dirty();
        reset(smc_works && (boot & 1) != 0 ? CONDUIT_SMC : CONDUIT_HVC);
    }
    if (resets > 0) {
        scratch_store(0);
    }
}
