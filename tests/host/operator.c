/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generator prints for a system with operator's prompt.
 */
#include <hv/operator.h>

enum operator_state operator_state(void)
{
    return prompt_state();
}

bool operator_take(uint8_t byte)
{
    return prompt_take(byte);
}

void operator_show(bool is_last)
{
    prompt_show(is_last);
}

bool operator_run(void)
{
    return prompt_run();
}
