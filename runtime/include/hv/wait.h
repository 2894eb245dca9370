/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues: the vCPU tasks of one VM that wait for a condition, one bit for each vCPU.
 *
 * A waiter announces itself, checks its condition, and only then blocks; a waker makes the
 * condition true before it wakes. So a wake-up between check and block is never lost:
 *
 *     while (!condition) {
 *         wait_prepare(queue, v);
 *         if (!condition) {
 *             sched_block();
 *         }
 *         wait_finish(queue, v);
 *     }
 */
#pragma once

#include <hv/types.h>

struct vcpu;

/* A VM has at most this many vCPUs, so that a wait queue is one word. */
#define WAIT_QUEUE_VCPUS 64

struct wait_queue {
    uint64_t waiting; /* atomic: bit i: vCPU i of the VM waits */
};

/* Enters the task into the queue and takes it off its CPU's ready set. Own task. */
void wait_prepare(struct wait_queue *queue, struct vcpu *v);

/* Leaves the queue and is ready again, woken or not. Own task. */
void wait_finish(struct wait_queue *queue, struct vcpu *v);

/* Wakes one vCPU task if it waits in the queue. Any CPU. */
void wait_wake(struct wait_queue *queue, struct vcpu *v);
