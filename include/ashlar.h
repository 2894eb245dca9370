/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of Ashlar's that a guest may make: the numbers, the errors, and a function for C.
 *
 * A call has a function and up to three arguments; it gives an error, and four values where the
 * error is ASHLAR_OK and 0 where it is not. All of them are 64 bits wide. No other register
 * changes.
 *
 *              instruction  function             arguments      error  values
 *   aarch64    hvc #0       x0: 0xc6000000 + f   x1 x2 x3       x0     x1 x2 x3 x4
 *   riscv64    ecall        a7: 0x08415348       a0 a1 a2       a0     a1 a2 a3 a4
 *                           a6: f
 *   x86_64     vmmcall      rax: 0x41534800 + f  rdi rsi rdx    rax    rdi rsi rdx rcx
 *
 * They are made by the guest's kernel (EL1, VS-mode, CPL 0). The numbers lie where SMCCC (DEN 0028,
 * 2.5) has the vendor-specific hypervisor service and SBI (3) its experimental extensions. A
 * hypervisor that does not know them answers with an error.
 *
 * A VM is named by its number, its place in the system's description from 0. What concerns another
 * VM is for VMs whose description says that they manage it; all others get ASHLAR_DENIED. That, and
 * ASHLAR_UNKNOWN, is an event of the caller's health table. What only asks, a VM may ask about
 * itself.
 */
#pragma once

#include <stdint.h>

#define ASHLAR_CALLS_VERSION 1

enum ashlar_call {
    ASHLAR_VERSION,        /* () -> version of this interface */
    ASHLAR_SELF,           /* () -> the caller's number, number of VMs of the system */
    ASHLAR_READY,          /* (): the caller is ready; VMs that wait for it may start */
    ASHLAR_WATCHDOG_START, /* (ms): starts the caller's watchdog, at most for its declared time;
                              INVALID without one */
    ASHLAR_WATCHDOG_KICK,  /* (): a sign of life: it counts anew */
    ASHLAR_WATCHDOG_STOP,  /* (): stops it; REFUSED if it runs from boot on */
    ASHLAR_PLAN,        /* () -> plan, ns since the frame began, ns until the window ends; INVALID
                           on a CPU without plan */
    ASHLAR_PLAN_SWITCH, /* (plan): from a frame boundary within two frames on; for VMs with
                           manages-plans. REFUSED: the last switch is too young */
    ASHLAR_FIND,        /* (name): number of the VM that the caller manages, or of itself; the
                           name's first 24 bytes in the arguments, from the lowest byte on */
    ASHLAR_STATE,       /* (vm) -> enum ashlar_state, vCPUs that are on, boots, vCPUs it has */
    ASHLAR_START,       /* (vm); REFUSED: it runs. FIXED: it cannot be put back */
    ASHLAR_STOP,        /* (vm); REFUSED: it does not run. So of the next two */
    ASHLAR_PAUSE,       /* (vm) */
    ASHLAR_RESUME,      /* (vm) */
    ASHLAR_RESTART,     /* (vm); REFUSED: it is about to stop. FIXED: as above */
    ASHLAR_TIME,        /* (vm, vcpu) -> CPU time in ns; INVALID: no such vCPU */
    ASHLAR_EXITS,       /* (vm, vcpu, reason) -> how often its guest was left for that reason, a
                           number of enum exit_reason; INVALID: no such vCPU or reason */
    ASHLAR_EVENTS,      /* (vm) -> events in its life so far */
    ASHLAR_EVENT,       /* (vm, number) -> time in ns, ASHLAR_EVENT_* of what happened, pc,
                           guest physical address; INVALID: not yet, or overwritten (the last 16
                           are kept) */
    ASHLAR_CALL_COUNT,
};

/* Second value of ASHLAR_EVENT: enum health_event, enum health_action, vCPU. */
#define ASHLAR_EVENT_KIND(value)   ((uint32_t)(value)&0xff)
#define ASHLAR_EVENT_ACTION(value) ((uint32_t)(value) >> 8 & 0xff)
#define ASHLAR_EVENT_VCPU(value)   ((uint32_t)(value) >> 16 & 0xffff)

enum ashlar_error {
    ASHLAR_OK = 0,
    ASHLAR_UNKNOWN = -1, /* no such call */
    ASHLAR_INVALID = -2, /* an argument is none that the call can have */
    ASHLAR_DENIED = -3,  /* the caller's description does not grant it */
    ASHLAR_REFUSED = -4, /* the state of the VM, watchdog or plan does not allow it now */
    ASHLAR_FIXED = -5,   /* the VM's images are linked in place */
};

enum ashlar_state {
    ASHLAR_STATE_READY,
    ASHLAR_STATE_RUNNING,
    ASHLAR_STATE_PAUSED,
    ASHLAR_STATE_STOPPING,
    ASHLAR_STATE_STOPPED,
    ASHLAR_STATE_FAILED,
};

#define ASHLAR_HVC     UINT64_C(0xc6000000)
#define ASHLAR_ECALL   UINT64_C(0x08415348)
#define ASHLAR_VMMCALL UINT64_C(0x41534800)

/* Makes a call; returns its error and puts its four values into value[], which may be NULL. */
static inline int64_t ashlar_call(enum ashlar_call function, uint64_t a, uint64_t b, uint64_t c,
                                  uint64_t value[4])
{
#if defined(__aarch64__)
    register uint64_t error __asm__("x0") = ASHLAR_HVC + function;
    register uint64_t v0 __asm__("x1") = a;
    register uint64_t v1 __asm__("x2") = b;
    register uint64_t v2 __asm__("x3") = c;
    register uint64_t v3 __asm__("x4");

    __asm__ volatile("hvc #0" : "+r"(error), "+r"(v0), "+r"(v1), "+r"(v2), "=r"(v3) : : "memory");
#elif defined(__riscv)
    register uint64_t error __asm__("a0") = a;
    register uint64_t v0 __asm__("a1") = b;
    register uint64_t v1 __asm__("a2") = c;
    register uint64_t v2 __asm__("a3");
    register uint64_t v3 __asm__("a4");
    register uint64_t number __asm__("a6") = function;
    register uint64_t extension __asm__("a7") = ASHLAR_ECALL;

    __asm__ volatile("ecall"
                     : "+r"(error), "+r"(v0), "+r"(v1), "=r"(v2), "=r"(v3)
                     : "r"(number), "r"(extension)
                     : "memory");
#elif defined(__x86_64__)
    uint64_t error = ASHLAR_VMMCALL + function;
    uint64_t v0 = a, v1 = b, v2 = c, v3;

    __asm__ volatile("vmmcall" : "+a"(error), "+D"(v0), "+S"(v1), "+d"(v2), "=c"(v3) : : "memory");
#endif
    if (value != 0) {
        value[0] = v0;
        value[1] = v1;
        value[2] = v2;
        value[3] = v3;
    }
    return (int64_t)error;
}
