/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leads to a VM's console other than its emulated UART's registers: the SBI console, which has
 * the same rings under the same lock (see arch/sbi.h), and word from the rings' other end.
 *
 * Guest memory is reached through the VM's own tables, after its regions were asked; a call moves a
 * bounded number of bytes and says how many.
 */
#include <arch/sbi.h>
#include <arch/trap.h>
#include <hv/arch/console.h>
#include <hv/memory.h>
#include <hv/tables.h>
#include <hv/v16550.h>

/* Bytes that one call moves at most. */
#define CALL_SIZE_MAX 256u

/* WRITE and READ (12.1, 12.2): a0 is the size, a1 and a2 are the halves of the address. */
static enum exit_reason transfer(const struct vcpu *v, uint64_t x[32], bool is_read)
{
    struct v16550 *uart = v->vm->config->arch.uart;
    uint32_t size = (uint32_t)(x[SBI_A0] < CALL_SIZE_MAX ? x[SBI_A0] : CALL_SIZE_MAX);
    ipa_t base = { x[SBI_A0 + 1] };
    uint8_t bytes[CALL_SIZE_MAX];

    if (x[SBI_A0 + 2] != 0 ||
        !memory_permits(v->vm, base, x[SBI_A0], is_read ? MEM_WRITE : MEM_READ)) {
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    size = is_read ? v16550_receive(uart, bytes, size) : size;
    if ((is_read ? access_copy_to_guest(base, bytes, size)
                 : access_copy_from_guest(bytes, base, size)) != size) {
        return sbi_answer(x, SBI_ERR_FAILED, 0);
    }
    return sbi_answer(x, SBI_SUCCESS, is_read ? size : v16550_send(uart, bytes, size));
}

/* Sends one byte. Where there is no room for it now, the guest has to call again. */
static enum exit_reason put(struct v16550 *uart, uint64_t x[32], uint64_t value)
{
    uint8_t byte = (uint8_t)x[SBI_A0];

    return v16550_send(uart, &byte, 1) == 1 ? sbi_answer(x, SBI_SUCCESS, value) : EXIT_PREEMPTED;
}

enum exit_reason sbi_console_call(const struct vcpu *v, uint64_t x[32])
{
    struct v16550 *uart = v->vm->config->arch.uart;

    if (uart == NULL || x[SBI_FUNCTION] > SBI_DBCN_WRITE_BYTE) {
        return sbi_answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    return x[SBI_FUNCTION] == SBI_DBCN_WRITE_BYTE
               ? put(uart, x, 0)
               : transfer(v, x, x[SBI_FUNCTION] == SBI_DBCN_READ);
}

enum exit_reason sbi_legacy_console(const struct vcpu *v, uint64_t x[32])
{
    struct v16550 *uart = v->vm->config->arch.uart;
    uint8_t byte;

    if (uart == NULL) {
        return sbi_answer_legacy(x, SBI_ERR_NOT_SUPPORTED);
    }
    if (x[SBI_EXTENSION] == SBI_LEGACY_CONSOLE_PUTCHAR) {
        return put(uart, x, x[SBI_A0 + 1]);
    }
    return sbi_answer_legacy(x, v16550_receive(uart, &byte, 1) == 1 ? byte : -1);
}

void arch_console_guest_update(struct vm *vm)
{
    if (vm->config->arch.uart != NULL) {
        v16550_update(vm->config->arch.uart);
    }
}
