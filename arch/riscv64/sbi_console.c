/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SBI console: the same rings as the VM's emulated UART has, under its lock. See arch/sbi.h.
 *
 * Guest memory is reached through the VM's own tables, after its regions were asked; a call moves a
 * bounded number of bytes and says how many.
 */
#include <arch/memory.h>
#include <arch/sbi.h>
#include <arch/trap.h>
#include <arch/v16550.h>
#include <hv/tables.h>

/* Bytes that one call moves at most. */
#define CALL_SIZE_MAX 256u

static struct v16550 *uart_of(const struct vcpu *v)
{
    return v->vm->config->arch.uart;
}

/* Puts what fits; returns how many bytes that was. */
static uint64_t put(struct v16550 *uart, const uint8_t *bytes, uint64_t size)
{
    uint64_t done = 0;

    spin_lock(&uart->lock);
    while (done < size && console_put(uart->console, bytes[done])) {
        done++;
    }
    spin_unlock(&uart->lock);
    console_drain();
    return done;
}

static uint64_t get(struct v16550 *uart, uint8_t *bytes, uint64_t size)
{
    uint64_t done = 0;

    spin_lock(&uart->lock);
    while (done < size) {
        int byte = console_get(uart->console);

        if (byte < 0) {
            break;
        }
        bytes[done++] = (uint8_t)byte;
    }
    spin_unlock(&uart->lock);
    v16550_update(uart); /* its receive interrupt may fall */
    return done;
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
    return (struct sbi_result){ SBI_SUCCESS, put(uart_of(v), bytes, size) };
}

struct sbi_result sbi_console_read(const struct vcpu *v, ipa_t base, uint64_t size)
{
    uint8_t bytes[CALL_SIZE_MAX];

    if (!memory_permits(v->vm, base, size, MEM_WRITE)) {
        return (struct sbi_result){ SBI_ERR_INVALID_PARAM, 0 };
    }
    size = get(uart_of(v), bytes, size < CALL_SIZE_MAX ? size : CALL_SIZE_MAX);
    if (access_copy_to_guest(base, bytes, size) != size) {
        return (struct sbi_result){ SBI_ERR_FAILED, 0 };
    }
    return (struct sbi_result){ SBI_SUCCESS, size };
}

bool sbi_console_put(const struct vcpu *v, uint8_t byte)
{
    return put(uart_of(v), &byte, 1) == 1;
}

int sbi_console_get(const struct vcpu *v)
{
    uint8_t byte;

    return get(uart_of(v), &byte, 1) == 1 ? byte : -1;
}
