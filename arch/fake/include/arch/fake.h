/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake architecture, as tests drive it.
 *
 * Several simulated CPUs share one thread of the test's process. A CPU runs in a context of its own
 * until it yields: between two steps of a guest, when it is idle, when it spins, and at atomic
 * operations of files that are compiled with arch/interleave.h. Then the test is back in control
 * and chooses who goes on. The clock stands still but for fake_clock. Nothing is random.
 */
#pragma once

#include <hv/types.h>

struct pcpu;
struct vcpu;

#define FAKE_CPUS_MAX  8
#define FAKE_FREQUENCY 1000000u /* ticks in a second: a tick is a microsecond */

enum fake_status {
    FAKE_OFF,      /* not started */
    FAKE_READY,    /* can go on */
    FAKE_SPINNING, /* can go on, but waits for another CPU */
    FAKE_IDLE,     /* waits for an interrupt */
    FAKE_HALTED,   /* stopped for good */
};

struct fake_cpu {
    struct pcpu *pcpu;
    struct fake_context *boot;    /* on which vmm_main() or pcpu_main() was entered */
    struct fake_context *current; /* that continues with the next fake_step() */
    enum fake_status status;
    uint64_t deadline;       /* arch_timer_set() */
    uint64_t guest_deadline; /* of the guest whose registers are in the machine */
    uint32_t kicks;          /* sent to it so far */
    bool is_kicked;          /* a kick is pending */
    bool refuses_start;      /* set by the test: arch_cpu_start() fails */
    bool is_mute;            /* set by the test: it is said to start, but does not */
    uint32_t model;          /* set by the test: not 0: it is another CPU than the tables say */
};

extern struct fake_cpu fake_cpus[FAKE_CPUS_MAX];
extern uint64_t fake_clock;        /* arch_time_now() */
extern uint32_t fake_power_offs;   /* calls of arch_power_off() */
extern uint32_t fake_power_resets; /* calls of arch_power_reset() */
extern bool fake_may_preempt;      /* fake_preempt() yields */
extern uint32_t fake_windows_open; /* arch_window_open() minus arch_window_close() */
extern uint64_t fake_ram_end;      /* from here on no address is answered; arch_probe() */
extern bool fake_ram_is_rom;       /* nothing that is written stays; arch_probe_write() */
extern uint64_t fake_zeroed;       /* bytes that arch_mm_zero() was asked for */

/* What a guest's step returns when it does not leave the guest: it goes on computing. Interrupts
 * that become pending meanwhile reach it only through an exit. */
#define FAKE_NO_EXIT (-1)

/* Makes a CPU start in `entry` when it is stepped. */
void fake_start(struct pcpu *pcpu, void (*entry)(void));

/* Continues a CPU until it yields. Returns false, having done nothing, if it has nothing to do: it
 * is off, halted, or idle without a pending interrupt. */
bool fake_step(uint32_t cpu);

/* True when fake_step() would do something. */
bool fake_can_step(uint32_t cpu);

/* Steps all CPUs in turn until none can go on. Returns false if that does not happen in `limit`
 * steps. */
bool fake_settle(uint32_t limit);

/* Steps all CPUs in turn, `steps` times each; idle ones are passed over. */
void fake_run(uint32_t steps);

/* Gives control back to the test. In a simulated CPU. */
void fake_yield(enum fake_status status);

/* True when the CPU has an interrupt to take: a kick, its deadline, the loaded guest's timer, or,
 * on CPU 0, the console. */
bool fake_has_interrupt(uint32_t cpu);

/* Makes a virtual interrupt pending and notifies the vCPU, as a device's interrupt would. */
void fake_interrupt(struct vcpu *v);

/* The guest sets its own timer. In a step of the guest. */
void fake_set_guest_timer(struct vcpu *v, uint64_t deadline);

/* ---- The serial port ---- */

#define FAKE_PORT_SIZE 65536u

extern uint8_t fake_output[FAKE_PORT_SIZE]; /* what was sent */
extern uint32_t fake_output_count;
extern uint32_t fake_port_room; /* bytes that the port takes until it is full; UINT32_MAX: never */
extern bool fake_notifies_room; /* arch_console_notify_room() */

/* Bytes typed at the terminal; the port's interrupt is pending until they are read. */
void fake_type(const char *bytes);

/* Input is waiting in the port, or it has room and was asked to tell. */
bool fake_port_has_interrupt(void);
