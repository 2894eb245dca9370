/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's serial port.
 */
#pragma once

/* Answers what its interrupt stands for, until the line is low: another edge will come. */
void ns16550_quiet(void);
