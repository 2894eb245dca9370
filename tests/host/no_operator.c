/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generator prints for a system without operator's prompt.
 */
#include <hv/operator.h>

enum operator_state operator_state(void)
{
    return OPERATOR_AWAY;
}

bool operator_take(uint8_t byte)
{
    (void)byte;
    return false;
}

void operator_show(bool is_last)
{
    (void)is_last;
}

bool operator_run(void)
{
    return false;
}
