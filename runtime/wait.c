/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues. See hv/wait.h for the protocol; its two halves are ordered by sequentially
 * consistent atomics: the waiter clears its ready bit before it looks at the condition, the waker
 * sets the condition before it sets the ready bit.
 */
#include <hv/sched.h>
#include <hv/tables.h>
#include <hv/wait.h>

static uint64_t bit_of(const struct vcpu *v)
{
    return UINT64_C(1) << v->config->index;
}

void wait_prepare(struct wait_queue *queue, struct vcpu *v)
{
    __atomic_fetch_or(&queue->waiting, bit_of(v), __ATOMIC_SEQ_CST);
    sched_unready(v);
}

void wait_finish(struct wait_queue *queue, struct vcpu *v)
{
    sched_ready(v);
    __atomic_fetch_and(&queue->waiting, ~bit_of(v), __ATOMIC_SEQ_CST);
}

void wait_wake(struct wait_queue *queue, struct vcpu *v)
{
    if ((__atomic_load_n(&queue->waiting, __ATOMIC_SEQ_CST) & bit_of(v)) != 0) {
        sched_wake(v);
    }
}
