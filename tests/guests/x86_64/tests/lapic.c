/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of a VM, in x2APIC and in xAPIC mode: registers and what is refused, priorities,
 * interrupts between CPUs, NMIs; and every form of instruction that accesses its page. Words of the
 * command line:
 *     rounds=N   interrupts to the other CPU and back (default 1000)
 *     direct=1   this VM may own the local APICs of its CPUs
 *
 * QEMU's own local APIC is more lenient: what must be refused is only tried where it is emulated by
 * the hypervisor.
 */
#include "x86_64.h"

#define WAIT_US 2000000u
#define LOG_MAX 16u

#define VECTOR_A 0x31u /* of rising priority classes */
#define VECTOR_B 0x52u
#define VECTOR_C 0x93u
#define VECTOR_D 0x54u /* of B's class */

#define ESR_SEND_ILLEGAL (1u << 5)

static volatile uint64_t count[GUEST_CPU_MAX][256]; /* by CPU, which alone writes it */
static volatile uint64_t nmi_count[GUEST_CPU_MAX];
static uint8_t log[LOG_MAX]; /* vectors in the order in which CPU 0 took them */
static volatile uint64_t log_count;

static volatile unsigned nest_at;   /* this vector's handler lets in others, */
static volatile unsigned nest_send; /* after it sent this one */

static bool is_xapic;    /* the mode */
static bool is_emulated; /* by the hypervisor, in that mode */

static bool is_empty(unsigned set)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < 8; i++) {
        any |= lapic_read(set + 16 * i);
    }
    return any == 0;
}

static void on_interrupt(unsigned vector)
{
    unsigned cpu = cpu_index();
    if (vector == VECTOR_NMI) {
        nmi_count[cpu]++;
        return;
    }
    count[cpu][vector]++;
    if (cpu == 0 && log_count < LOG_MAX) {
        log[log_count++] = (uint8_t)vector;
    }
    if (vector == nest_at) {
        nest_at = 0;
        lapic_send(0, nest_send);
        interrupts_take();
        if (log_count < LOG_MAX) {
            log[log_count++] = (uint8_t)vector; /* again: its end */
        }
    }
    lapic_end();
}

static bool log_is(const uint8_t *expected, unsigned length)
{
    bool same = log_count == length;
    for (unsigned i = 0; same && i < length; i++) {
        same = log[i] == expected[i];
    }
    log_count = 0;
    return same;
}

#define LOG_IS(...) log_is((const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

/* ---- x2APIC registers ---- */

static bool read_faults(uint32_t msr)
{
    fault_expect();
    __asm__ volatile("rdmsr\n\t" FAULT_LANDING ::"c"(msr) : "eax", "edx", "memory");
    struct fault fault = fault_result();
    return fault.taken && fault.syndrome == VECTOR_PROTECTION;
}

static bool write_faults(uint32_t msr, uint64_t value)
{
    fault_expect();
    __asm__ volatile("wrmsr\n\t" FAULT_LANDING ::"c"(msr), "a"((uint32_t)value),
                     "d"((uint32_t)(value >> 32))
                     : "memory");
    struct fault fault = fault_result();
    return fault.taken && fault.syndrome == VECTOR_PROTECTION;
}

static void test_identity(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE);
    report_equal(base & ~(APIC_BASE_ENABLE | APIC_BASE_EXTD), LAPIC_BASE | APIC_BASE_BSC,
                 "the page is at 0xfee00000, this is the first CPU");
    report((cpuid(1, 0).ecx & 1u << 21) != 0, "CPUID tells of x2APIC");
    report_equal(lapic_read(LAPIC_ID), 0, "the id is 0");
    report_equal(cpuid(1, 0).ebx >> 24, 0, "so says CPUID function 1");
    report_equal(cpuid(0xb, 0).edx, 0, "and 0xb");
    report_equal(lapic_read(LAPIC_LDR), 1, "the logical id is bit 0 of cluster 0");
    uint64_t version = lapic_read(LAPIC_VERSION);
    report((version & 0xff) >= 0x10 && (version >> 16 & 0xff) >= 4, "version 0x%lx", version);
}

static void test_refused(void)
{
    static const uint16_t no_read[] = { LAPIC_EOI, LAPIC_SELF_IPI, 0x2f0u + 0x10u * 0x10u,
                                        0x000,     LAPIC_DFR,      LAPIC_ICR_HIGH };
    static const uint16_t no_write[] = { LAPIC_ID,  LAPIC_VERSION, LAPIC_PPR,
                                         LAPIC_LDR, LAPIC_ISR,     LAPIC_TMR,
                                         LAPIC_IRR, LAPIC_CURRENT, LAPIC_DFR };
    static const struct {
        uint16_t offset;
        uint64_t value;
    } reserved[] = {
        { LAPIC_TPR, 0x100 },          { LAPIC_TPR, 1ull << 32 }, { LAPIC_EOI, 1 },
        { LAPIC_SVR, 1u << 31 },       { LAPIC_ESR, 1 },          { LAPIC_LVT_TIMER, 1u << 31 },
        { LAPIC_INITIAL, 1ull << 32 }, { LAPIC_DIVIDE, 0x100 },   { LAPIC_SELF_IPI, 0x100 },
        { LAPIC_ICR, 1u << 31 }
    };
    report(write_faults(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSC | APIC_BASE_ENABLE),
           "#GP: from x2APIC straight to xAPIC mode");
    if (!is_emulated) {
        report_skip("other mistakes: not on QEMU's local APIC");
        return;
    }
    unsigned taken = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(no_read); i++) {
        taken += read_faults(MSR_X2APIC + no_read[i] / 16);
    }
    report_equal(taken, ARRAY_SIZE(no_read), "#GP: reads of what cannot be read");
    taken = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(no_write); i++) {
        taken += write_faults(MSR_X2APIC + no_write[i] / 16, 0);
    }
    report_equal(taken, ARRAY_SIZE(no_write), "#GP: writes of what cannot be written");
    taken = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
        taken += write_faults(MSR_X2APIC + reserved[i].offset / 16, reserved[i].value);
    }
    report_equal(taken, ARRAY_SIZE(reserved), "#GP: reserved bits");
    report(read_faults(MSR_X2APIC + 0x40) && write_faults(MSR_X2APIC + 0xff, 0),
           "#GP: above the last register");
    report(write_faults(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSC | APIC_BASE_EXTD),
           "#GP: x2APIC mode without the APIC");
    report(
        write_faults(MSR_APIC_BASE, 0x80000000 | APIC_BASE_BSC | APIC_BASE_ENABLE | APIC_BASE_EXTD),
        "#GP: another page");
}

/* Of what the timer raises a guest may choose the vector. In SMM the hypervisor's NMI is masked. */
static void test_timer_modes(void)
{
    if (!on_hypervisor()) {
        report_skip("modes of the timer: QEMU takes all");
        return;
    }
    unsigned taken = 0;
    for (uint64_t mode = 1; mode < 8; mode++) {
        taken += write_faults(MSR_X2APIC + LAPIC_LVT_TIMER / 16, LVT_MASKED | mode << 8 | VECTOR_A);
    }
    report_equal(taken, 7, "#GP: the timer as an SMI, an NMI and what else there is");
}

static void test_registers(void)
{
    static const uint16_t lvts[] = { LAPIC_LVT_TIMER, LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
                                     LAPIC_LVT_ERROR };
    unsigned wrong = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(lvts); i++) {
        lapic_write(lvts[i], LVT_MASKED | 0x55);
        wrong += lapic_read(lvts[i]) != (LVT_MASKED | 0x55);
    }
    report_equal(wrong, 0, "entries of the vector table read back");
    lapic_write(LAPIC_SVR, SVR_ENABLE | 0xef);
    report_equal(lapic_read(LAPIC_SVR), SVR_ENABLE | 0xef, "SVR reads back");
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    report(is_empty(LAPIC_ISR) && is_empty(LAPIC_IRR), "nothing is requested or in service");
    lapic_write(LAPIC_EOI, 0);
    report(is_empty(LAPIC_ISR), "an end of nothing is ignored");
}

/* ---- priorities ---- */

static void test_tpr(void)
{
    lapic_write(LAPIC_TPR, 0x5a);
    report_equal(lapic_read(LAPIC_TPR), 0x5a, "TPR reads back");
    report_equal(lapic_read(LAPIC_PPR), 0x5a, "PPR follows it");
    report_equal(register_read(cr8), 5, "CR8 is its upper half");
    register_write(cr8, 0xc);
    report_equal(lapic_read(LAPIC_TPR), 0xc0, "and writes it");
    report_equal(lapic_read(LAPIC_PPR), 0xc0, "and PPR");
    register_write(cr8, 0);
    report_equal(lapic_read(LAPIC_TPR), 0, "back to 0");
}

static void test_priorities(void)
{
    log_count = 0;
    lapic_send(0, VECTOR_A);
    lapic_send(0, VECTOR_C);
    lapic_send(0, VECTOR_B);
    report(lapic_pending(VECTOR_A) && lapic_pending(VECTOR_B) && lapic_pending(VECTOR_C),
           "three are requested while interrupts are masked");
    interrupts_take();
    report(LOG_IS(VECTOR_C, VECTOR_B, VECTOR_A), "and taken, the highest first");
    lapic_send(0, VECTOR_A);
    lapic_send(0, VECTOR_A);
    interrupts_take();
    report(LOG_IS(VECTOR_A), "one that is requested twice is taken once");

    lapic_write(LAPIC_TPR, VECTOR_B & 0xf0);
    lapic_send(0, VECTOR_A);
    lapic_send(0, VECTOR_B);
    lapic_send(0, VECTOR_C);
    interrupts_take();
    report(LOG_IS(VECTOR_C), "TPR holds back its own class and those below");
    register_write(cr8, (VECTOR_B >> 4) - 1);
    interrupts_take();
    report(LOG_IS(VECTOR_B), "less TPR lets in the next");
    interrupts_mask(false);
    register_write(cr8, 0);
    __asm__ volatile("nop; nop");
    interrupts_mask(true);
    report(LOG_IS(VECTOR_A), "CR8 0 with interrupts enabled lets in the last at once");

    nest_send = VECTOR_C;
    nest_at = VECTOR_B;
    lapic_send(0, VECTOR_B);
    interrupts_take();
    report(LOG_IS(VECTOR_B, VECTOR_C, VECTOR_B), "a higher class interrupts a handler");
    nest_send = VECTOR_D;
    nest_at = VECTOR_B;
    lapic_send(0, VECTOR_B);
    interrupts_take();
    report(LOG_IS(VECTOR_B, VECTOR_B, VECTOR_D), "the same class does not");
    nest_send = VECTOR_B;
    nest_at = VECTOR_B;
    lapic_send(0, VECTOR_B);
    interrupts_take();
    report(LOG_IS(VECTOR_B, VECTOR_B, VECTOR_B), "nor the same vector, which comes afterwards");
    report(is_empty(LAPIC_ISR) && is_empty(LAPIC_IRR), "nothing is left");
    report_equal(lapic_read(LAPIC_PPR), 0, "PPR is 0");
}

static void test_self(void)
{
    log_count = 0;
    lapic_send(0, ICR_SELF | VECTOR_A);
    interrupts_take();
    report(LOG_IS(VECTOR_A), "to itself by shorthand");
    lapic_send(1, ICR_LOGICAL | VECTOR_A);
    interrupts_take();
    report(LOG_IS(VECTOR_A), "by its logical id");
    lapic_send(0xc8, VECTOR_A);
    lapic_send(0x80, ICR_LOGICAL | VECTOR_A);
    interrupts_take();
    report_equal(log_count, 0, "a CPU that is not there gets nothing");
    if (!is_xapic) {
        lapic_write(LAPIC_SELF_IPI, VECTOR_A);
        interrupts_take();
        report(LOG_IS(VECTOR_A), "by the register for that");
    }
}

/* Vectors below 16 are illegal. */
static void test_errors(void)
{
    if (!is_emulated) {
        report_skip("errors: QEMU's local APIC has none");
        return;
    }
    lapic_write(LAPIC_LVT_ERROR, VECTOR_C);
    lapic_write(LAPIC_ESR, 0);
    lapic_send(0, 5);
    lapic_write(LAPIC_ESR, 0);
    report_equal(lapic_read(LAPIC_ESR), ESR_SEND_ILLEGAL, "ESR: vector 5 is illegal");
    interrupts_take();
    report(LOG_IS(VECTOR_C), "and its interrupt comes");
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED | VECTOR_C);
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_ESR, 0);
    report_equal(lapic_read(LAPIC_ESR), 0, "ESR is cleared by writes");
}

/* STI and MOV to SS hold interrupts back for one instruction (APM vol. 2, 8.1.4). */
static void test_shadow(void)
{
    uint64_t before = count[0][VECTOR_A];
    lapic_send(0, VECTOR_A);
    __asm__ volatile("sti; cli; nop" ::: "memory");
    report_equal(count[0][VECTOR_A], before, "STI, CLI: no interrupt in between");
    __asm__ volatile("sti; nop; cli" ::: "memory");
    report_equal(count[0][VECTOR_A], before + 1, "STI, NOP, CLI: one");
    log_count = 0;
}

static void test_disabled(void)
{
    lapic_send(0, VECTOR_A);
    lapic_write(LAPIC_SVR, VECTOR_SPURIOUS);
    report((lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED) != 0, "software-disabled: LVT is masked");
    lapic_write(LAPIC_LVT_TIMER, 0x55);
    if (is_emulated) {
        report((lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED) != 0, "and stays so");
    }
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    interrupts_take();
    log_count = 0;
}

/* ---- two CPUs ---- */

static volatile uint64_t second_ready;
static volatile uint64_t second_stop;

/* Answers each A with one. */
static void second_main(uint64_t unused)
{
    (void)unused;
    uint64_t answered = count[1][VECTOR_A];
    second_ready = 1;
    while (second_stop == 0) {
        interrupts_wait();
        for (; answered < count[1][VECTOR_A]; answered++) {
            lapic_send(0, VECTOR_A);
        }
    }
}

static bool second_start(void)
{
    second_ready = 0;
    second_stop = 0;
    cpu_start(1, second_main, 0);
    return wait_for(&second_ready, 1, WAIT_US);
}

/* Lets interrupts in until CPU @p cpu has taken @p vector @p expected times. */
static bool arrives(unsigned cpu, unsigned vector, uint64_t expected)
{
    interrupts_mask(false);
    bool came = wait_for(&count[cpu][vector], expected, WAIT_US);
    interrupts_mask(true);
    return came;
}

static void test_second(uint64_t rounds)
{
    if (!report(second_start(), "CPU 1 runs")) {
        return;
    }
    uint64_t own = count[0][VECTOR_B];
    uint64_t other = count[1][VECTOR_B];
    lapic_send(1, VECTOR_B);
    report(arrives(1, VECTOR_B, ++other), "to the other by its id");
    lapic_send(0, ICR_OTHERS | VECTOR_B);
    report(arrives(1, VECTOR_B, ++other), "by the shorthand for others");
    lapic_send(2, ICR_LOGICAL | VECTOR_B);
    report(arrives(1, VECTOR_B, ++other), "by its logical id");
    interrupts_take();
    report_equal(count[0][VECTOR_B], own, "none of them came here");
    lapic_send(0, ICR_ALL | VECTOR_B);
    report(arrives(1, VECTOR_B, ++other) && arrives(0, VECTOR_B, ++own), "to all by shorthand");
    lapic_send(is_xapic ? 0xff : ICR_BROADCAST, VECTOR_B);
    report(arrives(1, VECTOR_B, ++other) && arrives(0, VECTOR_B, ++own), "and by broadcast");
    lapic_send(3, ICR_LOGICAL | VECTOR_B);
    report(arrives(1, VECTOR_B, ++other) && arrives(0, VECTOR_B, ++own), "and by logical ids");
    report(count[1][VECTOR_B] == other && count[0][VECTOR_B] == own, "each came once");

    uint64_t nmis = nmi_count[1];
    lapic_send(1, ICR_NMI);
    report(wait_for(&nmi_count[1], nmis + 1, WAIT_US), "an NMI to the other");

    uint64_t start = time_us();
    uint64_t answers = count[0][VECTOR_A];
    uint64_t round = 0;
    while (round < rounds) {
        lapic_send(1, VECTOR_A);
        if (!arrives(0, VECTOR_A, answers + round + 1)) {
            break;
        }
        round++;
    }
    report_equal(round, rounds, "%lu there and back, in %lu us", rounds, time_us() - start);
    second_stop = 1;
    lapic_send(1, VECTOR_B);
    report(cpu_wait_off(1, WAIT_US), "CPU 1 ends");
    log_count = 0;
}

/* An NMI comes although interrupts are masked, also to a CPU that halts so. */
static void test_nmi(void)
{
    uint64_t nmis = nmi_count[0];
    lapic_send(0, ICR_NMI);
    report(wait_for(&nmi_count[0], nmis + 1, WAIT_US), "an NMI to itself");
    nmis = nmi_count[1]; /* it is in cpu_stop() */
    lapic_send(1, ICR_NMI);
    report(wait_for(&nmi_count[1], nmis + 1, WAIT_US), "and to a CPU that halts for good");
}

/* ---- xAPIC mode ---- */

static void test_xapic_registers(void)
{
    report_equal(mmio_read(LAPIC_BASE + LAPIC_ID) >> 24, 0, "xAPIC mode: the id");
    report_equal(mmio_read(LAPIC_BASE + LAPIC_LDR), 1u << 24, "LDR reads back");
    report_equal(mmio_read(LAPIC_BASE + LAPIC_DFR), 0xffffffff, "DFR: flat");
    if (on_hypervisor()) {
        report(read_faults(MSR_X2APIC + LAPIC_ID / 16), "#GP: its MSRs");
    }
    mmio_write(LAPIC_BASE + LAPIC_DFR, 0x0fffffff);
    mmio_write(LAPIC_BASE + LAPIC_LDR, 0x32u << 24);
    log_count = 0;
    lapic_send(0x32, ICR_LOGICAL | VECTOR_A);
    interrupts_take();
    report(LOG_IS(VECTOR_A), "clusters: to bit 1 of cluster 3");
    lapic_send(0x22, ICR_LOGICAL | VECTOR_A);
    lapic_send(0x31, ICR_LOGICAL | VECTOR_A);
    interrupts_take();
    report_equal(log_count, 0, "to none of another's");
    mmio_write(LAPIC_BASE + LAPIC_DFR, 0xffffffff);
    mmio_write(LAPIC_BASE + LAPIC_LDR, 1u << 24);
}

/* One instruction on TPR, which keeps eight bits: what TPR and RAX must be afterwards. RAX is
 * RAX_BEFORE and RCX 0 before, TPR is 0x30, and RDI its address. */
#define RAX_BEFORE 0x1122334455667750ull

#define INSTRUCTION(code, tpr_after, rax_after)                                                   \
    do {                                                                                          \
        uint64_t rax_ = RAX_BEFORE;                                                               \
        mmio_write(LAPIC_BASE + LAPIC_TPR, 0x30);                                                 \
        __asm__ volatile("xor %%ecx, %%ecx\n\t" code                                              \
                         : "+a"(rax_)                                                             \
                         : "D"(LAPIC_BASE + LAPIC_TPR)                                            \
                         : "rcx", "memory", "cc");                                                \
        uint32_t tpr_ = mmio_read(LAPIC_BASE + LAPIC_TPR);                                        \
        report(tpr_ == (tpr_after) && rax_ == (rax_after), code ": 0x%x, rax 0x%lx", tpr_, rax_); \
    } while (0)

static void test_instructions(void)
{
    INSTRUCTION("movl %%eax, (%%rdi)", 0x50, RAX_BEFORE);
    INSTRUCTION("movl $0x70, (%%rdi)", 0x70, RAX_BEFORE);
    INSTRUCTION("movl $0x20, (%%rdi,%%rcx,4)", 0x20, RAX_BEFORE);
    INSTRUCTION("movl (%%rdi), %%eax", 0x30, 0x30);
    INSTRUCTION("movl (%%edi), %%eax", 0x30, 0x30);
    INSTRUCTION("addr32 movl 0xfee00080, %%eax", 0x30, 0x30);
    INSTRUCTION("movabsl 0xfee00080, %%eax", 0x30, 0x30);
    INSTRUCTION("movabsl %%eax, 0xfee00080", 0x50, RAX_BEFORE);
    INSTRUCTION("movslq (%%rdi), %%rax", 0x30, 0x30);
    INSTRUCTION("xchgl %%eax, (%%rdi)", 0x50, 0x30);
    lapic_write(LAPIC_TPR, 0);
}

/* Accesses that no manual defines: nothing may come of them but an answer or an exception. */
static void test_odd_accesses(void)
{
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    for (unsigned offset = 0x400; offset < 0x1000; offset += 0x10) {
        mmio_write(LAPIC_BASE + offset, 0xffffffff);
        (void)mmio_read(LAPIC_BASE + offset);
    }
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_ESR, 0);
    report(true, "registers that are not there");
}

void guest_main(void)
{
    uint64_t rounds = cmdline_number("rounds", 1000);
    report_begin("lapic");
    is_emulated = on_hypervisor() && !cmdline_is("direct", "1");
    if (on_hypervisor()) {
        uint64_t base = msr_read(MSR_APIC_BASE);
        report((base & APIC_BASE_EXTD) != 0 && (base & APIC_BASE_ENABLE) != 0,
               "x2APIC mode is on at entry");
        report_equal(lapic_read(LAPIC_SVR), 0xff, "software-disabled at entry");
    }
    lapic_init();
    irq_set_handler(on_interrupt);
    test_identity();
    test_refused();
    test_timer_modes();
    test_registers();
    test_tpr();
    test_priorities();
    test_self();
    test_errors();
    test_shadow();
    test_disabled();
    test_second(rounds);
    test_nmi();

    is_xapic = true;
    is_emulated = on_hypervisor();
    lapic_use_xapic();
    test_xapic_registers();
    test_registers();
    test_tpr();
    test_priorities();
    test_self();
    test_errors();
    test_instructions();
    test_disabled();
    test_odd_accesses();
    test_second(rounds);
    test_nmi();
}
