/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's prompt: keys become a line, and a line becomes steps of a command. See
 * hv/operator.h for the states, hv/command.h for what a line may say.
 */
#include <hv/command.h>
#include <hv/log.h>
#include <hv/operator.h>
#include <hv/string.h>
#include <hv/tables.h>
#include <hv/terminal.h>
#include <hv/time.h>

#define PROMPT "ashlar> "

#define KEY_CTRL_C    0x03
#define KEY_BACKSPACE 0x08
#define KEY_CTRL_U    0x15
#define KEY_ESC       0x1b
#define KEY_OPEN      0x1d /* Ctrl-] */
#define KEY_DELETE    0x7f

#define ESC_MS 50u /* when nothing has followed an ESC after that time, it was the key */

static uint32_t state;       /* atomic: enum operator_state */
static uint32_t has_changed; /* atomic: what the terminal shows is old */
static uint32_t is_running;  /* atomic: a CPU is in prompt_run() */

/* The prompt and the line behind it; whose they are, hv/operator.h says. */
static char shown[sizeof PROMPT + COMMAND_LINE_MAX] = PROMPT;
static char *const line = shown + sizeof PROMPT - 1;
static uint32_t step; /* of the command */

/* Under console_lock. */
static uint8_t last_byte;
static uint64_t esc_time; /* ticks */

enum operator_state prompt_state(void)
{
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE);
}

static void enter(enum operator_state next)
{
    __atomic_store_n(&has_changed, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&state, next, __ATOMIC_RELEASE);
}

/* A digit in an empty line is a command of its own. */
static void focus_number(uint32_t number)
{
    if (number == 0 || number >= console_count) {
        log_always("no VM has number %u", number);
        return;
    }
    console_set_focus(&consoles[number]);
    log_always("focus: %s", consoles[number].name);
    enter(OPERATOR_AWAY);
}

/* A key that changes the line, or none. */
static void edit(uint8_t byte)
{
    size_t length = strlen(line);

    if (byte == KEY_CTRL_U || byte == KEY_CTRL_C) {
        line[0] = '\0';
    } else if (byte == KEY_BACKSPACE || byte == KEY_DELETE) {
        line[length - (length > 0 ? 1 : 0)] = '\0';
    } else if (length == 0 && byte >= '0' && byte <= '9') {
        focus_number((uint32_t)byte - '0');
    } else if (byte >= ' ' && byte < KEY_DELETE && length < COMMAND_LINE_MAX) {
        line[length] = (char)byte;
        line[length + 1] = '\0';
    }
}

/* A key while a line is typed. Returns false if it is for the VM in focus. */
static bool type(uint8_t byte, uint8_t before)
{
    if (byte == '\n' && before == '\r') {
        return true; /* one key of a terminal that sends both */
    }
    enter(OPERATOR_TYPING);
    switch (byte) {
    case '\r':
    case '\n':
        enter(line[0] != '\0' ? OPERATOR_ENTERED : OPERATOR_AWAY);
        break;
    case KEY_OPEN:
        enter(OPERATOR_AWAY);
        return before != KEY_OPEN; /* twice: the key itself is meant */
    case KEY_ESC:
        esc_time = arch_time_now();
        enter(OPERATOR_LEAVING);
        break;
    case '\t':
        enter(OPERATOR_ASKED);
        break;
    default:
        edit(byte);
        break;
    }
    return true;
}

bool prompt_take(uint8_t byte)
{
    uint8_t before = last_byte;

    last_byte = byte;
    if (prompt_state() == OPERATOR_LEAVING) {
        /* Arrows and the like: ECMA-48, 5.4 (CSI) and 8.3.143 (SS3). */
        bool is_sequence = byte == '[' || byte == 'O';

        enter(is_sequence ? OPERATOR_SEQUENCE : OPERATOR_AWAY);
        if (is_sequence) {
            return true;
        }
    }
    if (prompt_state() == OPERATOR_TYPING) {
        return type(byte, before);
    }
    if (prompt_state() == OPERATOR_SEQUENCE) {
        if (byte < ' ' || byte >= '@') { /* its final byte, or no part of one */
            enter(OPERATOR_TYPING);
        }
        return true;
    }
    if (byte == KEY_OPEN) {
        line[0] = '\0';
        enter(OPERATOR_TYPING);
    }
    return byte == KEY_OPEN;
}

void prompt_show(bool is_last)
{
    bool is_old = __atomic_load_n(&has_changed, __ATOMIC_RELAXED);

    if (prompt_state() == OPERATOR_LEAVING && arch_time_now() - esc_time >= time_from_ms(ESC_MS)) {
        enter(OPERATOR_AWAY);
        is_old = true;
    }
    if ((!is_old && !is_last) || prompt_state() >= OPERATOR_ASKED) {
        return;
    }
    if (prompt_state() != OPERATOR_AWAY) {
        terminal_prompt(shown, prompt_state() == OPERATOR_ENTERED);
    } else if (!is_last) {
        return;
    } else if (is_old) {
        terminal_close_prompt(console_focus());
    }
    if (is_old) { /* else run() may have changed something since */
        __atomic_store_n(&has_changed, 0, __ATOMIC_RELAXED);
    }
    if (prompt_state() == OPERATOR_ENTERED) {
        step = 0;
        enter(OPERATOR_ACTING);
    }
}

/* A piece of work, as this CPU's alone. */
static void work(void)
{
    if (prompt_state() == OPERATOR_ASKED) {
        command_complete(line);
        enter(OPERATOR_TYPING);
    } else if (prompt_state() == OPERATOR_ACTING) {
        enum command_result result = command_step(line, step);

        step++;
        if (result != COMMAND_MORE) {
            line[0] = '\0';
            enter(result == COMMAND_DONE ? OPERATOR_TYPING : OPERATOR_AWAY);
        }
    }
}

bool prompt_run(void)
{
    enum operator_state before = prompt_state();

    if (before >= OPERATOR_ASKED && console_room(&consoles[0]) >= LOG_ROOM &&
        !__atomic_exchange_n(&is_running, 1, __ATOMIC_ACQUIRE)) {
        work();
        __atomic_store_n(&is_running, 0, __ATOMIC_RELEASE);
    }
    return before == OPERATOR_LEAVING || before >= OPERATOR_ENTERED;
}
