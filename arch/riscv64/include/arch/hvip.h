/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt bit that a virtual interrupt controller moves in the loaded vCPU's hvip.
 *
 * Source: RISC-V Privileged Architecture, 8.2.3 (hvip, hip and hie).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HVIP_VSEIP (UINT64_C(1) << 10)

/* Sets or clears VSEIP of the vCPU that is loaded on this CPU. */
static inline void hvip_set_vsei(bool level)
{
    /* by number: 0x645 is hvip, which assemblers without the H extension do not know */
    if (level) {
        __asm__ volatile("csrs 0x645, %0" : : "r"(HVIP_VSEIP) : "memory");
    } else {
        __asm__ volatile("csrc 0x645, %0" : : "r"(HVIP_VSEIP) : "memory");
    }
}
