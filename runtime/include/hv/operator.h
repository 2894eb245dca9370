/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's prompt, as the console knows it. A system may be without: its generated tables
 * define operator_...() as prompt_...() of runtime/prompt.c, or as functions that do nothing, and
 * then nothing of prompt.c and command.c is linked. No pointer leads there, so that the depth of
 * stacks can be proved.
 *
 * States, in the order that console.c compares them by:
 *
 *     AWAY      nobody is at the prompt: what is typed goes to the VM in focus
 *     TYPING    a line is being typed; it stands below everything else on the terminal
 *     LEAVING   the same, but ESC was the last: the key of that name, or the start of a longer code
 *     SEQUENCE  the rest of such a code is on its way
 *     ENTERED   the line is complete, but not yet on the terminal
 *     ASKED     Tab was typed
 *     ACTING    the command is at work
 *
 * From ENTERED on what is typed has to wait. The line belongs to console_lock; in ASKED and ACTING,
 * which only run() leaves, to the CPU in run().
 */
#pragma once

#include <hv/types.h>

enum operator_state {
    OPERATOR_AWAY,
    OPERATOR_TYPING,
    OPERATOR_LEAVING,
    OPERATOR_SEQUENCE,
    OPERATOR_ENTERED,
    OPERATOR_ASKED,
    OPERATOR_ACTING,
};

/* The state now. Any CPU. */
enum operator_state operator_state(void);

/* Takes a byte that was typed, in a state before ENTERED. Returns false if it is for the VM in
 * focus. console_lock is held. */
bool operator_take(uint8_t byte);

/* Brings the terminal up to date, on which nothing is staged: before the lines of a pass only with
 * what was typed, behind them (`is_last`) in any case. console_lock is held. */
void operator_show(bool is_last);

/* Does a piece of work: completes a word, or writes a line of a command's answer if the log has
 * room. Returns true if it has to be called again. Any CPU, no lock held. */
bool operator_run(void);

/* The same, in runtime/prompt.c. */
enum operator_state prompt_state(void);
HV_COLD bool prompt_take(uint8_t byte);
void prompt_show(bool is_last);
HV_COLD bool prompt_run(void);
