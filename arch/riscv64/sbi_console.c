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

static struct v16550 *uart_of(const struct vcpu *v)
{
    return v->vm->config->arch.uart;
}

struct sbi_result sbi_console_write(const struct vcpu *v, ipa_t base, uint64_t size)
{
    uint8_t bytes[CALL_SIZE_MAX];

    if (!memory_permits(v->vm, base, size, MEM_READ)) {
        return (struct sbi_result){ SBI_ERR_INVALID_PARAM, 0 };
    }
    size = size < CALL_SIZE_MAX ? size : CALL_SIZE_MAX;
    if (access_copy_from_guest(bytes, base, size) != size) {
        return (struct sbi_result){ SBI_ERR_FAILED, 0 };
    }
    return (struct sbi_result){ SBI_SUCCESS, v16550_send(uart_of(v), bytes, (uint32_t)size) };
}

struct sbi_result sbi_console_read(const struct vcpu *v, ipa_t base, uint64_t size)
{
    uint8_t bytes[CALL_SIZE_MAX];

    if (!memory_permits(v->vm, base, size, MEM_WRITE)) {
        return (struct sbi_result){ SBI_ERR_INVALID_PARAM, 0 };
    }
    size =
        v16550_receive(uart_of(v), bytes, (uint32_t)(size < CALL_SIZE_MAX ? size : CALL_SIZE_MAX));
    if (access_copy_to_guest(base, bytes, size) != size) {
        return (struct sbi_result){ SBI_ERR_FAILED, 0 };
    }
    return (struct sbi_result){ SBI_SUCCESS, size };
}

bool sbi_console_put(const struct vcpu *v, uint8_t byte)
{
    return v16550_send(uart_of(v), &byte, 1) == 1;
}

int sbi_console_get(const struct vcpu *v)
{
    uint8_t byte;

    return v16550_receive(uart_of(v), &byte, 1) == 1 ? byte : -1;
}

void arch_console_guest_update(struct vm *vm)
{
    if (vm->config->arch.uart != NULL) {
        v16550_update(vm->config->arch.uart);
    }
}
