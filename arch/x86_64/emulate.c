/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that the processor does not take apart for us: accesses to emulated devices, which
 * are nested page faults, and MOV to CR8. Both are fetched from the guest's memory and decoded.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 15.25.6 (nested page faults).
 */
#include <arch/decode.h>
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/vlapic.h>
#include <hv/mmio.h>
#include <hv/tables.h>

/* MOV to CR8: 0f 22 /r with a prefix that means register 8. */
#define OPCODE_MOV_TO_CR 0x220fu

static const char *npf_cause(uint64_t info)
{
    if ((info & NPF_TABLE) != 0) {
        return "page table walk where it may not";
    }
    if ((info & NPF_FETCH) != 0) {
        return "instruction fetch";
    }
    if ((info & NPF_PRESENT) != 0) {
        return (info & NPF_WRITE) != 0 ? "write that its permissions forbid"
                                       : "read that its permissions forbid";
    }
    return (info & NPF_WRITE) != 0 ? "write" : "read";
}

/* Carries the instruction out. Returns false if the device refuses. */
static bool execute(struct vcpu *v, const struct decoded_access *decoded,
                    struct mmio_access *access)
{
    uint64_t *reg = vcpu_register(v, decoded->reg);
    uint64_t operand = decode_operand(decoded, *reg);

    access->size = decoded->size;
    if (decoded->to_register) {
        if (!mmio_dispatch(v, access)) {
            return false;
        }
        *reg = decode_loaded(decoded, *reg, access->value);
    }
    access->is_write = decoded->is_write;
    access->value = operand;
    return !access->is_write || mmio_dispatch(v, access);
}

uint32_t npf_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info_1;
    struct decoded_access decoded;
    struct mmio_access access = { .address = { vmcb->exit_info_2 } };
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count;

    /* what pushes an event's frame into a device is no instruction of the guest's */
    if ((info & (NPF_TABLE | NPF_FETCH | NPF_PRESENT)) != 0 || v->arch.event != 0 ||
        mmio_at(v->vm, access.address, 1) == NULL) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    count = guest_fetch(v, bytes);
    if (count == 0) {
        return trap_resume(v); /* its other vCPUs took it away: its next attempt tells the guest */
    }
    if (!decode(bytes, count, (vmcb->cs.attributes & SEGMENT_L) != 0,
                (vmcb->cs.attributes & SEGMENT_D) != 0, &decoded)) {
        return trap_fault_at(v, "device access of an instruction that is not emulated",
                             access.address);
    }
    if (!execute(v, &decoded, &access)) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    trap_skip(v, decoded.length);
    return trap_answered(v, access.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ);
}

/* Which register is in the instruction. */
uint32_t cr8_exit(struct vcpu *v)
{
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count = guest_fetch(v, bytes);
    uint32_t at = 0;
    uint32_t rex = 0;

    while (at < count && (bytes[at] == 0xf0 || (bytes[at] & 0xf0) == 0x40)) {
        rex = (bytes[at] & 0xf0) == 0x40 ? bytes[at] : rex;
        at++;
    }
    if (count == 0) {
        return trap_resume(v);
    }
    if (at + 3 > count || (bytes[at] | bytes[at + 1] << 8) != OPCODE_MOV_TO_CR) {
        return trap_fault(v, "write of CR8 that is not emulated");
    }
    if (*vcpu_register(v, (bytes[at + 2] & 7) | (rex & 1) << 3) > 0xf) {
        return trap_finish(v, false, 0, EXIT_SYSREG);
    }
    vlapic_set_tpr(v, (uint8_t)(*vcpu_register(v, (bytes[at + 2] & 7) | (rex & 1) << 3) << 4));
    return trap_finish(v, true, at + 3, EXIT_SYSREG);
}
