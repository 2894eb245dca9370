/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port I/O. What a VM was not given reads as ones and ignores writes, as on a bus where nobody
 * answers: probing for devices is what guests do, and not a fault.
 *
 * INS and OUTS are not emulated: they are for FIFOs of disks and firmware, which no VM has here.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 15.10.2; Advanced Configuration
 * and Power Interface 6.5, 4.8.3.7 (sleep control register).
 */
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/x86.h>
#include <hv/tables.h>
#include <hv/v16550.h>

/* Offsets from the power ports' base, and what their registers take. */
#define RESET_OFFSET 0u
#define RESET_VALUE  1u
#define SLEEP_OFFSET 4u
#define SLEEP_S5     0x34u /* SLP_EN, SLP_TYP 5 */

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
        return trap_fault(v, "string instruction at a port");
    }
    access.value = (uint32_t)vmcb->rax & (UINT32_MAX >> (32 - 8 * access.size));
    reason = dispatch(v, (uint16_t)(info >> IOIO_PORT_SHIFT), &access);
    if (!access.is_write) {
        set_rax(vmcb, access.value, access.size);
    }
    vmcb->rip = vmcb->exit_info_2;
    return reason;
}
