/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before riscv64's header of the same name in host tests: hvip.VSEIP is in memory, one for
 * each simulated CPU (vplic_machine.h).
 */
#pragma once

#include <stdbool.h>

/* Sets or clears VSEIP of the vCPU that is loaded on the executing CPU. */
void hvip_set_vsei(bool level);
