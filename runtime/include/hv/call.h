/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ashlar's own calls, as <ashlar.h> describes them to guests.
 */
#pragma once

#include <hv/types.h>

struct vcpu;

/* Arguments of a call, and then its values. */
#define CALL_ARGUMENTS 3
#define CALL_VALUES    4

/*
 * Carries a call out.
 *   function:  any number
 *   x:         the arguments in x[0] to x[CALL_ARGUMENTS - 1], replaced by the values
 * Returns enum ashlar_error. Own CPU, no lock held; the caller's VM may have been asked to stop
 * when it returns. Does not return if the machine is reset.
 */
int64_t call_make(struct vcpu *v, uint64_t function, uint64_t x[CALL_VALUES]);
