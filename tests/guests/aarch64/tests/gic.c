/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt controller a VM sees: GICv3 distributor, redistributors and CPU interfaces (IHI
 * 0069). Needs two CPUs. Interrupts are mostly taken by polling ICC_IAR1_EL1 with IRQs masked,
 * which shows exactly what is signalled; SPIs are pended by software, apart from the UART's. Words
 * of the command line:
 *
 *     rounds=N  length of the SGI storms (default 2000)
 */
#include "aarch64.h"

#define SOFT_SPI_FIRST 40u /* SPIs that no device of the VM drives */
#define SOFT_SPI_COUNT 16u
#define QUIET_US       500u
#define ARRIVE_US      2000000u

#define UART_DR   0x00u
#define UART_IMSC 0x38u
#define UART_ICR  0x44u
#define UART_TX   (1u << 5)

#define CTLR_EOIMODE (1u << 1)

static unsigned soft_spi_count; /* 0 when the VM has no SPIs of its own beside its devices' */

/* What CPU 1 took, by INTID; written by CPU 1. */
static volatile uint64_t second_taken[64];
static volatile uint64_t second_total;
static volatile uint64_t second_ready;
static volatile uint64_t second_stop; /* written by CPU 0 */

static void second_main(uint64_t unused)
{
    (void)unused;
    gic_cpu_init();
    for (unsigned intid = 0; intid < 16; intid++) {
        gic_enable(intid);
    }
    second_ready = 1;
    while (second_stop == 0) {
        unsigned intid = gic_acknowledge();
        if (intid == INTID_SPURIOUS) {
            cpu_relax();
            continue;
        }
        if (intid < ARRAY_SIZE(second_taken)) {
            second_taken[intid]++;
        }
        gic_end(intid);
        second_total++;
    }
}

static void expect_quiet(const char *what)
{
    delay_us(QUIET_US);
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "%s", what);
}

/* Takes what is pending until nothing comes any more. */
static void drain(void)
{
    unsigned intid;
    while ((intid = gic_wait(QUIET_US)) != INTID_SPURIOUS) {
        gic_end(intid);
    }
}

static void enable_all_sgis(bool enable)
{
    for (unsigned intid = 0; intid < 16; intid++) {
        if (enable) {
            gic_enable(intid);
        } else {
            gic_disable(intid);
        }
        gic_priority(intid, 0xa0);
    }
}

static void test_identification(void)
{
    uint32_t typer = mmio_read(GICD_BASE + GICD_TYPER);
    report((typer & 0x1f) >= 1, "GICD_TYPER: %u interrupt lines", 32 * ((typer & 0x1f) + 1));
    report_equal(mmio_read(GICD_BASE + GICD_PIDR2) >> 4 & 0xf, 3, "GICD_PIDR2 says GICv3");
    uint32_t ctlr = mmio_read(GICD_BASE + GICD_CTLR);
    report((ctlr & 0x12) == 0x12, "GICD_CTLR 0x%x: affinity routing and group 1 are on", ctlr);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        uintptr_t frame = GICR_BASE + cpu * (uintptr_t)GICR_STRIDE;
        uint64_t gicr_typer = access_read(frame + GICR_TYPER, 8);
        report_equal(gicr_typer >> 32, cpu_mpidr(cpu), "GICR_TYPER of CPU %u: affinity", cpu);
        report_equal(gicr_typer >> 8 & 0xffff, cpu, "GICR_TYPER of CPU %u: number", cpu);
        report_equal(gicr_typer >> 4 & 1, cpu == 1, "GICR_TYPER of CPU %u: last", cpu);
        report_equal(mmio_read(frame + GICR_TYPER), (uint32_t)gicr_typer,
                     "GICR_TYPER by halves, low");
        report_equal(mmio_read(frame + GICR_TYPER + 4), gicr_typer >> 32,
                     "GICR_TYPER by halves, high");
    }
    report_equal(mmio_read(gic_frame(0) + GICD_ICFGR), 0xaaaaaaaa, "SGIs are edge-triggered");
}

static void test_sgi_self(void)
{
    enable_all_sgis(true);
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "nothing pending: the spurious INTID");
    unsigned wrong = 0;
    for (unsigned intid = 0; intid < 16; intid++) {
        gic_send(intid, 1);
        unsigned got = gic_wait(ARRIVE_US);
        wrong += got != intid;
        if (got != INTID_SPURIOUS) {
            gic_end(got);
        }
    }
    report_equal(wrong, 0, "each of the 16 SGIs to itself");
    expect_quiet("and no more");

    gic_send(5, 1);
    gic_send(5, 1);
    gic_send(5, 1);
    delay_us(QUIET_US);
    unsigned taken = 0;
    while (gic_wait(QUIET_US) == 5) {
        taken++;
        gic_end(5);
    }
    report_equal(taken, 1, "three SGIs before the first is taken are one");

    gic_send(6, 1);
    report_equal(gic_wait(ARRIVE_US), 6, "an SGI is taken");
    report(gic_bit(6, GICD_ISACTIVER), "it is active");
    report(!gic_bit(6, GICD_ISPENDR), "it is not pending");
    gic_send(6, 1);
    report(gic_bit(6, GICD_ISPENDR) && gic_bit(6, GICD_ISACTIVER),
           "sent again it is active and pending");
    expect_quiet("it does not interrupt itself");
    gic_end(6);
    report_equal(gic_wait(ARRIVE_US), 6, "it comes again after its end");
    gic_end(6);
    report(!gic_bit(6, GICD_ISACTIVER), "then it is inactive");
    expect_quiet("and quiet");
}

static void test_sgi_other(void)
{
    report_equal((uint64_t)cpu_start(1, second_main, 0), 0, "start of CPU 1");
    if (!report(wait_for(&second_ready, 1, 2000000), "CPU 1 is ready")) {
        return;
    }
    unsigned missing = 0;
    for (uint64_t round = 1; round <= 10; round++) {
        for (unsigned intid = 0; intid < 16; intid++) {
            gic_send(intid, 2);
            missing += !wait_for(&second_taken[intid], round, ARRIVE_US);
        }
    }
    report_equal(missing, 0, "each of the 16 SGIs to CPU 1, 10 times");
    report_equal(second_total, 160, "no more and no fewer");
    gic_send_others(9);
    report(wait_for(&second_taken[9], 11, ARRIVE_US), "an SGI to all others reaches CPU 1");
    expect_quiet("but not the sender");
    gic_send(10, 3);
    report(wait_for(&second_taken[10], 11, ARRIVE_US), "an SGI to both reaches CPU 1");
    report_equal(gic_wait(ARRIVE_US), 10, "and the sender");
    gic_end(10);
    gic_send(11, 1u << 9);
    expect_quiet("an SGI to a CPU that is not there goes nowhere");
    icc_write(ICC_SGI1R_EL1, 11ull << 24 | 1ull << 16 | 3);
    isb();
    expect_quiet("nor one to another cluster");
    report_equal(second_taken[11], 10, "CPU 1 did not get it either");
}

static void test_enable_and_pending(void)
{
    gic_disable(3);
    report(!gic_bit(3, GICD_ISENABLER) && !gic_bit(3, GICD_ICENABLER),
           "a disabled SGI reads as such");
    gic_send(3, 1);
    expect_quiet("it stays away");
    report(gic_bit(3, GICD_ISPENDR) && gic_bit(3, GICD_ICPENDR), "it reads as pending");
    gic_enable(3);
    report_equal(gic_wait(ARRIVE_US), 3, "enabled it comes");
    gic_end(3);

    gic_set(4, GICD_ISPENDR);
    report_equal(gic_wait(ARRIVE_US), 4, "an SGI by GICR_ISPENDR0");
    gic_end(4);

    icc_write(ICC_PMR_EL1, 0);
    isb();
    gic_send(4, 1);
    gic_send(7, 1);
    delay_us(QUIET_US);
    gic_set(4, GICD_ICPENDR);
    report(!gic_bit(4, GICD_ISPENDR), "ICPENDR clears a pending SGI");
    gic_disable(7);
    icc_write(ICC_PMR_EL1, 0xff);
    isb();
    expect_quiet("neither the cleared nor the disabled one comes");
    gic_enable(7);
    report_equal(gic_wait(ARRIVE_US), 7, "the disabled one was kept");
    gic_end(7);

    gic_set(8, GICD_ISACTIVER);
    report(gic_bit(8, GICD_ISACTIVER), "ISACTIVER sets");
    gic_send(8, 1);
    expect_quiet("an active interrupt is not signalled");
    gic_set(8, GICD_ICACTIVER);
    report(!gic_bit(8, GICD_ISACTIVER), "ICACTIVER clears");
    report_equal(gic_wait(ARRIVE_US), 8, "then it is signalled");
    gic_end(8);

    uint32_t ctlr = mmio_read(GICD_BASE + GICD_CTLR);
    mmio_write(GICD_BASE + GICD_CTLR, ctlr & ~2u);
    gic_send(8, 1);
    expect_quiet("nothing comes while the distributor's group is off");
    mmio_write(GICD_BASE + GICD_CTLR, ctlr);
    report_equal(gic_wait(ARRIVE_US), 8, "it comes when the group is on");
    gic_end(8);

    icc_write(ICC_IGRPEN1_EL1, 0);
    isb();
    gic_send(8, 1);
    expect_quiet("nothing comes while the CPU interface's group is off");
    icc_write(ICC_IGRPEN1_EL1, 1);
    isb();
    report_equal(gic_wait(ARRIVE_US), 8, "it comes when that is on");
    gic_end(8);
}

static void test_group(void)
{
    uintptr_t igroupr = gic_frame(0) + GICD_IGROUPR;
    mmio_write(igroupr, 0xffffffff & ~(1u << 12));
    if (mmio_read(igroupr) == 0xffffffff) {
        report_skip("all interrupts are in group 1 for good");
        return;
    }
    report_equal(mmio_read(igroupr), 0xffffffff & ~(1u << 12), "GICR_IGROUPR0 is writable");
    gic_send(12, 1);
    expect_quiet("an SGI in group 0 is no group 1 interrupt");
    gic_set(12, GICD_ICPENDR);
    mmio_write(igroupr, 0xffffffff);
    gic_set(12, GICD_ICPENDR);
    expect_quiet("it is gone");
}

/* Takes SGIs 0 to 15, pending together; each has a higher priority than the one before. */
static void test_priority_order(void)
{
    icc_write(ICC_PMR_EL1, 0);
    isb();
    for (unsigned intid = 0; intid < 16; intid++) {
        gic_priority(intid, (uint8_t)(0xf0 - 8 * intid));
        gic_send(intid, 1);
    }
    icc_write(ICC_PMR_EL1, 0xff);
    isb();
    unsigned wrong = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned intid = gic_wait(ARRIVE_US);
        wrong += intid != 15 - i;
        if (intid != INTID_SPURIOUS) {
            gic_end(intid);
        }
    }
    report_equal(wrong, 0, "16 pending SGIs come in the order of priority");
    expect_quiet("each once");

    gic_priority(1, 0x80);
    gic_priority(2, 0x78);
    report_equal(access_read(gic_frame(0) + GICD_IPRIORITYR + 2, 1), 0x78, "IPRIORITYR by bytes");
    report_equal(mmio_read(gic_frame(0) + GICD_IPRIORITYR) >> 8 & 0xffff, 0x7880,
                 "IPRIORITYR by words");
    icc_write(ICC_PMR_EL1, 0x80);
    isb();
    gic_send(1, 1);
    expect_quiet("PMR 0x80 holds priority 0x80 back");
    gic_send(2, 1);
    report_equal(gic_wait(ARRIVE_US), 2, "but not 0x78");
    report_equal(icc_read(ICC_RPR_EL1), 0x78, "the running priority is 0x78");
    gic_end(2);
    report_equal(icc_read(ICC_RPR_EL1), 0xff, "and idle after the end");
    icc_write(ICC_PMR_EL1, 0xff);
    isb();
    report_equal(gic_wait(ARRIVE_US), 1, "the other one comes when PMR is raised");
    gic_end(1);

    /* A change of priority while pending. */
    icc_write(ICC_PMR_EL1, 0);
    isb();
    gic_priority(1, 0xa0);
    gic_priority(2, 0xb0);
    gic_send(1, 1);
    gic_send(2, 1);
    delay_us(QUIET_US);
    gic_priority(2, 0x40);
    icc_write(ICC_PMR_EL1, 0xff);
    isb();
    unsigned first = gic_wait(ARRIVE_US);
    gic_end(first);
    unsigned second = gic_wait(ARRIVE_US);
    gic_end(second);
    report(first + second == 3, "both come when a priority changes while pending (SGI %u first)",
           first);
}

/* Nesting: the handler of SGI 1 (priority 0xa0) sends SGI 2 and SGI 3 and lets them interrupt it.
 */
static volatile uint64_t nest_order[4];
static volatile uint64_t nest_count;
static volatile uint64_t nest_priority;

static void on_nested(void)
{
    unsigned intid = gic_acknowledge();
    if (intid == INTID_SPURIOUS) {
        return;
    }
    if (intid == 1) {
        gic_send(2, 1);
        gic_send(3, 1);
        interrupts_mask(false);
        delay_us(QUIET_US);
        interrupts_mask(true);
    } else if (intid == 2) {
        nest_priority = icc_read(ICC_RPR_EL1);
    }
    uint64_t at = nest_count;
    if (at < ARRAY_SIZE(nest_order)) {
        nest_order[at] = intid;
    }
    nest_count = at + 1;
    gic_end(intid);
}

/* Returns the order in which the handlers ended, one digit each: 213 means SGI 2 first. */
static uint64_t nested_order(uint8_t outer, uint8_t second, uint8_t third)
{
    nest_count = 0;
    gic_priority(1, outer);
    gic_priority(2, second);
    gic_priority(3, third);
    irq_set_handler(on_nested);
    gic_send(1, 1);
    interrupts_mask(false);
    wait_for(&nest_count, 3, ARRIVE_US);
    delay_us(QUIET_US);
    interrupts_mask(true);
    irq_set_handler(NULL);
    return nest_count != 3 ? 0 : nest_order[0] * 100 + nest_order[1] * 10 + nest_order[2];
}

static void test_preemption(void)
{
    report_equal(nested_order(0xa0, 0x40, 0xc0), 213,
                 "a higher priority interrupts a handler, a lower one waits");
    report_equal(nest_priority, 0x40, "the running priority is that of the inner one");
    report_equal(nested_order(0xa0, 0xa0, 0xa8), 123,
                 "the same or a lower priority does not interrupt");
    icc_write(ICC_BPR1_EL1, 7); /* group priority is bit 7 alone (IHI 0069, 4.8.4) */
    isb();
    report_equal(icc_read(ICC_BPR1_EL1), 7, "BPR1 is 7");
    report_equal(nested_order(0xa0, 0x80, 0xc0), 123,
                 "BPR: a higher subpriority does not interrupt");
    report_equal(nested_order(0xa0, 0x40, 0xc0), 213, "BPR: a higher group priority does");
    icc_write(ICC_BPR1_EL1, 0);
    isb();
    enable_all_sgis(true);
}

static void test_eoi_mode(void)
{
    icc_write(ICC_CTLR_EL1, CTLR_EOIMODE);
    isb();
    gic_send(4, 1);
    report_equal(gic_wait(ARRIVE_US), 4, "EOImode 1: an SGI");
    gic_end(4);
    report(gic_bit(4, GICD_ISACTIVER), "it is active after EOIR");
    report_equal(icc_read(ICC_RPR_EL1), 0xff, "the priority has dropped");
    gic_send(4, 1);
    expect_quiet("it does not come again before DIR");
    gic_send(5, 1);
    report_equal(gic_wait(ARRIVE_US), 5, "another one of the same priority does");
    gic_end(5);
    icc_write(ICC_DIR_EL1, 4);
    icc_write(ICC_DIR_EL1, 5);
    isb();
    report_equal(gic_wait(ARRIVE_US), 4, "it comes again after DIR");
    gic_end(4);
    icc_write(ICC_DIR_EL1, 4);
    isb();
    report(!gic_bit(4, GICD_ISACTIVER) && !gic_bit(5, GICD_ISACTIVER), "both are inactive");
    icc_write(ICC_CTLR_EL1, 0);
    isb();
}

/* SPIs that no device drives: usable when their enable bit can be set. */
static void find_soft_spis(void)
{
    uint32_t lines = 32 * ((mmio_read(GICD_BASE + GICD_TYPER) & 0x1f) + 1);
    for (unsigned i = 0; i < SOFT_SPI_COUNT && SOFT_SPI_FIRST + i < lines; i++) {
        gic_enable(SOFT_SPI_FIRST + i);
        if (!gic_bit(SOFT_SPI_FIRST + i, GICD_ISENABLER)) {
            break;
        }
        gic_config(SOFT_SPI_FIRST + i, true);
        gic_route(SOFT_SPI_FIRST + i, 0);
        soft_spi_count++;
    }
}

static void test_spi(void)
{
    if (soft_spi_count == 0) {
        report_skip("the VM has no SPIs beside its devices'");
        return;
    }
    unsigned spi = SOFT_SPI_FIRST;
    gic_priority(spi, 0x90);
    gic_set(spi, GICD_ISPENDR);
    report_equal(gic_wait(ARRIVE_US), spi, "an SPI pended by software");
    report(gic_bit(spi, GICD_ISACTIVER) && !gic_bit(spi, GICD_ISPENDR), "it is active");
    gic_set(spi, GICD_ISPENDR);
    report(gic_bit(spi, GICD_ISACTIVER) && gic_bit(spi, GICD_ISPENDR), "active and pending");
    gic_end(spi);
    report_equal(gic_wait(ARRIVE_US), spi, "it comes again");
    gic_end(spi);

    gic_config(spi, false);
    report_equal(mmio_read(GICD_BASE + GICD_ICFGR + spi / 16 * 4) >> (spi % 16 * 2) & 2, 0,
                 "configured as level");
    gic_config(spi, true);
    report_equal(mmio_read(GICD_BASE + GICD_ICFGR + spi / 16 * 4) >> (spi % 16 * 2) & 2, 2,
                 "configured as edge");

    gic_route(spi, 1);
    report_equal(access_read(GICD_BASE + GICD_IROUTER + 8 * spi, 8), cpu_mpidr(1),
                 "IROUTER reads back, 64 bits");
    report_equal(mmio_read(GICD_BASE + GICD_IROUTER + 8 * spi), cpu_mpidr(1),
                 "IROUTER reads back, 32 bits");
    uint64_t before = second_taken[spi];
    gic_set(spi, GICD_ISPENDR);
    report(wait_for(&second_taken[spi], before + 1, ARRIVE_US),
           "routed to CPU 1 it is taken there");
    expect_quiet("and not here");

    gic_disable(spi);
    gic_route(spi, 0);
    gic_set(spi, GICD_ISPENDR);
    delay_us(QUIET_US);
    gic_route(spi, 1);
    gic_enable(spi);
    report(wait_for(&second_taken[spi], before + 2, ARRIVE_US),
           "routed anew while pending it is taken by CPU 1");
    expect_quiet("and not by the old target");
    report_equal(second_taken[spi], before + 2, "once");
    gic_route(spi, 0);
    gic_set(spi, GICD_ISPENDR);
    report_equal(gic_wait(ARRIVE_US), spi, "routed back");
    gic_end(spi);
}

/* More interrupts pending at once than any implementation has list registers (16 at most). */
static void test_overflow(void)
{
    static volatile uint8_t taken[64];
    icc_write(ICC_PMR_EL1, 0);
    isb();
    unsigned expected = 0;
    for (unsigned i = 0; i < 16; i++) {
        gic_priority(i, (uint8_t)(0x10 + 8 * (i * 7 % 28)));
        gic_enable(i);
        gic_send(i, 1);
        expected++;
    }
    for (unsigned i = 0; i < soft_spi_count; i++) {
        gic_priority(SOFT_SPI_FIRST + i, (uint8_t)(0x10 + 8 * (i * 5 % 28)));
        gic_set(SOFT_SPI_FIRST + i, GICD_ISPENDR);
        expected++;
    }
    gic_priority(TIMER_INTID, 0x50);
    gic_enable(TIMER_INTID);
    timer_arm_us(0);
    expected++;
    delay_us(2000);
    unsigned pending = 0;
    for (unsigned intid = 0; intid < SOFT_SPI_FIRST + soft_spi_count; intid++) {
        bool is_ours = intid < 16 || intid == TIMER_INTID || intid >= SOFT_SPI_FIRST;
        pending += is_ours && gic_bit(intid, GICD_ISPENDR);
    }
    report_equal(pending, expected, "%u interrupts are pending together", expected);
    icc_write(ICC_PMR_EL1, 0xff);
    isb();
    unsigned count = 0;
    unsigned order_errors = 0;
    uint64_t last = 0;
    unsigned intid;
    while (count < 2 * expected && (intid = gic_wait(20000)) != INTID_SPURIOUS) {
        uint64_t priority = icc_read(ICC_RPR_EL1);
        order_errors += priority < last;
        last = priority;
        if (intid < ARRAY_SIZE(taken)) {
            taken[intid]++;
        }
        if (intid == TIMER_INTID) {
            timer_stop();
        }
        gic_end(intid);
        count++;
    }
    unsigned doubles = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++) {
        doubles += taken[i] > 1;
    }
    report_equal(count, expected, "all of them arrive");
    report_equal(doubles, 0, "none twice");
    report_equal(order_errors, 0, "in the order of priority");
    gic_disable(TIMER_INTID);
    enable_all_sgis(true);
}

/* As many active as the 5 bits of priority allow to nest, so that active ones fill the list
 * registers too. */
static void test_deep_nesting(void)
{
    unsigned depth = 0;
    for (unsigned i = 0; i < 16; i++) {
        gic_priority(i, (uint8_t)(0xf0 - 8 * i));
        gic_send(i, 1);
        if (gic_wait(ARRIVE_US) != i) {
            break;
        }
        depth++;
    }
    report_equal(depth, 16, "16 interrupts nest");
    gic_priority(TIMER_INTID, 0x40);
    gic_enable(TIMER_INTID);
    timer_arm_us(100);
    report_equal(gic_wait(ARRIVE_US), TIMER_INTID, "the timer on top of them");
    timer_stop();
    gic_end(TIMER_INTID);
    gic_disable(TIMER_INTID);
    unsigned active = 0;
    for (unsigned i = 0; i < 16; i++) {
        active += gic_bit(i, GICD_ISACTIVER);
    }
    report_equal(active, 16, "all 16 are active");
    for (unsigned i = depth; i > 0; i--) {
        gic_end(i - 1);
    }
    report_equal(icc_read(ICC_RPR_EL1), 0xff, "all end");
    expect_quiet("and nothing is left");
    report_equal(mmio_read(gic_frame(0) + GICD_ISACTIVER), 0, "nothing is active");
    enable_all_sgis(true);
}

/* The UART's transmit interrupt: its line stays high until ICR is written. */
static void test_level(void)
{
    gic_config(UART_INTID, false);
    gic_priority(UART_INTID, 0x90);
    gic_route(UART_INTID, 0);
    gic_enable(UART_INTID);
    mmio_write(UART_BASE + UART_ICR, 0x7ff);
    mmio_write(UART_BASE + UART_IMSC, UART_TX);
    console_put('\n');
    unsigned again = 0;
    for (unsigned i = 0; i < 10 && gic_wait(ARRIVE_US) == UART_INTID; i++) {
        gic_end(UART_INTID);
        again++;
    }
    bool pending = gic_bit(UART_INTID, GICD_ISPENDR);
    bool taken = gic_wait(ARRIVE_US) == UART_INTID;
    bool active = gic_bit(UART_INTID, GICD_ISACTIVER);
    mmio_write(UART_BASE + UART_IMSC, 0);
    gic_end(UART_INTID);
    delay_us(QUIET_US);
    unsigned after = gic_acknowledge();
    report_equal(again, 10, "a level-triggered interrupt fires again while its line is high");
    report(pending, "it is pending after each end");
    report(taken && active, "it is active when taken");
    report_equal(after, INTID_SPURIOUS, "the line goes low while active: it does not come again");

    gic_disable(UART_INTID);
    mmio_write(UART_BASE + UART_IMSC, UART_TX);
    console_put('\n');
    pending = gic_bit(UART_INTID, GICD_ISPENDR);
    mmio_write(UART_BASE + UART_IMSC, 0);
    bool low = !gic_bit(UART_INTID, GICD_ISPENDR);
    gic_enable(UART_INTID);
    delay_us(QUIET_US);
    after = gic_acknowledge();
    report(pending && low, "pending follows the line");
    report_equal(after, INTID_SPURIOUS, "a line that went low before it was enabled does not fire");
    mmio_write(UART_BASE + UART_ICR, 0x7ff);
    gic_disable(UART_INTID);
}

/* Every word of the frames is read; what is reserved reads zero, ignores writes, and never faults.
 */
static void test_odd_accesses(void)
{
    fault_expect();
    for (uintptr_t offset = 0; offset < 0x10000; offset += 4) {
        (void)mmio_read(GICD_BASE + offset);
    }
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        for (uintptr_t offset = 0; offset < GICR_STRIDE; offset += 4) {
            (void)mmio_read(GICR_BASE + cpu * (uintptr_t)GICR_STRIDE + offset);
        }
    }
    report(!fault_result().taken, "every word of the distributor and redistributors can be read");
    static const uintptr_t reserved[] = { GICD_BASE + 0x0c80 + 0x400, GICD_BASE + 0xc000,
                                          GICD_BASE + 0xf000, GICR_BASE + 0x1000,
                                          GICR_BASE + GICR_SGI + 0xf000 };
    uint64_t nonzero = 0;
    fault_expect();
    for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            access_write(reserved[i], size, ~0ull);
            nonzero |= access_read(reserved[i], size);
        }
    }
    report(!fault_result().taken, "reserved registers can be accessed in all sizes");
    report_equal(nonzero, 0, "they read zero and ignore writes");
    uintptr_t priority = gic_frame(0) + GICD_IPRIORITYR;
    mmio_write(priority + 8, 0x40506070);
    report_equal(access_read(priority + 9, 1), 0x60, "a byte of IPRIORITYR");
    access_write(priority + 10, 1, 0x80);
    report_equal(mmio_read(priority + 8), 0x40806070, "a byte written to IPRIORITYR");
    mmio_write(priority + 8, 0xa0a0a0a0);
    report_equal(access_read(GICD_BASE + GICD_IROUTER + 8 * 1000, 8), 0,
                 "IROUTER of an interrupt that is not there");
}

/* Storms. CPU 1 counts in second_main(); nothing may be lost when the sender waits for each. */
static void test_storms(uint64_t rounds)
{
    uint64_t lost = 0;
    for (uint64_t i = 0; i < rounds && lost == 0; i++) {
        gic_send((unsigned)i & 15, 1);
        unsigned intid = gic_wait(ARRIVE_US);
        lost += intid != (i & 15);
        gic_end(intid);
    }
    report_equal(lost, 0, "%lu SGIs to itself", rounds);
    for (uint64_t i = 0; i < rounds && lost == 0; i++) {
        uint64_t before = second_total;
        gic_send((unsigned)i & 15, 2);
        lost += !wait_for(&second_total, before + 1, ARRIVE_US);
    }
    report_equal(lost, 0, "%lu SGIs to CPU 1", rounds);
    /* Without waiting: what is sent after the last acknowledgement must still come. */
    for (unsigned burst = 0; burst < 20 && lost == 0; burst++) {
        for (uint64_t i = 0; i < rounds / 20; i++) {
            gic_send((unsigned)i & 15, 2);
        }
        delay_us(QUIET_US);
        uint64_t before = second_taken[13];
        gic_send(13, 2);
        lost += !wait_for(&second_taken[13], before + 1, ARRIVE_US);
    }
    report_equal(lost, 0, "bursts of SGIs to CPU 1 lose nothing at their end");
}

static volatile uint64_t short_visits; /* of CPU 1, that end with CPU_OFF; written by CPU 1 */

/* CPU 1 goes off with an SPI pending that it has not taken. */
static void leave_pending(uint64_t spi)
{
    gic_set((unsigned)spi, GICD_ISPENDR);
    delay_us(QUIET_US);
    short_visits++;
}

/* What CPU 1 takes and sees when it is on again; its redistributor is as others left it. */
static volatile uint64_t again_taken;
static volatile uint64_t again_priorities;

static void look_again(uint64_t unused)
{
    (void)unused;
    icc_write(ICC_SRE_EL1, 7);
    isb();
    icc_write(ICC_PMR_EL1, 0xff);
    icc_write(ICC_IGRPEN1_EL1, 1);
    isb();
    again_priorities = mmio_read(gic_frame(0) + GICD_IPRIORITYR + 4);
    unsigned intid = gic_wait(ARRIVE_US);
    again_taken = intid;
    if (intid != INTID_SPURIOUS) {
        gic_end(intid);
    }
    short_visits++;
}

/* Starts CPU 1 and waits until it is off again; some firmware calls it off until it runs. */
static bool visit(void (*entry)(uint64_t argument), uint64_t argument)
{
    uint64_t before = short_visits;
    cpu_start(1, entry, argument);
    return wait_for(&short_visits, before + 1, 2 * ARRIVE_US) && cpu_wait_off(1, 1000000);
}

/* An interrupt controller is not switched off with a CPU. */
static void test_cpu_off(void)
{
    unsigned spi = SOFT_SPI_FIRST;
    if (soft_spi_count > 0) {
        gic_enable(spi);
        gic_route(spi, 1);
        report(visit(leave_pending, spi), "CPU 1 goes off with an SPI pending");
        report(gic_bit(spi, GICD_ISPENDR), "the SPI stays pending");
        gic_route(spi, 0);
        report_equal(gic_wait(ARRIVE_US), spi, "routed anew it is taken here");
        gic_end(spi);
    }
    mmio_write(GICR_BASE + GICR_STRIDE + GICR_SGI + GICD_IPRIORITYR + 4, 0xa0a04850);
    gic_send(5, 2);
    report(visit(look_again, 0), "CPU 1 is on and off again");
    report_equal(again_priorities, 0xa0a04850, "priorities written while it was off are kept");
    report_equal(again_taken, 5, "an SGI sent while it was off is taken");
}

void guest_main(void)
{
    report_begin("gic");
    gic_init();
    gic_cpu_init();
    find_soft_spis();
    test_identification();
    test_sgi_self();
    test_sgi_other();
    test_enable_and_pending();
    test_group();
    test_priority_order();
    test_preemption();
    test_eoi_mode();
    test_spi();
    test_overflow();
    test_deep_nesting();
    test_level();
    test_odd_accesses();
    drain();
    test_storms(cmdline_number("rounds", 2000));
    second_stop = 1;
    report(cpu_wait_off(1, 1000000), "CPU 1 is off at the end");
    test_cpu_off();
}
