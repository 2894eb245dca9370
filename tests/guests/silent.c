/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest for a VM without console: works for a moment and powers off without a word.
 */
#include "guest.h"

void guest_main(void)
{
    delay_us(10000);
    machine_off();
}
