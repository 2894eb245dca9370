/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on the terminal. See hv/terminal.h.
 *
 * `line` says what stands on the terminal and is one of
 *
 *     closed   line.console == NULL: the cursor is at the start of a line
 *     open     line.console wrote a prefix and line.length bytes, and no end of line yet
 *     held     open, and its last byte was a carriage return that is not sent yet: it is half an
 *              end of line, or else the prefix is written again before anything overwrites it
 *
 * Each byte written moves it on and stages what has to be sent for it, at most a broken-off line's
 * end, a prefix and a repeated text. The operator's prompt stands on the terminal only while that
 * is closed, and is erased before anything else is written.
 */
#include <hv/arch/console.h>
#include <hv/tables.h>
#include <hv/terminal.h>

#define ESC      0x1b
#define LINE_MAX 1000u /* bytes; a longer line is broken */

/* console->escape: how much of an escape sequence the line ends with. */
#define ESCAPE_NONE     0u
#define ESCAPE_BEGUN    1u
#define ESCAPE_SEQUENCE 2u

/* Everything here is under console_lock. */

/* What stands on the terminal. */
static struct {
    struct console *console; /* NULL: nothing but the start of a line */
    uint32_t length;         /* bytes after the prefix */
    bool is_held;            /* a carriage return is not sent yet */
} line;

/* The prompt as it stands on the terminal; empty: it does not. */
static struct {
    uint32_t length;
    char text[TERMINAL_PROMPT_MAX];
} prompt;

/* Bytes on their way into the port. */
static struct {
    uint32_t head;
    uint32_t count;
    uint8_t bytes[256];
} staged;

bool terminal_send(void)
{
    while (staged.head < staged.count) {
        if (!arch_console_put(staged.bytes[staged.head])) {
            return false;
        }
        staged.head++;
    }
    staged.head = 0;
    staged.count = 0;
    return true;
}

static void stage(uint8_t byte)
{
    /* Full only when a name is longer than any that the generator lets pass: then it is cut. */
    if (staged.count < sizeof staged.bytes) {
        staged.bytes[staged.count] = byte;
        staged.count++;
    }
}

static void stage_string(const char *string)
{
    for (; *string != '\0'; string++) {
        stage((uint8_t)*string);
    }
}

/* `[name] `: bold for the hypervisor, else a colour by the console's place (ECMA-48, 8.3.117). */
HV_COLD static void stage_prefix(const struct console *console)
{
    static const char *const colours[] = { "\x1b[36m", "\x1b[33m", "\x1b[35m",
                                           "\x1b[32m", "\x1b[34m", "\x1b[31m" };
    size_t index = (size_t)(console - consoles);

    stage_string(index == 0 ? "\x1b[1m"
                            : colours[(index - 1) % (sizeof colours / sizeof *colours)]);
    stage_string("[");
    stage_string(console->name);
    stage_string("]\x1b[0m ");
}

/* Keeps track of what stands in the unfinished line, as far as it can be repeated: plain
 * characters, without the escape sequences (ECMA-48, 5.4), some of which ask the terminal for an
 * answer. */
static void remember(struct console *console, uint8_t byte)
{
    if (console->escape == ESCAPE_BEGUN && byte == '[') {
        console->escape = ESCAPE_SEQUENCE;
    } else if (console->escape != ESCAPE_NONE) {
        console->escape = byte < 0x40 ? ESCAPE_SEQUENCE : ESCAPE_NONE; /* the final byte ends it */
    } else if (byte == ESC) {
        console->escape = ESCAPE_BEGUN;
    } else if (console->text_length > CONSOLE_TEXT_SIZE) {
        return; /* too long to be repeated */
    } else if (byte == '\b') {
        console->text_length -= console->text_length > 0 ? 1u : 0u;
    } else if (byte >= ' ' || byte == '\t') {
        if (console->text_length < CONSOLE_TEXT_SIZE) {
            console->text[console->text_length] = byte;
        }
        console->text_length++;
    }
}

/* True for a byte of an escape sequence. Only the VM in focus may command the terminal: another one
 * could overwrite lines that are not its own, or have the terminal answer into the focus. */
static bool is_escape(const struct console *console, uint8_t byte)
{
    return console->escape != ESCAPE_NONE || byte == ESC;
}

static void forget(struct console *console)
{
    console->is_broken = false;
    console->escape = ESCAPE_NONE;
    console->text_length = 0;
}

/* closed -> open. */
static void begin_line(struct console *console)
{
    stage_prefix(console);
    line.console = console;
    line.length = 0;
    line.is_held = false;
    if (console->text_length > CONSOLE_TEXT_SIZE) {
        forget(console);
    }
    for (uint32_t i = 0; i < console->text_length; i++) {
        stage(console->text[i]);
    }
    console->is_broken = false;
    console->escape = ESCAPE_NONE;
}

/* open, held -> closed. */
static void end_line(void)
{
    stage_string("\r\n");
    forget(line.console);
    line.console = NULL;
}

struct console *terminal_line(void)
{
    return line.console;
}

void terminal_break_line(void)
{
    if (line.console == NULL) {
        return;
    }
    stage_string("\r\n");
    line.console->is_broken = true;
    line.console = NULL;
}

/* Takes the prompt off the terminal (ECMA-48, 8.3.41: EL), in whose last line it stands. */
HV_COLD static void erase_prompt(void)
{
    stage_string("\r\x1b[K");
    prompt.length = 0;
}

void terminal_prompt(const char *text, bool is_finished)
{
    uint32_t same = 0;

    if (prompt.length == 0) {
        terminal_break_line();
        stage_prefix(&consoles[0]);
    }
    while (same < prompt.length && prompt.text[same] == text[same]) {
        same++;
    }
    if (same < prompt.length) {
        for (; prompt.length > same; prompt.length--) {
            stage('\b');
        }
        stage_string("\x1b[K");
    }
    for (; text[prompt.length] != '\0' && prompt.length < TERMINAL_PROMPT_MAX; prompt.length++) {
        prompt.text[prompt.length] = text[prompt.length];
        stage((uint8_t)text[prompt.length]);
    }
    if (is_finished) {
        stage_string("\r\n");
        prompt.length = 0;
    }
}

void terminal_close_prompt(struct console *next)
{
    if (prompt.length > 0) {
        erase_prompt();
    }
    if (line.console == NULL && next != NULL && next->is_broken &&
        next->text_length <= CONSOLE_TEXT_SIZE) {
        begin_line(next);
    }
}

void terminal_write(struct console *console, uint8_t byte)
{
    if (prompt.length > 0) {
        erase_prompt();
    }
    if (line.console != console) {
        if (byte == '\r') {
            return; /* at the start of a line it does nothing */
        }
        if (byte == '\n' && console->is_broken) {
            forget(console); /* the end of the line that was broken off just there */
            return;
        }
        terminal_break_line();
        begin_line(console);
    }
    if (byte == '\n') {
        end_line();
        return;
    }
    if (byte == '\r') {
        line.is_held = true;
        return;
    }
    if (line.is_held) {
        stage('\r');
        forget(console);
        begin_line(console);
    } else if (line.length >= LINE_MAX) {
        end_line();
        begin_line(console);
    }
    if (byte == '\b' && console->text_length == 0) {
        return; /* not back over its own prefix */
    }
    if (!is_escape(console, byte) || console == console_attended()) {
        stage(byte);
        line.length++;
    }
    remember(console, byte);
}
