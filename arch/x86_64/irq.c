/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts: the APIC of each CPU in x2APIC mode, and the IOAPIC. See arch/irq.h.
 *
 * Pins that belong to a VM are programmed by its IOAPIC (vioapic.c).
 *
 * A CPU that several vCPUs share has three kinds: its timer, kicks, and pins of the IOAPIC, each
 * with a vector. A vCPU alone on its CPU may own the APIC (direct.c); the hypervisor's own
 * interrupts are NMIs there, kicks and the console's pin. An NMI says nothing but that it came, so
 * whoever opened a window looks at what it may have been about. The hypervisor's timer is the
 * HPET's there (time.c): it is armed only while somebody looks at an unfinished line.
 *
 * Source: APM vol. 2 (24593), 15.13.2 (NMI), 16.3-16.5, 16.11; Intel 82093AA (IOAPIC) data
 * sheet, 3.
 */
#include <arch/asm.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <arch/vioapic.h>
#include <arch/x86.h>
#include <hv/arch/console.h>
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/ns16550.h>
#include <hv/tables.h>

#define IOAPIC_ENTRY     0x10u /* two registers for each pin */
#define ENTRY_REMOTE_IRR BIT32(14)
#define ENTRY_LEVEL      BIT32(15)

/* Mask registers of the two 8259s, which nobody uses. */
#define PIC_1_MASK 0x21
#define PIC_2_MASK 0xa1

/* Holds back what has an exception's vector. */
#define OWN_TPR 0x1fu

/* Where the console's pin interrupts; its NMIs are edges, so its UART must have been quiet. */
static const struct pcpu *console_pcpu;

static bool uses_nmi(const struct pcpu *pcpu)
{
    return pcpu->config->vcpu_count == 1;
}

static struct spinlock ioapic_lock; /* guards the IOAPIC's select register */

static void ioapic_write(uint32_t number, uint32_t value)
{
    mmio_write32(board.ioapic.pa + IOAPIC_SELECT, number);
    mmio_write32(board.ioapic.pa + IOAPIC_WINDOW, value);
}

static uint32_t ioapic_read(uint32_t number)
{
    mmio_write32(board.ioapic.pa + IOAPIC_SELECT, number);
    return mmio_read32(board.ioapic.pa + IOAPIC_WINDOW);
}

/* First masked, so that no half of an entry has a say; and as an edge, which clears remote IRR,
 * where that is set. */
void irq_set_pin(uint32_t pin, uint32_t entry, const struct pcpu *pcpu)
{
    uint32_t number = IOAPIC_ENTRY + 2 * pin;
    uint32_t old;

    spin_lock(&ioapic_lock);
    old = ioapic_read(number);
    ioapic_write(number, IOAPIC_MASKED | ((old & ENTRY_REMOTE_IRR) != 0 ? 0 : old));
    ioapic_write(number + 1, pcpu->config->arch.apic_id << 24);
    ioapic_write(number, entry);
    spin_unlock(&ioapic_lock);
}

/* With its vector, by which its EOI finds it, and its trigger: QEMU forgets a level's line while it
 * is an edge. */
void irq_close_pin(uint32_t pin)
{
    uint32_t number = IOAPIC_ENTRY + 2 * pin;

    spin_lock(&ioapic_lock);
    ioapic_write(number, ioapic_read(number) | IOAPIC_MASKED);
    spin_unlock(&ioapic_lock);
}

bool irq_pin_is_in_service(uint32_t pin)
{
    uint32_t entry;

    spin_lock(&ioapic_lock);
    entry = ioapic_read(IOAPIC_ENTRY + 2 * pin);
    spin_unlock(&ioapic_lock);
    return (entry & ENTRY_REMOTE_IRR) != 0;
}

static void init_ioapic(const struct pcpu *pcpu)
{
    out8(PIC_1_MASK, 0xff);
    out8(PIC_2_MASK, 0xff);
    for (uint32_t pin = 0; pin < VECTOR_PIN_COUNT; pin++) {
        irq_set_pin(pin, IOAPIC_MASKED, pcpu);
    }
    console_pcpu = pcpu;
    irq_set_pin(board.uart_irq,
                uses_nmi(pcpu) ? IOAPIC_NMI : ENTRY_LEVEL | (VECTOR_PIN + board.uart_irq), pcpu);
}

void irq_own_apic(void)
{
    lapic_write(LAPIC_TPR, OWN_TPR);
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    time_init_cpu();
}

void irq_init_cpu(struct pcpu *pcpu)
{
    static bool ioapic_is_ready; /* written by the boot CPU before it starts any other */

    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EN | APIC_BASE_EXTD);
    for (uint32_t i = 0; i < LVT_COUNT; i++) {
        lapic_write(LAPIC_LVT + i, LVT_MASKED);
    }
    irq_own_apic();
    if (!ioapic_is_ready) {
        init_ioapic(pcpu);
        ioapic_is_ready = true;
    }
    pcpu->arch.is_kicked = 0;
}

void irq_send(uint32_t apic_id, uint32_t command)
{
    /* WRMSR to the x2APIC does not wait for earlier stores (16.11.2) */
    __asm__ volatile("mfence" ::: "memory");
    lapic_write(LAPIC_ICR, (uint64_t)apic_id << 32 | command);
}

/* One kick is as good as two: while one is on its way, no other is sent. */
void arch_cpu_kick(struct pcpu *pcpu)
{
    if (__atomic_exchange_n(&pcpu->arch.is_kicked, 1, __ATOMIC_SEQ_CST) == 0) {
        irq_send(pcpu->config->arch.apic_id,
                 uses_nmi(pcpu) ? COMMAND_NMI : COMMAND_FIXED | VECTOR_KICK);
    }
}

/* The flag falls before anything is looked at, so that whoever finds it set knows that what he did
 * will be seen. */
static void take_kick(struct pcpu *pcpu)
{
    if (__atomic_exchange_n(&pcpu->arch.is_kicked, 0, __ATOMIC_SEQ_CST) != 0) {
        sched_kicked();
    }
}

static bool is_in_service(uint64_t vector)
{
    return (lapic_read(LAPIC_ISR + (uint32_t)vector / 32) >> vector % 32 & 1) != 0;
}

void irq_take(uint64_t vector)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint64_t pin = vector - VECTOR_PIN;

    if (vector == VECTOR_SPURIOUS && !is_in_service(vector)) {
        return; /* wants no EOI, if it is one: a guest may have sent an interrupt of that number */
    }
    if (pin < irq_route_count && irq_routes[pin].owner == IRQ_OWNER_VM) {
        vioapic_forward(&vms[irq_routes[pin].vm], irq_routes[pin].virq); /* before its end */
    }
    lapic_write(LAPIC_EOI, 0);
    if (vector == VECTOR_TIMER) {
        time_interrupt(pcpu);
    } else if (vector == VECTOR_KICK) {
        take_kick(pcpu);
    } else if (vector == VECTOR_PIN + board.uart_irq) {
        console_interrupt();
    }
}

/* Answers what the console's interrupt stands for, until its line is low: another edge will come.
 * As many rounds as it takes to type faster than a CPU can read. */
static void quiet_console(void)
{
    for (uint32_t i = 0; i < UART_FIFO_SIZE && (arch_uart_read(UART_IIR) & IIR_NONE) == 0; i++) {
        console_interrupt();
    }
}

/* What an NMI may have been about. */
static void look_around(struct pcpu *pcpu)
{
    take_kick(pcpu);
    if (pcpu == console_pcpu) {
        quiet_console();
    }
    if (pcpu->arch.deadline <= arch_time_now()) {
        sched_timer();
    } else if (pcpu->arch.hpet_deadline != 0) {
        time_arm_hpet(); /* it may have been the HPET, a little early */
    }
}

void irq_open(struct pcpu *pcpu, bool takes_vectors)
{
    if (takes_vectors) {
        irq_window();
    } else {
        irq_window_nmi();
    }
    if (uses_nmi(pcpu)) {
        look_around(pcpu);
    }
}

void arch_irq_poll(void)
{
    struct pcpu *pcpu = arch_this_pcpu();

    irq_open(pcpu, true);
    if (pcpu->loaded != NULL && arch_vcpu_has_interrupt(pcpu->loaded)) {
        sched_wake(pcpu->loaded);
    }
}

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level)
{
    vioapic_set_line(vm, virq, level);
}
