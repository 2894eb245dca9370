/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of the guest at EL1: IRQs go to the test's handler; a synchronous exception that a
 * test expects is recorded and skipped; any other ends the test with a FAIL line.
 */
#include "aarch64.h"

/* Numbers of the vectors (Arm ARM DDI 0487, D1.3.1): 4 kinds, from the current EL with SP_EL1 they
 * are 4 to 7. */
#define VECTOR_SYNC 4u
#define VECTOR_IRQ  5u

#define SPSR_IL (1ull << 20)

extern char guest_image_start[];
extern char guest_image_end[];

void exception_handle(uint64_t kind, struct frame *frame);

static void (*volatile irq_handler)(void);
/* Each entry is used by its own CPU alone. */
static volatile bool expecting[GUEST_CPU_MAX];
static struct fault recorded[GUEST_CPU_MAX];

void irq_set_handler(void (*handler)(void))
{
    irq_handler = handler;
    dsb();
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
    dsb();
    isb();
    expecting[cpu] = false;
    return recorded[cpu];
}

/* Goes on behind the faulting instruction; a jump out of the image goes on where it came from. */
static void skip(struct frame *frame)
{
    bool is_inside =
        frame->elr >= (uintptr_t)guest_image_start && frame->elr < (uintptr_t)guest_image_end;
    if (is_inside && (frame->elr & 3) == 0) {
        frame->elr += 4;
    } else {
        frame->elr = frame->x[30];
    }
}

void exception_handle(uint64_t kind, struct frame *frame)
{
    unsigned cpu = cpu_index();
    if (kind == VECTOR_IRQ && irq_handler != NULL) {
        irq_handler();
        return;
    }
    if (kind == VECTOR_SYNC && expecting[cpu]) {
        if (!recorded[cpu].taken) {
            recorded[cpu] =
                (struct fault){ .taken = true, .syndrome = frame->esr, .address = frame->far };
        }
        frame->spsr &=
            ~SPSR_IL; /* after an illegal return every instruction faults while this is set */
        skip(frame);
        return;
    }
    expecting[cpu] = false;
    print("\nFAIL: exception: vector %u on CPU %u: ESR 0x%lx ELR 0x%lx FAR 0x%lx\n", (unsigned)kind,
          cpu, frame->esr, frame->elr, frame->far);
    report_end();
}

uint64_t access_read(uintptr_t address, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1:
        __asm__ volatile("ldrb %w0, [%1]" : "+r"(value) : "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("ldrh %w0, [%1]" : "+r"(value) : "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("ldr %w0, [%1]" : "+r"(value) : "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("ldr %0, [%1]" : "+r"(value) : "r"(address) : "memory");
        break;
    }
    return value;
}

void access_write(uintptr_t address, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("strh %w0, [%1]" ::"r"(value), "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
        break;
    }
}

void access_execute(uintptr_t address)
{
    __asm__ volatile("blr %0" ::"r"(address) : "x30", "memory");
}
