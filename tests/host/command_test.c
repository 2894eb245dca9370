/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands as a person types them, on a small machine: what each does and says,
 * every mistake and what it is answered with, completion.
 */
/* SOURCES: tests/host/machine.c runtime/sched.c runtime/vcpu.c runtime/vm.c runtime/vmm.c */
/* SOURCES: runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c runtime/image.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/panic.c runtime/lib/format.c runtime/console.c runtime/terminal.c */
/* SOURCES: runtime/prompt.c runtime/command.c runtime/log.c tests/host/operator.c */
/* SOURCES: arch/fake/context.c arch/fake/cpu.c arch/fake/vcpu.c arch/fake/console.c */
#include "machine.h"
#include "test.h"
#include <hv/command.h>
#include <hv/log.h>
#include <hv/plan.h>

static struct vm *alpha, *alpine, *beta;

static const struct mem_region memory[] = {
    { .name = "ram", .ipa = { 0x40000000 }, .size = 64 << 20, .permissions = 7 },
    { .name = "code", .ipa = { 0x80000000 }, .size = 4096, .permissions = MEM_READ | MEM_EXECUTE },
};

static int halts(struct vcpu *v)
{
    (void)v;
    return EXIT_HALT;
}

/* Lets all CPUs run for that time, a millisecond each. */
static void run_for(uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i++) {
        fake_clock += FAKE_FREQUENCY / 1000;
        EXPECT(fake_settle(10000));
    }
}

/* alpha: two vCPUs on CPUs 0 and 1; alpine: one on CPU 2, does not start; beta: one on CPU 1. */
static void build(void)
{
    alpha = machine_add_vm("alpha", 2, (uint8_t[]){ 0, 1 });
    alpine = machine_add_vm("alpine", 1, (uint8_t[]){ 2 });
    beta = machine_add_vm("beta", 1, (uint8_t[]){ 1 });
    machine_config(alpine)->autostart = false;
    for (uint32_t i = 0; i < 4; i++) {
        vcpus[i].arch.guest = halts;
    }
}

static void start(void)
{
    *machine_log_level = LOG_ERROR; /* only what the commands say */
    machine_finish();
    machine_start();
    EXPECT(fake_settle(10000));
    fake_output_count = 0;
}

/* What came out, without colours, without the prompt as it was before a line was complete. */
static const char *said(void)
{
    static char text[2 * FAKE_PORT_SIZE];
    size_t count = 0, line = 0;

    for (uint32_t i = 0; i < fake_output_count; i++) {
        uint8_t byte = fake_output[i];

        if (byte == 0x1b) {
            while (fake_output[++i] < 0x40 || fake_output[i] == '[') {
            }
        } else if (byte == '\r') {
            count = fake_output[i + 1] == '\n' ? count : line;
        } else {
            text[count++] = (char)byte;
            line = byte == '\n' ? count : line;
        }
    }
    text[line] = '\0';
    fake_output_count = 0;
    return text;
}

/* The answer to a command, typed key by key, without the prefixes. */
static const char *answer(const char *command)
{
    static char text[FAKE_PORT_SIZE];
    char *to = text;
    const char *from;

    fake_type("\x1d");
    for (; *command != '\0'; command++) {
        EXPECT(fake_settle(10000));
        fake_type((char[]){ *command, '\0' });
    }
    fake_type("\r");
    EXPECT(fake_settle(10000));
    run_for(200);
    fake_type("\r");
    run_for(5);
    from = strchr(said(), '\n'); /* behind the command's own line */
    for (from = from == NULL ? "" : from + 1; *from != '\0'; from++) {
        if (strncmp(from, "[hv] ", 5) == 0) {
            from += 5;
        }
        *to++ = *from;
    }
    *to = '\0';
    return text;
}

/* ---- Looking ---- */

TEST(list)
{
    build();
    machine_config(beta)->console = NULL;
    start();
    EXPECT_STR(answer("list"), "* 1 alpha: running, 1 of 2 vCPUs on, boot 1\n"
                               "  2 alpine: ready, 0 of 1 vCPUs on, boot 0\n"
                               "  - beta: running, 1 of 1 vCPUs on, boot 1\n");
}

TEST(show)
{
    build();
    machine_config(alpha)->memory = memory;
    machine_config(alpha)->memory_count = 2;
    start();
    vcpus[0].exits[EXIT_HALT] = 7;
    vcpus[0].exits[EXIT_PREEMPTED] = UINT64_MAX;
    vcpus[0].cpu_time = 1234567;
    vcpus[1].exits[EXIT_HYPERCALL] = 1;
    EXPECT_STR(answer("show alpha"), "* 1 alpha: running, 1 of 2 vCPUs on, boot 1\n"
                                     "  memory ram: 65536 KiB at 0x40000000, rwx\n"
                                     "  memory code: 4 KiB at 0x80000000, r-x\n"
                                     "  vcpu 0 on cpu 0: halted, 1234 ms of CPU time\n"
                                     "  vcpu 0 exits: halt 7 preempted 18446744073709551615\n"
                                     "  vcpu 1 on cpu 1: off, 0 ms of CPU time\n"
                                     "  vcpu 1 exits: hypercall 1\n");
}

TEST(a_vm_of_many_vcpus)
{
    uint8_t cpus[64] = { 0 };
    const char *line;
    uint32_t lines = 0;

    alpha = machine_add_vm("alpha", 64, cpus);
    for (uint32_t i = 0; i < 64; i++) {
        vcpus[i].arch.guest = halts;
    }
    start();
    for (uint32_t i = 0; i < 64; i++) {
        for (uint32_t reason = 0; reason < EXIT_COUNT; reason++) {
            vcpus[i].exits[reason] = UINT64_MAX;
        }
    }
    for (line = answer("show alpha"); *line != '\0'; line++) {
        lines += *line == '\n' ? 1 : 0;
    }
    EXPECT_EQ(lines, 1 + 2 * 64);
}

TEST(events)
{
    build();
    start();
    EXPECT_STR(answer("events beta"), "  nothing happened\n");
    fake_this_pcpu = &pcpus[1];
    vcpus[3].exit.fault = (struct guest_fault){
        .what = "write", .pc = 0x1234, .address = { 0x5678 }, .has_address = true
    };
    health_raise(beta, NULL, HEALTH_NOT_READY);
    health_raise(beta, &vcpus[3], HEALTH_MEMORY_FAULT);
    fake_this_pcpu = NULL;
    run_for(1000);
    said();
    EXPECT_STR(answer("events beta"),
               "  1000 ms ago: not-ready: ignore\n"
               "  1001 ms ago: memory-fault of vcpu 0, pc 0x1234, address 0x5678: stop\n");
}

TEST(events_are_the_last_ones)
{
    const char *text;
    uint32_t lines = 0;

    build();
    start();
    for (uint32_t i = 0; i < 40; i++) {
        health_raise(beta, NULL, HEALTH_NOT_READY);
    }
    said();
    for (text = answer("events beta"); *text != '\0'; text++) {
        lines += *text == '\n' ? 1 : 0;
    }
    EXPECT_EQ(lines, HEALTH_RECORDS);
}

/* ---- Acting ---- */

TEST(life)
{
    build();
    start();
    EXPECT_STR(answer("pause alpha"), "alpha: paused\n");
    EXPECT_EQ(alpha->state, VM_PAUSED);
    EXPECT_STR(answer("pause alpha"), "alpha cannot pause: it is paused\n");
    EXPECT_STR(answer("resume alpha"), "alpha: running\n");
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_STR(answer("resume alpha"), "alpha cannot resume: it is running\n");
    EXPECT_STR(answer("start alpha"), "alpha cannot start: it is running\n");
    answer("stop alpha");
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_STR(answer("stop alpha"), "alpha cannot stop: it is stopped\n");
    EXPECT_STR(answer("start alpha"), "alpha: running\n");
    EXPECT_EQ(alpha->boot_count, 2);
    answer("restart alpha");
    EXPECT_EQ(alpha->boot_count, 3);
    EXPECT_STR(answer("start alpine"), "alpine: running\n");
    EXPECT_EQ(alpine->state, VM_RUNNING);
}

TEST(restart_starts_what_is_stopped)
{
    build();
    start();
    answer("stop alpha");
    EXPECT_STR(answer("restart alpha"), "alpha: running\n");
    EXPECT_EQ(alpha->boot_count, 2);
}

TEST(linked_in_place_starts_once)
{
    build();
    machine_config(alpha)->window_root.pa = 0;
    start();
    EXPECT_STR(answer("restart alpha"), "alpha cannot restart: it is linked in place\n");
    EXPECT_EQ(alpha->state, VM_RUNNING);
    answer("stop alpha");
    EXPECT_STR(answer("start alpha"), "alpha cannot start: it is linked in place\n");
}

TEST(console_moves_the_focus)
{
    build();
    start();
    EXPECT_STR(answer("console beta"), "focus: beta\n");
    EXPECT(console_focus() == &consoles[3]);
    EXPECT_EQ(console_get(&consoles[3]), '\r'); /* typed when the prompt was left already */
    machine_config(alpha)->console = NULL;
    EXPECT_STR(answer("console alpha"), "it has no console\n");
    EXPECT(console_focus() == &consoles[3]);
}

TEST(plans)
{
    uint32_t day, night;

    build();
    day = machine_add_plan("day", 10000);
    night = machine_add_plan("night", 20000);
    machine_add_window(day, 2, 10000, 1, 0);
    machine_add_window(night, 2, 20000, 1, 0);
    start();
    EXPECT_STR(answer("plan"), "* day: frames of 10000 us\n  night: frames of 20000 us\n");
    EXPECT_STR(answer("plan night"), "plan night: within two frames\n");
    EXPECT_EQ(plan_current(), night);
    fake_type("\x1dplan day\rplan night\r\r");
    run_for(10);
    EXPECT_STR(said(), "[hv] ashlar> plan day\n[hv] plan day: within two frames\n"
                       "[hv] ashlar> plan night\n"
                       "[hv] plan night: not so soon after the last switch\n");
    EXPECT_STR(answer("plan dawn"), "no plan \"dawn\"; known: day night\n");
}

TEST(a_system_without_plan)
{
    build();
    start();
    EXPECT_STR(answer("plan"), "there is no plan\n");
    EXPECT_STR(answer("plan day"), "there is no plan\n");
}

TEST(off)
{
    build();
    start();
    EXPECT_STR(answer("of"), "off is to be written in full\n");
    EXPECT_EQ(fake_power_offs, 0);
    EXPECT_STR(answer("off"), "machine off\nend: 0\n");
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(help)
{
    const char *text;

    build();
    start();
    text = answer("help");
    for (const char *const *name =
             (const char *const[]){ "list", "show", "events", "start", "stop", "pause", "resume",
                                    "restart", "console", "plan", "off", "help", NULL };
         *name != NULL; name++) {
        EXPECT(strstr(text, *name) != NULL);
    }
    EXPECT(strstr(text, "   events VM      what") != NULL);
}

/* ---- Names and mistakes ---- */

TEST(names_may_be_cut_short)
{
    build();
    start();
    EXPECT_STR(answer("pa b"), "beta: paused\n");
    EXPECT_STR(answer("  resu   beta  "), "beta: running\n");
    EXPECT_STR(answer("pau alpha"), "alpha: paused\n");
}

TEST(mistakes)
{
    static const struct {
        const char *line, *answer;
    } cases[] = {
        { "foo", "no command \"foo\"; known: list show events start stop pause resume restart"
                 " console plan off help\n" },
        { "listen", "no command \"listen\"; known: list show events start stop pause resume"
                    " restart console plan off help\n" },
        { " ", "which command? list show events start stop pause resume restart console plan off"
               " help\n" },
        { "st", "which command? start stop\n" },
        { "s alpha", "which command? show start stop\n" },
        { "stop", "which VM? alpha alpine beta\n" },
        { "stop ", "which VM? alpha alpine beta\n" },
        { "stop al", "which VM? alpha alpine\n" },
        { "stop gamma", "no VM \"gamma\"; known: alpha alpine beta\n" },
        { "stop Beta", "no VM \"Beta\"; known: alpha alpine beta\n" },
        { "stop alpha beta", "stop takes one name\n" },
        { "list alpha", "list takes no name\n" },
        { "plan a b", "plan takes one name\n" },
        { "off now", "off takes no name\n" },
        { "%s%n%x", "no command \"%s%n%x\"; known: list show events start stop pause resume"
                    " restart console plan off help\n" },
    };

    build();
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EXPECT_STR(answer(cases[i].line), cases[i].answer);
    }
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(beta->state, VM_RUNNING);
}

TEST(many_names_are_cut)
{
    static char names[MACHINE_VMS][16];
    const char *text;

    for (uint32_t i = 0; i < MACHINE_VMS; i++) {
        snprintf(names[i], sizeof names[i], "machine-%u", i);
        machine_add_vm(names[i], 1, (uint8_t[]){ (uint8_t)(i / 32) });
        vcpus[i].arch.guest = halts;
    }
    start();
    text = answer("stop machine");
    EXPECT(strncmp(text, "which VM? machine-0 machine-1 ", 30) == 0);
    EXPECT_EQ(strlen(text), LOG_LINE_SIZE);
    EXPECT_STR(answer("stop machine-1"), "machine-1: stopping\n"); /* not one of -10 ... -19 */
}

TEST(completion)
{
    static const struct {
        const char *before, *after, *says;
    } cases[] = {
        { "li", "list ", "" },
        { "  li", "  list ", "" },
        { "list", "list ", "" },
        { "re", "res", "" },
        { "res", "res", " resume restart\n" },
        { "st", "st", " start stop\n" },
        { "x", "x", "" },
        { "stop b", "stop beta ", "" },
        { "stop  b", "stop  beta ", "" },
        { "stop a", "stop alp", "" },
        { "stop alp", "stop alp", " alpha alpine\n" },
        { "stop alpi", "stop alpine ", "" },
        { "sto b", "sto beta ", "" },
        { "stop ", "stop ", " alpha alpine beta\n" },
        { "stop c", "stop c", "" },
        { "stop beta ", "stop beta ", "" },
        { "stop beta b", "stop beta b", "" },
        { "list b", "list b", "" },
        { "foo b", "foo b", "" },
        { "plan n", "plan night ", "" },
        { "", "", " list show events start stop pause resume restart console plan off help\n" },
        { " ", " ", " list show events start stop pause resume restart console plan off help\n" },
    };

    build();
    machine_add_plan("day", 10000);
    machine_add_plan("night", 10000);
    start();
    fake_output_count = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[COMMAND_LINE_MAX + 1];
        char expected[200] = "";

        strcpy(line, cases[i].before);
        fake_this_pcpu = &pcpus[0];
        command_complete(line);
        fake_this_pcpu = NULL;
        EXPECT_STR(line, cases[i].after);
        if (cases[i].says[0] != '\0') {
            snprintf(expected, sizeof expected, "[hv] %s", cases[i].says);
        }
        EXPECT_STR(said(), expected);
    }
}

TEST(completion_stops_at_the_end_of_the_line)
{
    char line[COMMAND_LINE_MAX + 1];

    build();
    start();
    for (size_t length = COMMAND_LINE_MAX - 6; length <= COMMAND_LINE_MAX; length++) {
        memset(line, ' ', sizeof line);
        memcpy(line, "stop", 4);
        line[length - 1] = 'b';
        line[length] = '\0';
        command_complete(line);
        EXPECT(strlen(line) <= COMMAND_LINE_MAX);
        EXPECT_EQ(strlen(line), length + 4 < COMMAND_LINE_MAX ? length + 4 : COMMAND_LINE_MAX);
    }
}

/* The line is completed while it is typed, and runs as it reads then. */
TEST(tab_at_the_prompt)
{
    build();
    start();
    EXPECT_STR(answer("pau\tb\t"), "beta: paused\n");
    EXPECT_STR(answer("resume b\t"), "beta: running\n");
    fake_type("\x1dresume al\t\tha\r\r"); /* what is possible, above the line that goes on */
    run_for(20);
    EXPECT_STR(said(), "[hv]  alpha alpine\n[hv] ashlar> resume alpha\n"
                       "[hv] alpha cannot resume: it is running\n");
}

/* No line of any bytes does harm: sanitizers look on, and every answer is one that ends. */
TEST(hostile_lines)
{
    static const char *const words[] = { "list", "show",   "st",   "stop ", "alpha",   "al", " ",
                                         "plan", "events", "beta", "help",  "console", "\t", "zz" };
    uint64_t seed = 3;

    build();
    start();
    for (unsigned i = 0; i < 3000; i++) {
        char line[COMMAND_LINE_MAX + 1] = "";
        uint64_t count = test_random(&seed) % 6;
        uint32_t step = 0;

        for (uint64_t j = 0; j < count; j++) {
            uint64_t random = test_random(&seed);
            const char *word = random % 3 == 0 ? (char[]){ (char)(' ' + random / 8 % 95), '\0' }
                                               : words[random / 8 % 14];

            if (strlen(line) + strlen(word) <= COMMAND_LINE_MAX && *word != '\t') {
                strcat(line, word);
            }
        }
        fake_this_pcpu = &pcpus[0];
        if (line[0] == '\0') {
            strcpy(line, " ");
        }
        while (command_step(line, step) == COMMAND_MORE) {
            step++;
            EXPECT(step < 20);
        }
        command_complete(line);
        fake_this_pcpu = NULL;
        EXPECT(strlen(line) <= COMMAND_LINE_MAX);
        EXPECT(fake_settle(10000));
        fake_output_count = 0;
    }
}

TEST_MAIN()
