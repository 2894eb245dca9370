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
    uint64_t operand = decoded->is_write ? decode_operand(decoded, *reg) : 0;

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

/* What the instruction at RIP does, of whose bytes `count` are in `bytes`, the others 0. Device
 * drivers access their devices by few instructions, so the last ones are kept, each where its
 * address says. They are found by their bytes: what is kept does not age, whatever the guest does
 * to its code and its page tables. Returns NULL if it is none that is emulated. */
static const struct decoded_access *decode_kept(struct vcpu *v, const uint8_t *bytes,
                                                uint32_t count)
{
    const struct vmcb *vmcb = v->arch.vmcb;
    struct kept_instruction *kept = &v->arch.kept[vmcb->rip % KEPT_COUNT];
    uint32_t mode = vmcb->cs.attributes & (SEGMENT_L | SEGMENT_D);

    if (kept->count != count || kept->mode != mode ||
        __builtin_memcmp(kept->bytes, bytes, INSTRUCTION_MAX) != 0) {
        kept->count = 0;
        if (!decode(bytes, count, (mode & SEGMENT_L) != 0, (mode & SEGMENT_D) != 0,
                    &kept->access)) {
            return NULL;
        }
        kept->count = count;
        kept->mode = mode;
        __builtin_memcpy(kept->bytes, bytes, INSTRUCTION_MAX);
    }
    return &kept->access;
}

uint32_t npf_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info_1;
    const struct decoded_access *decoded = NULL;
    struct mmio_access access = { .address = { vmcb->exit_info_2 } };
    uint8_t bytes[INSTRUCTION_MAX] = { 0 };
    uint32_t count;

    /* what pushes an event's frame into a device is no instruction of the guest's */
    if ((info & (NPF_TABLE | NPF_FETCH | NPF_PRESENT)) != 0 || v->arch.event != 0) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    count = guest_fetch(v, bytes);
    if (count > 0) {
        decoded = decode_kept(v, bytes, count);
    }
    if (decoded != NULL && execute(v, decoded, &access)) {
        trap_skip(v, decoded->length);
        return trap_answered(v, access.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ);
    }
    if (decoded != NULL || mmio_at(v->vm, access.address, 1) == NULL) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    if (count == 0) {
        return trap_resume(v); /* its other vCPUs took it away: its next attempt tells the guest */
    }
    return trap_fault_at(v, "device access of an instruction that is not emulated", access.address);
}

/* Which register is in the instruction. */
uint32_t cr8_exit(struct vcpu *v)
{
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count = guest_fetch(v, bytes);
    uint32_t at = 0;
    uint32_t rex = 0;
    uint64_t value;

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
    value = *vcpu_register(v, (bytes[at + 2] & 7) | (rex & 1) << 3);
    if (value <= 0xf) {
        vlapic_set_tpr(v, (uint8_t)(value << 4));
    }
    return trap_finish(v, value <= 0xf, at + 3, EXIT_SYSREG);
}
