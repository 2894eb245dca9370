/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of the guest: interrupts go to the test's handler; an exception that a test expects is
 * recorded and the instruction skipped; any other ends the test with a FAIL line.
 */
#include "x86_64.h"

#define RFLAGS_TF (1ull << 8)

#define GATE_CODE      0x08u   /* of start.S */
#define GATE_INTERRUPT 0x8e00u /* present, interrupt gate: APM vol. 2, 4.8.4 */

extern char guest_image_start[];
extern char guest_image_end[];
extern char trap_vectors[]; /* 16 bytes each */

void trap_handle(struct frame *frame);

/* Each entry is used by its own CPU alone. */
static volatile bool expecting[GUEST_CPU_MAX];
static struct fault recorded[GUEST_CPU_MAX];

static void (*volatile irq_handler)(unsigned vector);

static struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
} idt[256] __attribute__((aligned(16))); /* written by CPU 0 before another starts */

void trap_set_gate(unsigned vector, const void *entry)
{
    uintptr_t offset = (uintptr_t)entry;
    idt[vector] = (struct gate){ .offset_low = (uint16_t)offset,
                                 .selector = GATE_CODE,
                                 .type = GATE_INTERRUPT,
                                 .offset_middle = (uint16_t)(offset >> 16) };
}

void trap_init(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } pointer = { sizeof(idt) - 1, (uintptr_t)idt };
    for (unsigned vector = 0; cpu_index() == 0 && vector < ARRAY_SIZE(idt); vector++) {
        trap_set_gate(vector, trap_vectors + 16 * vector);
    }
    __asm__ volatile("lidt %0" ::"m"(pointer) : "memory");
}

void irq_set_handler(void (*handler)(unsigned vector))
{
    irq_handler = handler;
    memory_barrier();
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

/* Goes on at the landing behind the faulting instruction; a jump out of the image goes on where it
 * came from. False: there is no landing. */
static bool skip(struct frame *frame)
{
    static const char landing[] = { 0x0f, 0x1f, (char)0x80, 0x1a, 0x4d, (char)0xf0, 0x0d };
    if (frame->rip < (uintptr_t)guest_image_start || frame->rip >= (uintptr_t)guest_image_end) {
        frame->rip = *(const uint64_t *)frame->rsp;
        frame->rsp += 8;
        return true;
    }
    for (unsigned distance = 0; distance < FAULT_SKIP_MAX; distance++) {
        const char *code = (const char *)frame->rip + distance;
        unsigned same = 0;
        while (same < sizeof(landing) && code[same] == landing[same]) {
            same++;
        }
        if (same == sizeof(landing)) {
            frame->rip += distance;
            return true;
        }
    }
    return false;
}

void trap_handle(struct frame *frame)
{
    unsigned cpu = cpu_index();
    bool is_interrupt = frame->vector >= VECTOR_FIRST_FREE || frame->vector == VECTOR_NMI;
    if (is_interrupt && irq_handler != NULL) {
        irq_handler((unsigned)frame->vector);
        return;
    }
    if (!is_interrupt && expecting[cpu]) {
        if (!recorded[cpu].taken) {
            recorded[cpu] = (struct fault){ .taken = true,
                                            .syndrome = frame->vector,
                                            .address = register_read(cr2) };
        }
        if (skip(frame)) {
            frame->rflags &= ~RFLAGS_TF;
            return;
        }
    }
    expecting[cpu] = false;
    print("\nFAIL: exception: on CPU %u: vector %lu error 0x%lx rip 0x%lx cr2 0x%lx\n", cpu,
          frame->vector, frame->error, frame->rip, register_read(cr2));
    report_end();
}

uint64_t access_read(uintptr_t address, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1:
        __asm__ volatile("movb (%1), %b0\n\t" FAULT_LANDING
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    case 2:
        __asm__ volatile("movw (%1), %w0\n\t" FAULT_LANDING
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    case 4:
        __asm__ volatile("movl (%1), %k0\n\t" FAULT_LANDING
                         : "+r"(value)
                         : "r"(address)
                         : "memory");
        break;
    default:
        __asm__ volatile("movq (%1), %0\n\t" FAULT_LANDING : "+r"(value) : "r"(address) : "memory");
        break;
    }
    return value;
}

void access_write(uintptr_t address, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile("movb %b0, (%1)\n\t" FAULT_LANDING ::"q"(value), "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("movw %w0, (%1)\n\t" FAULT_LANDING ::"r"(value), "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("movl %k0, (%1)\n\t" FAULT_LANDING ::"r"(value), "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("movq %0, (%1)\n\t" FAULT_LANDING ::"r"(value), "r"(address) : "memory");
        break;
    }
}

void access_execute(uintptr_t address)
{
    /* The stack is aligned for whatever may be there. */
    __asm__ volatile("call *%0\n\t" FAULT_LANDING ::"r"(address)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}
