/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands: a word, and for most of them the name of a VM or a plan. Words may be
 * cut short as long as they are unique. `help` lists them.
 *
 * A command is carried out in steps, each of which writes at most one line, so that a long answer
 * neither keeps the CPU nor overruns the log.
 */
#pragma once

#include <hv/types.h>

/* Longest line, in bytes: with what stands before it, it fits in 80 columns. */
#define COMMAND_LINE_MAX 64u

enum command_result {
    COMMAND_MORE,  /* there is another step */
    COMMAND_DONE,  /* the next line may be typed */
    COMMAND_LEAVE, /* the operator leaves the prompt */
};

/*
 * Carries out step 0, 1, ... of a line: zero-terminated, at most COMMAND_LINE_MAX printable
 * characters, with something in it. A mistake is a line that says what is possible. Does not return
 * from `off`. Any CPU, no lock held.
 */
HV_COLD HV_MUST_CHECK enum command_result command_step(const char *line, uint32_t step);

/*
 * Completes the last word of a line that has room for COMMAND_LINE_MAX characters and a zero;
 * writes the possible words if they have nothing more in common. Same caller.
 */
HV_COLD void command_complete(char *line);
