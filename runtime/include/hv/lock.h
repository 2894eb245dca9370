/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks, and the one place where the lock order is written.
 *
 * The hypervisor runs with physical interrupts masked at its own level, so a lock is only ever
 * contended by another CPU and never by an interrupt handler of the same CPU. Tickets make waiting
 * fair: a CPU waits for at most (CPU count - 1) holders, each of which does bounded work.
 *
 * Lock order; a CPU that holds one may only take locks further down:
 *
 *     vm->lock          life cycle of one VM and of its vCPUs
 *     vgwdt->lock       (aarch64) registers of one VM's emulated watchdog
 *     vpl011->lock      (aarch64) registers of one VM's emulated UART, guest side of its rings
 *     v16550->lock      the same, where the guest's UART is an NS16550A
 *     switch_lock       the plan's eras; only log lines are written under it
 *     console_lock      rings, focus and line state of all consoles, the operator's line
 *     vgic->lock        (aarch64) interrupt state of one VM
 *     vcontroller->lock (riscv64) the same
 *     vioapic->lock     (x86_64) the same
 *     hpet_lock         (x86_64) the HPET
 *     ioapic_lock       (x86_64) the physical IOAPIC; a leaf
 *     plic_lock         (riscv64) enable bits of the physical PLIC; a leaf
 *
 * Log lines may be written with any lock held: log_write() only fills the hypervisor's own ring,
 * under log_lock, which is a leaf; it never takes a lock above.
 */
#pragma once

#include <hv/arch/cpu.h>
#include <hv/types.h>

struct spinlock {
    uint32_t next;  /* atomic: the ticket the next comer takes */
    uint32_t owner; /* atomic: the ticket that is served */
};

/* Takes the lock; waits for the CPUs that came before. Any CPU, any context. */
static inline void spin_lock(struct spinlock *lock)
{
    uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket) {
        arch_cpu_relax();
    }
}

/* Takes the lock if nobody holds it. Returns false, having changed nothing, if somebody does. */
static inline bool spin_trylock(struct spinlock *lock)
{
    uint32_t owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);

    return __atomic_compare_exchange_n(&lock->next, &owner, owner + 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Hands the lock to the next ticket. The caller holds it. */
static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
}
