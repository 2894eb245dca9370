/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PLIC a VM sees (RISC-V PLIC Specification 1.0.0), with the UART's interrupt as the source.
 *
 * QEMU's own PLIC (7.2) takes note of enables only with the next interrupt, and of a line that
 * rises while its interrupt is claimed at once: where that shows, the check is made in a VM only.
 */
#include "riscv64.h"

#define WAIT_US 1000000u

#define IER_THRI (1u << 1)

static volatile uint64_t external_count;
static volatile uint64_t claimed;

/* The UART asks for service as long as there is room to send. */
static void uart_interrupt(bool enable)
{
    if (!enable) {
        (void)mmio_read8(UART_BASE + UART_IIR);
    }
    mmio_write8(UART_BASE + UART_IER, enable ? IER_THRI : 0);
}

static bool external_pending(void)
{
    return interrupt_pending(IRQ_EXTERNAL);
}

static bool becomes_pending(void)
{
    uint64_t start = time_us();
    while (!external_pending() && time_us() - start < WAIT_US) {
        cpu_relax();
    }
    return external_pending();
}

static void on_interrupt(unsigned code)
{
    if (code != IRQ_EXTERNAL) {
        csr_clear(CSR_SIE, 1u << code);
        return;
    }
    claimed = plic_claim();
    uart_interrupt(false);
    plic_complete((uint32_t)claimed);
    external_count = external_count + 1;
}

/* A check that QEMU's own PLIC fails. */
static void report_vm(bool ok, const char *what)
{
    if (on_hypervisor()) {
        report(ok, "%s", what);
    } else {
        report_skip("%s: not on QEMU's PLIC", what);
    }
}

static void test_registers(void)
{
    plic_priority(UART_IRQ, 7);
    report_equal(mmio_read(PLIC_BASE + 4 * UART_IRQ), 7, "priority reads back");
    plic_priority(UART_IRQ, 0);
    report_equal(mmio_read(PLIC_BASE + 4 * UART_IRQ), 0, "priority 0 reads back");
    mmio_write(PLIC_BASE, 7);
    report_equal(mmio_read(PLIC_BASE), 0, "source 0 has no priority");
    plic_threshold(5);
    report_equal(mmio_read(plic_context(PLIC_THRESHOLD, 0x1000, 0)), 5, "threshold reads back");
    plic_threshold(0);
    uintptr_t enables = plic_context(PLIC_ENABLE, 0x80, 0);
    plic_enable(UART_IRQ, true);
    report_equal(mmio_read(enables), 1u << UART_IRQ, "enable reads back");
    if (on_hypervisor()) {
        mmio_write(enables, 0xffffffff);
        report_equal(mmio_read(enables), 1u << UART_IRQ, "only the VM's own sources are enabled");
        plic_priority(UART_IRQ + 1, 7);
        report_equal(mmio_read(PLIC_BASE + 4 * (UART_IRQ + 1)), 0,
                     "a source that is not the VM's has no priority");
        mmio_write(PLIC_BASE + PLIC_PENDING, 0xffffffff);
        report_equal(mmio_read(PLIC_BASE + PLIC_PENDING), 0, "pending bits are read-only");
    }
    mmio_write(enables, 0);
    report_equal(plic_claim(), 0, "a claim of nothing is 0");
    plic_complete(UART_IRQ);
    plic_complete(0);
    plic_complete(0xffffffff);
    report(true, "completions of what was not claimed are ignored");
}

static void test_delivery(void)
{
    plic_priority(UART_IRQ, 3);
    plic_threshold(0);
    plic_enable(UART_IRQ, true);
    report(!external_pending(), "nothing is pending");
    uart_interrupt(true);
    report(becomes_pending(), "the UART's interrupt is pending at the hart");
    report(plic_pending(UART_IRQ), "and in the PLIC");
    plic_threshold(3);
    report(!external_pending(), "a threshold as high as its priority holds it back");
    plic_threshold(2);
    report(becomes_pending(), "a lower one does not");
    plic_enable(UART_IRQ, false);
    report_vm(!external_pending(), "not enabled: not pending at the hart");
    plic_enable(UART_IRQ, true);
    plic_priority(UART_IRQ, 0);
    report(!external_pending(), "priority 0 never interrupts");
    plic_priority(UART_IRQ, 7);
    plic_threshold(0);
    report(becomes_pending(), "priority 7 does");
    report_equal(plic_claim(), UART_IRQ, "the claim names it");
    report_vm(!plic_pending(UART_IRQ), "which takes the pending bit away");
    report(!external_pending(), "and the hart's");
    report_equal(plic_claim(), 0, "a second claim finds nothing");
    plic_complete(UART_IRQ);
    report(becomes_pending(), "a line that is still high is pending again after completion");
    report_equal(plic_claim(), UART_IRQ, "and is claimed again");
    uart_interrupt(false);
    plic_complete(UART_IRQ);
    report_vm(!external_pending(), "a line that went low is not");
}

static void test_refire(void)
{
    irq_set_handler(on_interrupt);
    csr_write(CSR_SIE, 1u << IRQ_EXTERNAL);
    interrupts_mask(false);
    uint64_t round;
    for (round = 1; round <= 1000; round++) {
        uart_interrupt(true);
        if (!wait_for(&external_count, round, WAIT_US) || claimed != UART_IRQ) {
            break;
        }
    }
    interrupts_mask(true);
    report_equal(round, 1001, "the UART's interrupt comes each of 1000 times");
    csr_write(CSR_SIE, 0);
}

static volatile uint64_t second_done;

/* The other hart claims what it alone has enabled. */
static void second_main(uint64_t unused)
{
    (void)unused;
    plic_threshold(0);
    plic_enable(UART_IRQ, true);
    second_done = becomes_pending() ? 1 : 0;
    second_done += plic_claim() == UART_IRQ ? 2 : 0;
    uart_interrupt(false);
    plic_complete(UART_IRQ);
    plic_enable(UART_IRQ, false);
}

static void test_contexts(void)
{
    plic_enable(UART_IRQ, false);
    plic_priority(UART_IRQ, 1);
    if (cpu_start(1, second_main, 0) != 0) {
        report_skip("one hart only");
        return;
    }
    delay_us(1000);
    uart_interrupt(true);
    report(cpu_wait_off(1, 2 * WAIT_US), "the other hart ends");
    report_vm(second_done == 3, "it claimed what it had enabled");
    report(!external_pending(), "this hart got nothing");
}

void guest_main(void)
{
    report_begin("plic");
    if (!tree_contains("riscv,plic0")) {
        report_skip("this machine has no PLIC");
        report(true, "nothing to do");
        return;
    }
    test_registers();
    test_delivery();
    test_refire();
    test_contexts();
}
