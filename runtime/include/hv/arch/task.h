/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: tasks, the hypervisor-side contexts that the scheduler switches between.
 *
 * A task is one vCPU's hypervisor stack plus struct arch_task, which holds the stack pointer while
 * the task does not run. Each CPU's boot stack doubles as its idle task. Guest registers are not
 * part of a task: see hv/arch/vcpu.h.
 */
#pragma once

#include <arch/types.h>

struct vcpu;

/* Makes the first switch to `task` call vcpu_task(v) on the stack that ends at `stack_top`. */
void arch_task_init(struct arch_task *task, uintptr_t stack_top, struct vcpu *v);

/* Saves the running context into `from` and continues `to`; returns when `from` is continued. */
void arch_task_switch(struct arch_task *from, struct arch_task *to);
