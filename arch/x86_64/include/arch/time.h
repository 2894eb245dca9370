/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: the time-stamp counter, and the local APIC's timer as each CPU's deadline.
 */
#pragma once

#include <hv/types.h>

/* The IOAPIC's pin of the HPET's first timer. */
#define TIME_PIN 20u

struct pcpu;

/* Measures the time-stamp counter and the APIC timer. Boot CPU, before any deadline; the APIC is
 * on. */
void time_init(void);

/* Prepares this CPU's timer. */
void time_init_cpu(void);

/* Arms this CPU's timer anew, because one of its two deadlines changed. */
void time_arm(struct pcpu *pcpu);

/* Arms the HPET for the first deadline of a CPU whose APIC a guest owns, if there is one. Any CPU.
 */
void time_arm_hpet(void);

/* The timer's interrupt. */
void time_interrupt(struct pcpu *pcpu);
