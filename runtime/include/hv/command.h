/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands: what the keys after the escape key do (hv/console.h has the list).
 */
#pragma once

#include <hv/types.h>

/* Carries out the command of one key; an unknown key shows the help. No lock held. */
void command_run(uint8_t key);
