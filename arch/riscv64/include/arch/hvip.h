/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt bit that a virtual interrupt controller moves in the loaded vCPU's hvip. Alone in a
 * header, so that tests on the build machine can put another in its place.
 *
 * Source: RISC-V Privileged Architecture 20240411, 18.2.3.
 */
#pragma once

#include <arch/csr.h>

/* Sets or clears VSEIP of the vCPU that is loaded on this CPU. */
static inline void hvip_set_vsei(bool level)
{
    if (level) {
        csr_set(CSR_HVIP, BIT(IRQ_VSEI));
    } else {
        csr_clear(CSR_HVIP, BIT(IRQ_VSEI));
    }
}
