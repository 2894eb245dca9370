/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console under all interleavings of CPUs that write at the same time: who finds the lock taken
 * leaves its bytes to the holder, and nothing may be left behind.
 */
/* SOURCES: tests/host/machine.c tests/host/explore.c runtime/sched.c runtime/vcpu.c runtime/vm.c */
/* SOURCES: runtime/vmm.c runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c */
/* SOURCES: runtime/image.c runtime/panic.c runtime/lib/format.c runtime/console.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/terminal.c runtime/prompt.c runtime/command.c runtime/log.c */
/* SOURCES: tests/host/operator.c arch/fake/context.c arch/fake/cpu.c arch/fake/vcpu.c */
/* SOURCES: arch/fake/console.c */
/* INTERLEAVE: runtime/console.c runtime/log.c runtime/prompt.c */
#include "explore.h"
#include "machine.h"
#include "test.h"
#include <hv/log.h>
#include <hv/operator.h>

static const char *const texts[] = { "a1\na2\n", "b1\n", "c1\n" };

/* Writes its text, then waits for ever. */
static int writes(struct vcpu *v)
{
    struct console *console = v->vm->config->console;
    const char *text = texts[v->vm - vms];

    if (v->arch.steps == 1) {
        for (; *text != '\0'; text++) {
            EXPECT(console_put(console, (uint8_t)*text));
            if (*text == '\n') {
                console_drain();
            }
        }
    }
    return EXIT_HALT;
}

static void start(uint32_t vm_number)
{
    static const char *const names[] = { "a", "b", "c" };

    *machine_log_level = LOG_ERROR;
    for (uint32_t i = 0; i < vm_number; i++) {
        machine_vcpu(machine_add_vm(names[i], 1, (uint8_t[]){ (uint8_t)i }), 0)->arch.guest =
            writes;
    }
    machine_finish();
    machine_start();
}

static void expect_line(const char *line)
{
    char wire[64];
    size_t size = strlen(line);

    memcpy(wire, line, size);
    memcpy(wire + size, "\r\n", 2);
    for (uint32_t i = 0; i + size + 2 <= fake_output_count; i++) {
        if (memcmp(fake_output + i, wire, size + 2) == 0) {
            return;
        }
    }
    FAIL("\"%s\" is missing in %u bytes:\n%.*s", line, fake_output_count, (int)fake_output_count,
         fake_output);
}

static void expect_all_sent(uint32_t vm_number)
{
    static const char *const lines[] = { "[a]\x1b[0m a1", "[b]\x1b[0m b1", "[c]\x1b[0m c1" };

    for (uint32_t i = 0; i < vm_number; i++) {
        expect_line(lines[i]);
    }
    expect_line("[a]\x1b[0m a2");
    for (uint32_t i = 0; i <= vm_number; i++) {
        EXPECT_EQ(console_room(&consoles[i]), CONSOLE_TX_SIZE);
    }
    EXPECT(!fake_notifies_room);
}

static void two_writers(void)
{
    start(2);
    explore_run();
    expect_all_sent(2);
}

TEST(nothing_is_left_behind)
{
    printf("%u schedules\n", explore(two_writers, 2, 3000));
}

static void three_writers(void)
{
    start(3);
    explore_run();
    expect_all_sent(3);
}

TEST(nothing_is_left_behind_by_three)
{
    printf("%u schedules\n", explore(three_writers, 1, 6000));
}

/* The port is full again and again. */
static void slow_port(void)
{
    start(2);
    fake_port_room = 5;
    explore_run();
    for (uint32_t i = 0; i < 40; i++) {
        fake_port_room = 3;
        explore_run();
    }
    expect_all_sent(2);
}

TEST(a_slow_port)
{
    printf("%u schedules\n", explore(slow_port, 1, 3000));
}

/* Messages are written while guests write, and from the interrupt. */
static int logs(struct vcpu *v)
{
    if (v->arch.steps <= 2) {
        log_always("message %u", v->arch.steps);
    }
    return EXIT_HALT;
}

static void messages(void)
{
    start(2);
    machine_vcpu(&vms[1], 0)->arch.guest = logs;
    explore_run();
    expect_line("[a]\x1b[0m a2");
    expect_line("[hv]\x1b[0m message 1");
    EXPECT_EQ(console_room(&consoles[0]), CONSOLE_TX_SIZE);
}

TEST(messages_in_between)
{
    printf("%u schedules\n", explore(messages, 2, 2500));
}

/* A command is typed while guests write on all CPUs: it is carried out once, and to its end. */
static void command(void)
{
    start(2);
    fake_type("\x1dlist\r\r");
    explore_run();
    for (uint32_t i = 0; i < 8; i++) {
        fake_clock += FAKE_FREQUENCY / 1000;
        explore_run();
    }
    expect_line("[hv]\x1b[0m * 1 a: running, 1 of 1 vCPUs on, boot 1");
    expect_line("[hv]\x1b[0m   2 b: running, 1 of 1 vCPUs on, boot 1");
    expect_line("[a]\x1b[0m a2");
    EXPECT_EQ(operator_state(), OPERATOR_AWAY);
    EXPECT(!fake_notifies_room);
}

TEST(a_command_in_between)
{
    printf("%u schedules\n", explore(command, 1, 2000));
}

TEST_MAIN()
