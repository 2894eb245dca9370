/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port I/O. What a VM was not given reads as ones and ignores writes, as on a bus where nobody
 * answers: probing for devices is what guests do, and not a fault.
 *
 * A string instruction moves one element for each exit and is executed again for the next, so that
 * no exit's work is chosen by the guest.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 15.10.2; Advanced Configuration
 * and Power Interface 6.5, 4.8.3.7 (sleep control register).
 */
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/x86.h>
#include <hv/tables.h>
#include <hv/v16550.h>

/* Offsets from the power ports' base, and what their registers take. */
#define RESET_OFFSET 0u
#define RESET_VALUE  1u
#define SLEEP_OFFSET 4u
#define SLEEP_S5     0x34u /* SLP_EN, SLP_TYP 5 */

/* Numbers of segments, in their order in the VMCB. */
enum { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS };

/* Prefixes and opcodes (APM vol. 3, 1.2, appendix A): INS and OUTS are 6c ... 6f. */
#define PREFIX_ADDRESS_SIZE 0x67u
#define PREFIX_ES           0x26u
#define PREFIX_FS           0x64u
#define STRING_MASK         0xfcu
#define STRING_OPCODE       0x6cu

uint32_t v16550_port(struct vcpu *v, void *device, struct port_access *access)
{
    struct mmio_access byte = {
        .address = { access->offset },
        .value = access->value,
        .size = access->size,
        .is_write = access->is_write,
    };

    if (v16550_access(v, device, &byte)) {
        access->value = (uint32_t)byte.value;
    }
    return EXIT_COUNT;
}

/* The ports that the FADT names: reset, sleep control, sleep status (always 0). */
uint32_t power_port_access(struct vcpu *v, void *device, struct port_access *access)
{
    (void)v;
    (void)device;
    if (!access->is_write) {
        access->value = 0;
    } else if (access->offset == RESET_OFFSET && access->value == RESET_VALUE) {
        return EXIT_SYSTEM_RESET;
    } else if (access->offset == SLEEP_OFFSET && access->value == SLEEP_S5) {
        return EXIT_SYSTEM_DOWN;
    }
    return EXIT_COUNT;
}

/* One access of one element; a binary search in the VM's sorted table. */
static uint32_t dispatch(struct vcpu *v, uint16_t port, struct port_access *access)
{
    const struct arch_vm_config *config = &v->vm->config->arch;
    const struct port_region *region = config->ports;

    for (uint32_t count = config->port_count; count > 1;) {
        uint32_t half = count / 2;

        region += port >= region[half].base ? half : 0;
        count -= half;
    }
    if (!access->is_write) {
        access->value = UINT32_MAX >> (32 - 8 * access->size);
    }
    if (config->port_count == 0 ||
        !range_contains(region->base, region->count, port, access->size)) {
        return EXIT_COUNT;
    }
    access->offset = (uint16_t)(port - region->base);
    return region->handle(v, region->device, access);
}

/* Puts an answer of `size` bytes into RAX: 32 bits zero-extend, fewer leave the rest alone. */
static void set_rax(struct vmcb *vmcb, uint32_t value, uint32_t size)
{
    uint64_t mask = size == 4 ? UINT64_MAX : BIT(8 * size) - 1;

    vmcb->rax = (vmcb->rax & ~mask) | value;
}

/* What the processor does not say of a string instruction: the mask of its address size, and the
 * number of the segment that OUTS reads from. */
struct string_form {
    uint64_t mask;
    uint32_t segment;
};

/* Reads the instruction's prefixes. Returns false if it is not there any more. */
static bool read_form(struct vcpu *v, struct string_form *form)
{
    uint32_t attributes = v->arch.vmcb->cs.attributes;
    bool is_long = (attributes & SEGMENT_L) != 0;
    uint32_t size = is_long ? 8 : (attributes & SEGMENT_D) != 0 ? 4 : 2;
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count = guest_fetch(v, bytes), i = 0;

    form->segment = SEGMENT_DS;
    for (; i < count && (bytes[i] & STRING_MASK) != STRING_OPCODE; i++) {
        if (bytes[i] == PREFIX_ADDRESS_SIZE) {
            size = is_long || size == 2 ? 4 : 2;
        } else if ((bytes[i] & 0xe7) == PREFIX_ES) { /* and CS, SS, DS */
            form->segment = bytes[i] >> 3 & 3;
        } else if ((bytes[i] & 0xfe) == PREFIX_FS) { /* and GS */
            form->segment = bytes[i] & 7;
        }
    }
    form->mask = UINT64_MAX >> (64 - 8 * size);
    return i < count;
}

/* The linear address of an element; segments but FS and GS have no base in 64-bit mode. */
static uint64_t string_address(const struct vmcb *vmcb, uint32_t segment, uint64_t offset)
{
    bool is_long = (vmcb->cs.attributes & SEGMENT_L) != 0;
    uint64_t base = is_long && segment <= SEGMENT_DS ? 0 : (&vmcb->es)[segment].base;

    return is_long ? base + offset : (uint32_t)(base + offset);
}

/* Adds to a register within the address size. 32 bits zero-extend. */
static void advance(uint64_t *reg, uint64_t mask, uint64_t by)
{
    uint64_t value = (*reg + by) & mask;

    *reg = mask == UINT16_MAX ? (*reg & ~mask) | value : value;
}

/* INS or OUTS: one element; or a page fault where it is not in the VM's memory. */
static uint32_t string_exit(struct vcpu *v, struct port_access *access, uint64_t info)
{
    struct vmcb *vmcb = v->arch.vmcb;
    bool is_in = (info & IOIO_IN) != 0, repeats = (info & IOIO_REP) != 0;
    uint64_t *index = vcpu_register(v, is_in ? REG_RDI : REG_RSI);
    uint64_t *count = vcpu_register(v, REG_RCX);
    uint64_t step = (vmcb->rflags & RFLAGS_DF) != 0 ? -(uint64_t)access->size : access->size;
    uint8_t *bytes = (uint8_t *)&access->value;
    struct string_form form;
    uint64_t linear;
    uint32_t reason = EXIT_COUNT;

    if (!read_form(v, &form)) {
        return EXIT_COUNT; /* its next attempt tells the guest */
    }
    linear = string_address(vmcb, is_in ? SEGMENT_ES : form.segment, *index & form.mask);
    if (!repeats || (*count & form.mask) != 0) {
        if (!is_in && guest_read_linear(v, linear, bytes, access->size) < access->size) {
            trap_inject_page_fault(v, linear, false);
            return EXIT_COUNT;
        }
        reason = dispatch(v, (uint16_t)(info >> IOIO_PORT_SHIFT), access);
        if (is_in && guest_write_linear(v, linear, bytes, access->size) < access->size) {
            trap_inject_page_fault(v, linear, true);
            return EXIT_COUNT;
        }
        advance(index, form.mask, step);
        if (repeats) {
            advance(count, form.mask, UINT64_MAX);
        }
    }
    if (!repeats || (*count & form.mask) == 0) {
        vmcb->rip = vmcb->exit_info_2;
    }
    return reason;
}

uint32_t pio_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info_1;
    struct port_access access = {
        .size = info >> IOIO_SIZE_SHIFT & IOIO_SIZE_MASK,
        .is_write = (info & IOIO_IN) == 0,
    };
    uint32_t reason;

    vmcb->interrupt_shadow = 0;
    if ((info & IOIO_STRING) != 0) {
        reason = string_exit(v, &access, info);
    } else {
        access.value = (uint32_t)vmcb->rax & (UINT32_MAX >> (32 - 8 * access.size));
        reason = dispatch(v, (uint16_t)(info >> IOIO_PORT_SHIFT), &access);
        if (!access.is_write) {
            set_rax(vmcb, access.value, access.size);
        }
        vmcb->rip = vmcb->exit_info_2;
    }
    return reason == EXIT_COUNT ? trap_answered(v, EXIT_SYSREG) : reason;
}
