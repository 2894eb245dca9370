/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on the terminal: prefixes, line ends, and lines that are broken off and taken up again.
 *
 * Only runtime/console.c uses it, under console_lock. What is written is staged, and leaves through
 * terminal_send(): between two calls of terminal_write() it has to be sent whole.
 */
#pragma once

#include <hv/types.h>

struct console;

/*
 * Stages one byte of a console's output, with all that has to stand before it: the end of another
 * console's line, the prefix, the text of the line that was broken off. Nothing is staged before.
 */
void terminal_write(struct console *console, uint8_t byte);

/* Sends what is staged. Returns false if the port is full and something is left. */
bool terminal_send(void);

/* Whose unfinished line stands on the terminal, or NULL. */
struct console *terminal_line(void);

/* Ends the unfinished line, to be taken up again; does nothing if there is none. */
void terminal_break_line(void);

/* Longest prompt, in bytes: behind the prefix it fits in a line of 80 columns. */
#define TERMINAL_PROMPT_MAX 74u

/*
 * Stages what makes the operator's prompt read `text` (printable, not empty, zero-terminated, cut
 * at TERMINAL_PROMPT_MAX): another line's end and the prefix if it does not stand there yet, else
 * the difference. `is_finished` ends the line, which then stays; else the next terminal_write()
 * erases it. Nothing is staged before.
 */
HV_COLD void terminal_prompt(const char *text, bool is_finished);

/* Stages the prompt's erasure; the unfinished line of `next` (or NULL) that was broken off appears
 * again, if nothing else stands there. Nothing is staged before. */
HV_COLD void terminal_close_prompt(struct console *next);
