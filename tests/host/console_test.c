/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console and the log: what appears on the wire, byte for byte. Colours are written as <36m>
 * for ESC [ 3 6 m, and so on.
 */
/* SOURCES: runtime/console.c runtime/terminal.c runtime/log.c runtime/lib/format.c */
/* SOURCES: runtime/prompt.c tests/host/operator.c arch/fake/console.c */
#include "test.h"
#include <arch/fake.h>
#include <hv/arch/console.h>
#include <hv/arch/time.h>
#include <hv/command.h>
#include <hv/log.h>
#include <hv/tables.h>

#define SECOND FAKE_FREQUENCY
#define PAUSE  (SECOND / 100)

static struct vm alpha, beta, gamma_;

struct console consoles[] = {
    { .name = "hv" },
    { .name = "alpha", .vm = &alpha },
    { .name = "beta", .vm = &beta },
    { .name = "gamma", .vm = &gamma_ },
};
const uint32_t console_count = 4;
const uint32_t system_log_level = LOG_INFO;

/* ---- What the console calls ---- */

uint64_t fake_clock;
static uint64_t alarm_at = TIME_NEVER;
static struct vm *updated[16];
static uint32_t updated_count;
static char commands[16][COMMAND_LINE_MAX + 1];
static uint32_t command_count;
static uint32_t answer_lines = 1; /* of each command */
static enum command_result last_result = COMMAND_DONE;

/* The CPU that all happens on: no plan, nothing else. */
static const struct pcpu_config cpu_config;
static struct pcpu cpu = { .config = &cpu_config };
_Thread_local struct pcpu *fake_this_pcpu = &cpu;

uint64_t arch_time_now(void)
{
    return fake_clock;
}

uint64_t arch_time_frequency(void)
{
    return SECOND;
}

void sched_alarm(uint64_t deadline)
{
    alarm_at = deadline < alarm_at ? deadline : alarm_at;
}

void fake_relax(void)
{
    FAIL("waits for a lock that nobody will release");
}

void arch_console_guest_update(struct vm *vm)
{
    updated[updated_count++ % 16] = vm;
}

/* Commands are not carried out: their lines are kept, and answered with the same, numbered. */
enum command_result command_step(const char *line, uint32_t step)
{
    EXPECT(strlen(line) > 0 && strlen(line) <= COMMAND_LINE_MAX);
    if (step == 0) {
        strcpy(commands[command_count++ % 16], line);
    }
    log_always("answer %u to %s", step, line);
    return step + 1 < answer_lines ? COMMAND_MORE : last_result;
}

void command_complete(char *line)
{
    if (strlen(line) < COMMAND_LINE_MAX) {
        strcat(line, "+");
    }
}

/* ---- Help ---- */

/* Passes time; calls the console when it asked to be called. */
static void pass_time(uint64_t ticks)
{
    fake_clock += ticks;
    if (alarm_at <= fake_clock) {
        alarm_at = TIME_NEVER;
        console_timer();
    }
}

/* A guest writes; how many bytes its UART took. */
static size_t write_some(struct console *console, const char *text, size_t size)
{
    size_t taken = 0;

    while (taken < size && console_put(console, (uint8_t)text[taken])) {
        console_drain();
        taken++;
    }
    return taken;
}

static void guest(uint32_t index, const char *text)
{
    EXPECT_EQ(write_some(&consoles[index], text, strlen(text)), strlen(text));
}

/* Passes time as long as the console asks for it. */
static void settle(void)
{
    for (uint32_t i = 0; i < 1000 && alarm_at != TIME_NEVER; i++) {
        pass_time(SECOND / 1000);
    }
    EXPECT_EQ(alarm_at, TIME_NEVER);
}

/* What came out since the last call, with readable escape sequences: <36m>. */
static const char *output(void)
{
    static char text[2 * FAKE_PORT_SIZE];
    size_t count = 0;
    bool is_inside = false;

    for (uint32_t i = 0; i < fake_output_count; i++) {
        uint8_t byte = fake_output[i];

        if (byte == 0x1b) {
            EXPECT_EQ(fake_output[++i], '[');
            text[count++] = '<';
            is_inside = true;
        } else {
            text[count++] = (char)byte;
            if (is_inside && byte >= 0x40) {
                text[count++] = '>';
                is_inside = false;
            }
        }
    }
    text[count] = '\0';
    fake_output_count = 0;
    return text;
}

/* The same without colours. */
static const char *plain(void)
{
    static char text[2 * FAKE_PORT_SIZE];
    size_t count = 0;

    for (const char *c = output(); *c != '\0'; c++) {
        if (*c == '<') {
            c = strchr(c, '>');
        } else {
            text[count++] = *c;
        }
    }
    text[count] = '\0';
    return text;
}

static void type(const char *keys)
{
    fake_type(keys);
    console_interrupt();
}

static void input_is(uint32_t index, const char *expected)
{
    for (; *expected != '\0'; expected++) {
        EXPECT_EQ(console_get(&consoles[index]), (uint8_t)*expected);
    }
    EXPECT_EQ(console_get(&consoles[index]), -1);
}

/* ---- Lines and prefixes ---- */

TEST(lines_have_coloured_prefixes)
{
    console_init();
    guest(1, "one\n");
    guest(2, "two\r\n");
    guest(3, "\n");
    log_info("three");
    EXPECT_STR(output(), "<36m>[alpha]<0m> one\r\n<33m>[beta]<0m> two\r\n<35m>[gamma]<0m> \r\n"
                         "<1m>[hv]<0m> info: three\r\n");
}

TEST(levels)
{
    console_init();
    log_error("e %u", 1u);
    log_warn("w %s", "two");
    log_info("i 0x%lx", 3ul);
    log_debug("not asked for");
    log_always("end: 0");
    EXPECT_STR(plain(), "[hv] error: e 1\r\n[hv] warn: w two\r\n[hv] info: i 0x3\r\n"
                        "[hv] end: 0\r\n");
}

TEST(nothing_before_the_port_is_ours)
{
    log_info("early");
    EXPECT_STR(plain(), "");
    console_init();
    EXPECT_STR(plain(), "[hv] info: early\r\n");
}

TEST(long_messages_are_cut)
{
    char text[600];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    console_init();
    log_always("%s", text);
    EXPECT_EQ(strlen(plain()), strlen("[hv] ") + LOG_LINE_SIZE - 1 + 2);
}

TEST(unfocused_lines_wait_for_their_end)
{
    console_init();
    guest(2, "un");
    pass_time(SECOND);
    EXPECT_STR(plain(), "");
    guest(2, "finished\nnext");
    EXPECT_STR(plain(), "[beta] unfinished\r\n");
}

TEST(focused_line_is_whole_when_written_fast)
{
    console_init();
    guest(1, "alp");
    guest(2, "beta\n");
    pass_time(PAUSE / 2);
    guest(1, "ha\n");
    pass_time(SECOND);
    EXPECT_STR(plain(), "[beta] beta\r\n[alpha] alpha\r\n");
}

TEST(prompt_and_echo_of_the_focus)
{
    console_init();
    guest(1, "/ # ");
    EXPECT_STR(plain(), "");
    EXPECT_EQ(alarm_at, PAUSE);
    pass_time(PAUSE);
    EXPECT_STR(plain(), "[alpha] / # ");
    guest(1, "l"); /* the line is open: no more waiting */
    EXPECT_STR(plain(), "l");
    guest(1, "s\r\n");
    EXPECT_STR(plain(), "s\r\n");
    EXPECT_EQ(alarm_at, TIME_NEVER);
}

TEST(broken_line_is_taken_up_again)
{
    console_init();
    guest(1, "/ # ls -");
    pass_time(PAUSE);
    guest(2, "hello\n");
    guest(3, "world\n");
    EXPECT_STR(plain(), "[alpha] / # ls -\r\n[beta] hello\r\n[gamma] world\r\n");
    guest(1, "l");
    EXPECT_STR(plain(), "[alpha] / # ls -l");
    log_warn("wait");
    EXPECT_STR(plain(), "\r\n[hv] warn: wait\r\n");
    guest(1, "\n"); /* the line was complete when it was broken off */
    EXPECT_STR(plain(), "");
    guest(1, "next\n");
    EXPECT_STR(plain(), "[alpha] next\r\n");
}

TEST(repeated_text_asks_the_terminal_nothing)
{
    console_init();
    guest(1, "\x1b[1;31m# \x1b[6nab\b\x1b[Jc"); /* a shell's prompt and line editing */
    pass_time(PAUSE);
    output();
    guest(2, "x\n");
    plain();
    guest(1, "!");
    EXPECT_STR(output(), "<36m>[alpha]<0m> # ac!");
}

TEST(too_long_to_be_repeated)
{
    char text[200];

    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    console_init();
    guest(1, text);
    pass_time(PAUSE);
    guest(2, "x\n");
    plain();
    guest(1, "z\n");
    EXPECT_STR(plain(), "[alpha] z\r\n");
}

TEST(carriage_return_writes_the_prefix_again)
{
    console_init();
    guest(1, "10 %\r20 %\r\n");
    guest(1, "\r\r\nx\r\n"); /* at the start of a line it does nothing */
    EXPECT_STR(plain(), "[alpha] 10 %\r[alpha] 20 %\r\n[alpha] \r\n[alpha] x\r\n");
}

TEST(nobody_starts_a_line_without_prefix)
{
    uint64_t seed = 42;
    static const char *const pieces[] = {
        "\n", "\r", "\r\n", "a", "bc", "\n\r", "[beta] x", "\n\n"
    };
    char *line, *rest;

    console_init();
    for (unsigned i = 0; i < 3000; i++) {
        guest(1 + test_random(&seed) % 3, pieces[test_random(&seed) % 8]);
        if (test_random(&seed) % 16 == 0) {
            pass_time(PAUSE);
        }
    }
    console_flush();
    for (line = strtok_r((char *)(uintptr_t)plain(), "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        EXPECT(strncmp(line, "[alpha] ", 8) == 0 || strncmp(line, "[beta] ", 7) == 0 ||
               strncmp(line, "[gamma] ", 8) == 0);
    }
}

TEST(long_lines_are_broken)
{
    char text[1501];
    const char *seen;

    memset(text, 'x', sizeof text);
    text[1500] = '\0';
    console_init();
    guest(2, text);
    guest(2, "\n");
    seen = plain();
    EXPECT_EQ(strlen(seen), strlen("[beta] ") + 1000 + 2 + strlen("[beta] ") + 500 + 2);
    EXPECT(strncmp(seen + 7 + 1000, "\r\n[beta] x", 10) == 0);
}

/* ---- Full rings, full port ---- */

TEST(half_full_ring_is_shown)
{
    char text[CONSOLE_TX_SIZE];

    memset(text, 'x', sizeof text);
    console_init();
    EXPECT_EQ(write_some(&consoles[2], text, CONSOLE_TX_SIZE / 2), CONSOLE_TX_SIZE / 2);
    EXPECT_STR(plain(), "");
    guest(2, "y");
    EXPECT(strlen(plain()) > CONSOLE_TX_SIZE / 2);
    EXPECT_EQ(console_room(&consoles[2]), CONSOLE_TX_SIZE);
}

TEST(full_port_loses_nothing)
{
    char sent[9000], expected[16000];
    size_t sent_count = 0, expected_count = 0, taken;
    uint64_t seed = 7;

    console_init();
    fake_port_room = 0;
    for (unsigned i = 0; sent_count + 64 < sizeof sent; i++) {
        int count = snprintf(sent + sent_count, 64, "line %u of many\n", i);

        expected_count +=
            (size_t)snprintf(expected + expected_count, 64, "[alpha] line %u of many\r\n", i);
        sent_count += (size_t)count;
    }
    taken = write_some(&consoles[1], sent, sent_count);
    EXPECT_EQ(taken, CONSOLE_TX_SIZE + 1); /* one is on its way into the port */
    EXPECT_EQ(console_room(&consoles[1]), 0);
    EXPECT(fake_notifies_room);
    EXPECT_EQ(updated_count, 0);
    while (taken < sent_count) {
        uint32_t before = updated_count;

        EXPECT(fake_notifies_room);
        fake_port_room = 1 + test_random(&seed) % 200;
        console_interrupt();
        EXPECT_EQ(updated_count > before, console_room(&consoles[1]) > 0);
        taken += write_some(&consoles[1], sent + taken, sent_count - taken);
    }
    fake_port_room = UINT32_MAX;
    console_interrupt();
    EXPECT(!fake_notifies_room);
    EXPECT_STR(plain(), expected);
}

TEST(port_fills_anywhere)
{
    char whole[512];

    for (uint32_t room = 0; room < 60; room++) {
        console_init();
        fake_port_room = room;
        guest(1, "a\rb\n");
        guest(2, "c\n");
        log_always("d");
        fake_port_room = UINT32_MAX;
        console_interrupt();
        if (room == 0) {
            snprintf(whole, sizeof whole, "%s", plain());
        } else {
            EXPECT_EQ(strlen(plain()), strlen(whole));
        }
    }
}

TEST(lost_messages_are_counted)
{
    char text[200];

    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    console_init();
    fake_port_room = 0;
    for (unsigned i = 0; i < 15; i++) {
        log_always("%s", text);
    }
    fake_port_room = UINT32_MAX;
    console_interrupt();
    plain();
    log_always("after");
    EXPECT_STR(plain(), "[hv] 5 messages lost\r\n[hv] after\r\n");
}

TEST(a_drain_is_bounded)
{
    char text[CONSOLE_TX_SIZE];

    for (unsigned i = 0; i < sizeof text; i++) {
        text[i] = i % 64 == 63 ? '\n' : 'x';
    }
    console_init();
    fake_port_room = 0;
    for (uint32_t i = 1; i < console_count; i++) {
        EXPECT_EQ(write_some(&consoles[i], text, sizeof text), sizeof text);
    }
    fake_port_room = UINT32_MAX;
    console_drain();
    EXPECT(fake_output_count < 6000);
    EXPECT(fake_notifies_room); /* so that the rest comes by interrupt */
    console_interrupt();
    console_interrupt();
    EXPECT(!fake_notifies_room);
    for (uint32_t i = 0; i < console_count; i++) {
        EXPECT_EQ(console_room(&consoles[i]), CONSOLE_TX_SIZE);
    }
}

TEST(consoles_take_turns)
{
    console_init();
    fake_port_room = 0;
    guest(1, "a1\na2\n");
    guest(2, "b1\nb2\n");
    guest(3, "c1\n");
    fake_port_room = UINT32_MAX;
    console_interrupt();
    EXPECT_STR(plain(), "[alpha] a1\r\n[beta] b1\r\n[gamma] c1\r\n[alpha] a2\r\n[beta] b2\r\n");
}

TEST(indices_wrap)
{
    console_init();
    for (uint32_t i = 0; i < console_count; i++) {
        consoles[i].tx_head = consoles[i].tx_tail = consoles[i].tx_line = UINT32_MAX - 3;
        consoles[i].rx_head = consoles[i].rx_tail = UINT32_MAX - 3;
    }
    guest(2, "over the edge\n");
    guest(1, "pro");
    pass_time(PAUSE);
    type("0123456789");
    input_is(1, "0123456789");
    EXPECT_STR(plain(), "[beta] over the edge\r\n[alpha] pro");
}

TEST(flush_shows_unfinished_lines)
{
    console_init();
    guest(1, "alpha's");
    guest(2, "beta's");
    log_always("end: 0");
    console_flush();
    EXPECT_STR(plain(), "[hv] end: 0\r\n[alpha] alpha's\r\n[beta] beta's\r\n");
}

TEST(reset_ends_the_line)
{
    console_init();
    guest(2, "dying wor");
    console_end_line(&consoles[2]);
    console_drain();
    console_end_line(&consoles[2]);
    guest(2, "boot\n");
    EXPECT_STR(plain(), "[beta] dying wor\r\n[beta] boot\r\n");
}

/* ---- Locks ---- */

/* A message written with any lock held must not touch guests; they are told from the interrupt. */
TEST(messages_tell_no_guest)
{
    char text[CONSOLE_TX_SIZE];

    memset(text, '\n', sizeof text);
    console_init();
    fake_port_room = 0;
    write_some(&consoles[1], text, sizeof text);
    fake_port_room = UINT32_MAX;
    log_always("x");
    EXPECT_EQ(updated_count, 0);
    EXPECT(fake_notifies_room);
    console_interrupt();
    EXPECT_EQ(updated_count, 1);
    EXPECT(updated[0] == &alpha);
}

/* ---- Input ---- */

TEST(input_goes_to_the_focus)
{
    console_init();
    type("ls\r");
    EXPECT_EQ(updated_count, 1);
    EXPECT(updated[0] == &alpha);
    EXPECT(console_has_input(&consoles[1]));
    input_is(1, "ls\r");
    console_set_focus(&consoles[3]);
    type("x");
    input_is(3, "x");
    input_is(1, "");
}

TEST(input_ring_overruns_like_a_uart)
{
    char text[2 * CONSOLE_RX_SIZE + 1];

    for (unsigned i = 0; i < sizeof text - 1; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[sizeof text - 1] = '\0';
    console_init();
    fake_type(text);
    while (fake_port_has_interrupt()) {
        console_interrupt();
    }
    text[CONSOLE_RX_SIZE] = '\0';
    input_is(1, text);
}

TEST(no_guest_goes_back_over_its_prefix)
{
    console_init();
    guest(1, "\b\bab\b\b\b\bc\n");
    EXPECT_STR(plain(), "[alpha] ab\b\bc\r\n");
}

TEST(only_the_focus_commands_the_terminal)
{
    console_init();
    guest(2, "a\x1b[6nb\x1b[31mc\x1b[0m\x1b[2A\n");
    EXPECT_STR(plain(), "[beta] abc\r\n");
}

TEST(focus_change_shows_the_unfinished_line)
{
    console_init();
    guest(1, "a # ");
    guest(2, "b # ");
    pass_time(PAUSE);
    EXPECT_STR(plain(), "[alpha] a # ");
    console_set_focus(&consoles[2]);
    console_drain();
    EXPECT_STR(plain(), "\r\n[beta] b # ");
    console_set_focus(&consoles[1]);
    console_drain();
    EXPECT_STR(plain(), "");
    guest(1, "x");
    EXPECT_STR(plain(), "\r\n[alpha] a # x");
}

/* ---- The operator's prompt ---- */

#define OPEN   "\x1d" /* Ctrl-] */
#define PROMPT "[hv] ashlar> "

static void commands_are(uint32_t count, const char *last)
{
    EXPECT_EQ(command_count, count);
    EXPECT_STR(commands[count - 1], last);
}

TEST(prompt_opens_and_leaves)
{
    static const char *const ways[] = { "\r", "\n", "x\b\r", OPEN "x\x15" OPEN };

    console_init();
    for (unsigned i = 0; i < 4; i++) {
        type(i == 3 ? "" : OPEN);
        type(ways[i]);
        settle();
        type("y");
        input_is(1, "y");
        EXPECT_EQ(operator_state(), OPERATOR_AWAY);
    }
    EXPECT_EQ(command_count, 0);
}

TEST(prompt_is_shown_and_erased)
{
    console_init();
    type(OPEN);
    EXPECT_STR(output(), "<1m>[hv]<0m> ashlar> ");
    type("li");
    EXPECT_STR(output(), "li");
    type("\x7f");
    EXPECT_STR(output(), "\b<K>");
    type("\r\r");
    settle();
    EXPECT_STR(output(), "\r\n<1m>[hv]<0m> answer 0 to l\r\n");
    type(OPEN);
    output();
    type("\r");
    EXPECT_STR(output(), "\r<K>");
}

TEST(escape_key_twice_is_the_key_itself)
{
    console_init();
    type("a" OPEN);
    type(OPEN "b");
    input_is(1, "a" OPEN "b");
    type(OPEN "x\r");
    settle();
    type(OPEN "c"); /* after a command it only leaves */
    input_is(1, "c");
    type(OPEN "x" OPEN "d");
    input_is(1, "d");
    EXPECT_EQ(command_count, 1);
}

TEST(prompt_runs_a_line)
{
    console_init();
    type("a" OPEN "list all\rb");
    settle();
    commands_are(1, "list all");
    input_is(1, "a"); /* b is the next line's */
    EXPECT_STR(plain(), PROMPT "list all\r\n[hv] answer 0 to list all\r\n" PROMPT "b");
    type("\x15\r");
    settle();
    type("c");
    input_is(1, "c");
}

TEST(what_follows_a_command_waits)
{
    answer_lines = 20;
    console_init();
    type(OPEN "one\rtwo\r\rfor the guest");
    EXPECT_EQ(command_count, 1);
    settle();
    commands_are(2, "two");
    input_is(1, "for the guest");
}

TEST(a_command_may_leave)
{
    last_result = COMMAND_LEAVE;
    console_init();
    type(OPEN "console beta\rfor the guest");
    settle();
    commands_are(1, "console beta");
    input_is(1, "for the guest");
    EXPECT_STR(plain(), PROMPT "console beta\r\n[hv] answer 0 to console beta\r\n");
}

/* One line of an answer each millisecond, and none that the log would lose. */
TEST(long_answers_are_paced)
{
    const char *seen;

    answer_lines = 300;
    console_init();
    type(OPEN "long\r");
    plain();
    for (unsigned i = 1; i < 50; i++) {
        char line[40];

        pass_time(SECOND / 1000);
        snprintf(line, sizeof line, "[hv] answer %u to long\r\n", i);
        EXPECT_STR(plain(), line);
    }
    fake_port_room = 0; /* nothing gets lost when the port stands still */
    for (unsigned i = 0; i < 500; i++) {
        pass_time(SECOND / 1000);
    }
    fake_port_room = UINT32_MAX;
    console_interrupt();
    settle();
    seen = plain();
    for (unsigned i = 50; i < 300; i++) {
        char line[40];

        snprintf(line, sizeof line, "[hv] answer %u to long\r\n", i);
        EXPECT(strstr(seen, line) != NULL);
    }
    EXPECT(strstr(seen, "lost") == NULL);
    commands_are(1, "long");
}

TEST(editing)
{
    static const struct {
        const char *keys, *line;
    } cases[] = {
        { "list\r", "list" },
        { "lisz\x7ft\r", "list" },
        { "lisz\bt\r", "list" },
        { "\b\b\x7flist\r", "list" },
        { "nonsense\x15list\r", "list" },
        { "nonsense\x03list\r", "list" },
        { "list\n", "list" },
        { "li\x1b[A\x1b[1;5C\x1bOPst\r", "list" },    /* arrows, F1 */
        { "l\x01\x02i\x80\xff\xc3\xa4st\r", "list" }, /* other control characters, UTF-8 */
        { "ta\tb\r", "ta+b" },
        { "\t\t\r", "++" },
        { "a1 2\r", "a1 2" },
    };

    console_init();
    type(OPEN);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (const char *key = cases[i].keys; *key != '\0'; key++) {
            type((char[]){ *key, '\0' });
        }
        settle();
        commands_are(i + 1, cases[i].line);
        input_is(1, "");
    }
}

TEST(carriage_return_and_line_feed_are_one_key)
{
    console_init();
    type(OPEN "one\r\ntwo\r\n");
    settle();
    commands_are(2, "two");
    EXPECT_EQ(operator_state(), OPERATOR_TYPING);
}

TEST(the_line_has_an_end)
{
    char keys[200], expected[COMMAND_LINE_MAX + 1];

    memset(keys, 'k', sizeof keys);
    memcpy(keys, OPEN, 1);
    strcpy(keys + 100, "\t\t\bx\r");
    memset(expected, 'k', sizeof expected);
    strcpy(expected + COMMAND_LINE_MAX - 1, "x");
    console_init();
    type(keys);
    for (unsigned i = 0; i < 3; i++) {
        console_interrupt();
        settle();
    }
    commands_are(1, expected);
}

TEST(esc_leaves_when_nothing_follows)
{
    console_init();
    type(OPEN "li\x1b");
    pass_time(SECOND / 100);
    EXPECT_EQ(operator_state(), OPERATOR_LEAVING);
    settle();
    EXPECT_EQ(operator_state(), OPERATOR_AWAY);
    EXPECT_STR(output(), "<1m>[hv]<0m> ashlar> li\r<K>");
    type("[A");
    input_is(1, "[A");
}

TEST(esc_leaves_when_a_key_follows)
{
    console_init();
    type(OPEN "li\x1bx" OPEN "\x1b" OPEN "now\r");
    settle();
    input_is(1, "x");
    commands_are(1, "now");
}

TEST(digits_move_the_focus)
{
    console_init();
    type(OPEN "2b"); /* all at once: there is no need to show the prompt */
    EXPECT(console_focus() == &consoles[2]);
    input_is(2, "b");
    EXPECT_STR(plain(), "[hv] focus: beta\r\n");
    type(OPEN);
    type("9");
    EXPECT_EQ(operator_state(), OPERATOR_TYPING);
    type("0");
    type("a");
    EXPECT_STR(plain(), PROMPT "\r[hv] no VM has number 9\r\n" PROMPT
                               "\r[hv] no VM has number 0\r\n" PROMPT "a");
    EXPECT(console_focus() == &consoles[2]);
}

TEST(lines_appear_above_the_prompt)
{
    console_init();
    guest(1, "/ # ");
    pass_time(PAUSE);
    type(OPEN "sto");
    EXPECT_STR(plain(), "[alpha] / # \r\n" PROMPT "sto");
    guest(2, "one\ntwo\nunfinished");
    EXPECT_STR(output(), "\r<K><33m>[beta]<0m> one\r\n<1m>[hv]<0m> ashlar> sto"
                         "\r<K><33m>[beta]<0m> two\r\n<1m>[hv]<0m> ashlar> sto");
    guest(1, "x");
    settle();
    log_warn("three");
    EXPECT_STR(output(), "\r<K><1m>[hv]<0m> warn: three\r\n<1m>[hv]<0m> ashlar> sto");
    type("p");
    EXPECT_STR(output(), "p");
    type(OPEN);
    settle();
    /* The unfinished line of the focus is back, with what came meanwhile. */
    EXPECT_STR(plain(), "\r[alpha] / # x");
}

TEST(leaving_shows_the_line_that_was_broken_off)
{
    console_init();
    guest(1, "/ # ls");
    pass_time(PAUSE);
    type(OPEN);
    plain();
    type("\r");
    EXPECT_STR(plain(), "\r[alpha] / # ls");
    guest(1, "\n");
    EXPECT_STR(plain(), "\r\n");
    type(OPEN);
    type("\r"); /* it was complete: nothing to show again */
    EXPECT_STR(plain(), PROMPT "\r");
}

TEST(nobody_commands_the_terminal_at_the_prompt)
{
    console_init();
    type(OPEN);
    plain();
    guest(1, "a\x1b[2Jb\n");
    EXPECT_STR(plain(), "\r[alpha] ab\r\n" PROMPT);
}

TEST(flush_leaves_no_prompt)
{
    console_init();
    type(OPEN "lis");
    plain();
    log_always("end: 0");
    guest(1, "x");
    console_flush();
    EXPECT_STR(plain(), "\r[hv] end: 0\r\n" PROMPT "lis\r[alpha] x\r\n");
}

/* A guest that never lets the port come to rest keeps nobody from typing a command. */
TEST(a_flood_does_not_hide_the_prompt)
{
    console_init();
    for (unsigned i = 0; i < 400; i++) {
        while (console_put(&consoles[2], i % 2 == 0 ? 'x' : '\n')) {
        }
        if (i < 6) {
            fake_type((char[]){ (OPEN "stop\r")[i], '\0' });
        }
        fake_port_room = 150; /* less than comes */
        console_interrupt();
        pass_time(SECOND / 1000);
    }
    commands_are(1, "stop");
    EXPECT(strstr(plain(), PROMPT "stop\r\n") != NULL || strstr(plain(), "stop\r\n") != NULL);
}

/* Whatever is typed, and however the port fills: no line is too long, no byte is lost between
 * prompt and guest, and Ctrl-U, Enter leads back. */
static void hostile(uint64_t seed)
{
    static const char likely[] = "\x1d\x1d\r\r\n\t\b\x7f\x1b\x15 [Oabc019";

    console_init();
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t random = test_random(&seed);
        char byte = random % 4 == 0 ? (char)(random >> 8) : likely[random % (sizeof likely - 1)];

        if (byte != '\0') {
            fake_type((char[]){ byte, '\0' });
        }
        if (random % 7 == 0) {
            fake_port_room = random % 3 == 0 ? UINT32_MAX : (uint32_t)(random >> 16) % 100;
            console_interrupt();
        }
        if (random % 11 == 0) {
            guest(1 + (uint32_t)(random >> 24) % 3, random % 2 == 0 ? "g" : "uest\n");
        }
        if (random % 13 == 0) {
            pass_time((random >> 32) % PAUSE);
        }
        for (uint32_t j = 1; j < console_count; j++) {
            while (console_get(&consoles[j]) >= 0) {
            }
        }
        if (fake_output_count > FAKE_PORT_SIZE / 2) {
            fake_output_count = 0;
        }
    }
    fake_port_room = UINT32_MAX;
    fake_type("\x1b[A\x15\r");
    console_set_focus(&consoles[1]);
    for (unsigned i = 0; i < 100; i++) {
        console_interrupt();
        settle();
    }
    while (console_get(&consoles[1]) >= 0) {
    }
    if (operator_state() != OPERATOR_AWAY) {
        type("\x1b[A\x15\r");
        settle();
    }
    type("still here");
    settle();
    input_is(1, "still here");
}

TEST(hostile_bytes)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        hostile(seed);
    }
}

TEST_MAIN()
