/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of the guest in S-mode: interrupts go to the test's handler; an exception that a test
 * expects is recorded and skipped; any other ends the test with a FAIL line.
 */
#include "riscv64.h"

extern char guest_image_start[];
extern char guest_image_end[];

void trap_handle(struct frame *frame);

static void (*volatile irq_handler)(unsigned code);
/* Each entry is used by its own CPU alone. */
static volatile bool expecting[GUEST_CPU_MAX];
static struct fault recorded[GUEST_CPU_MAX];
static volatile bool probing[GUEST_CPU_MAX];

void irq_set_handler(void (*handler)(unsigned code))
{
    irq_handler = handler;
    memory_barrier();
}

bool interrupt_pending(unsigned code)
{
    unsigned cpu = cpu_index();
    uint64_t enabled = csr_read(CSR_SIE);
    probing[cpu] = true;
    csr_write(CSR_SIE, 1ull << code);
    interrupts_mask(false);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    interrupts_mask(true);
    bool found = !probing[cpu];
    probing[cpu] = false;
    csr_write(CSR_SIE, enabled);
    return found;
}

void fault_expect(void)
{
    unsigned cpu = cpu_index();
    recorded[cpu].taken = false;
    expecting[cpu] = true;
}

struct fault fault_result(void)
{
    unsigned cpu = cpu_index();
    memory_barrier();
    expecting[cpu] = false;
    return recorded[cpu];
}

/* Goes on behind the faulting instruction; a jump out of the image goes on where it came from. */
static void skip(struct frame *frame)
{
    bool is_inside =
        frame->sepc >= (uintptr_t)guest_image_start && frame->sepc < (uintptr_t)guest_image_end;
    if (is_inside) {
        uint16_t low = *(const volatile uint16_t *)frame->sepc;
        frame->sepc += (low & 3) == 3 ? 4 : 2;
    } else {
        frame->sepc = frame->x[1];
    }
}

void trap_handle(struct frame *frame)
{
    unsigned cpu = cpu_index();
    if ((frame->scause & CAUSE_INTERRUPT) != 0 && probing[cpu]) {
        probing[cpu] = false;
        csr_write(CSR_SIE, 0);
        return;
    }
    if ((frame->scause & CAUSE_INTERRUPT) != 0 && irq_handler != NULL) {
        irq_handler((unsigned)(frame->scause & 0xff));
        return;
    }
    if ((frame->scause & CAUSE_INTERRUPT) == 0 && expecting[cpu]) {
        if (!recorded[cpu].taken) {
            recorded[cpu] =
                (struct fault){ .taken = true, .syndrome = frame->scause, .address = frame->stval };
        }
        skip(frame);
        return;
    }
    expecting[cpu] = false;
    print("\nFAIL: exception: on CPU %u: scause 0x%lx sepc 0x%lx stval 0x%lx\n", cpu, frame->scause,
          frame->sepc, frame->stval);
    report_end();
}

uint64_t access_read(uintptr_t address, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1:
        __asm__ volatile("lbu %0, 0(%1)" : "+r"(value) : "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("lhu %0, 0(%1)" : "+r"(value) : "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("lwu %0, 0(%1)" : "+r"(value) : "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("ld %0, 0(%1)" : "+r"(value) : "r"(address) : "memory");
        break;
    }
    return value;
}

void access_write(uintptr_t address, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile("sb %0, 0(%1)" ::"r"(value), "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("sh %0, 0(%1)" ::"r"(value), "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("sw %0, 0(%1)" ::"r"(value), "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("sd %0, 0(%1)" ::"r"(value), "r"(address) : "memory");
        break;
    }
}

void access_execute(uintptr_t address)
{
    __asm__ volatile("jalr ra, 0(%0)" ::"r"(address) : "ra", "memory");
}
