/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands. See hv/command.h.
 *
 * They answer on the hypervisor's own console, and keep nothing: each step reads the line again.
 */
#include <hv/command.h>
#include <hv/format.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/plan.h>
#include <hv/string.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/vmm.h>

#define NONE UINT32_MAX /* no such index */

/* What a word of a line names. */
enum kind {
    KIND_NOTHING,
    KIND_COMMAND,
    KIND_VM,
    KIND_PLAN, /* need not be said */
};

enum action { LIST, SHOW, EVENTS, START, STOP, PAUSE, RESUME, RESTART, CONSOLE, PLAN, OFF, HELP };

static const struct {
    const char *name;
    enum kind kind; /* of its argument */
    const char *help;
} commands[] = {
    [LIST] = { "list", KIND_NOTHING, "all VMs; * has the focus" },
    [SHOW] = { "show", KIND_VM, "memory, vCPUs, exits" },
    [EVENTS] = { "events", KIND_VM, "what happened to it" },
    [START] = { "start", KIND_VM, "boots it" },
    [STOP] = { "stop", KIND_VM, "ends it" },
    [PAUSE] = { "pause", KIND_VM, "holds it" },
    [RESUME] = { "resume", KIND_VM, "lets it go on" },
    [RESTART] = { "restart", KIND_VM, "boots it anew" },
    [CONSOLE] = { "console", KIND_VM, "what is typed goes to it; also Ctrl-] 1 ... 9" },
    [PLAN] = { "plan", KIND_PLAN, "switches to it; alone: lists them" },
    [OFF] = { "off", KIND_NOTHING, "machine off; to be written in full" },
    [HELP] = { "help", KIND_NOTHING, "Tab completes; Esc or an empty line leaves" },
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* What the names of a kind are called. */
static const char *const kind_names[] = { "", "command", "VM", "plan" };

static enum command_result more_if(bool is_more)
{
    return is_more ? COMMAND_MORE : COMMAND_DONE;
}

static uint64_t milliseconds(uint64_t ticks)
{
    return time_to_ns(ticks) / 1000000u;
}

/* ---- What the commands do ---- */

static void list_vm(struct vm *vm)
{
    const struct console *console = vm->config->console;
    char number[8] = "-";

    if (console != NULL) {
        format(number, sizeof number, "%u", (unsigned)(console - consoles));
    }
    spin_lock(&vm->lock);
    log_always("%c%2s %s: %s, %u of %u vCPUs on, boot %u",
               console != NULL && console == console_focus() ? '*' : ' ', number, vm->config->name,
               vm_state_name(vm->state), vm->live_vcpu_count, vm->config->vcpu_count,
               vm->boot_count);
    spin_unlock(&vm->lock);
}

static void show_memory(const struct mem_region *region)
{
    log_always("  memory %s: %lu KiB at 0x%lx, %s", region->name, region->size / 1024u,
               region->ipa.ipa, memory_permission_text(region->permissions));
}

static void show_vcpu(const struct vcpu *v)
{
    static const char *const names[] = {
        [VCPU_OFF] = "off",       [VCPU_READY] = "ready",     [VCPU_RUNNING] = "running",
        [VCPU_HALTED] = "halted", [VCPU_EXITING] = "exiting",
    };

    log_always("  vcpu %u on cpu %u: %s, %lu ms of CPU time", v->config->index,
               v->pcpu->config->index, names[__atomic_load_n(&v->state, __ATOMIC_RELAXED)],
               milliseconds(vcpu_cpu_time(v)));
}

static void show_exits(const struct vcpu *v)
{
    static const char *const names[EXIT_COUNT] = {
        [EXIT_HYPERCALL] = "hypercall",    [EXIT_MMIO_READ] = "mmio-read",
        [EXIT_MMIO_WRITE] = "mmio-write",  [EXIT_SYSREG] = "sysreg",
        [EXIT_EXTERNAL_INTERRUPT] = "irq", [EXIT_HALT] = "halt",
        [EXIT_CPU_UP] = "cpu-up",          [EXIT_CPU_DOWN] = "cpu-down",
        [EXIT_SEND_IPI] = "ipi",           [EXIT_SYSTEM_DOWN] = "off",
        [EXIT_SYSTEM_RESET] = "reset",     [EXIT_GUEST_FAULT] = "fault",
        [EXIT_FAIL_ENTRY] = "refused",     [EXIT_PREEMPTED] = "preempted",
    };
    char text[LOG_LINE_SIZE];
    size_t length = format(text, sizeof text, "  vcpu %u exits:", v->config->index);

    for (uint32_t reason = 0; reason < EXIT_COUNT; reason++) {
        if (v->exits[reason] != 0) {
            length += format(text + length, sizeof text - length, " %s %lu", names[reason],
                             v->exits[reason]);
        }
    }
    log_always("%s", text);
}

/* The VM, its memory, and two lines for each vCPU. */
static enum command_result show(struct vm *vm, uint32_t step)
{
    uint32_t memory_count = vm->config->memory_count, vcpu = (step - memory_count - 1) / 2;

    if (step == 0) {
        list_vm(vm);
    } else if (step <= memory_count) {
        show_memory(&vm->config->memory[step - 1]);
    } else if ((step - memory_count) % 2 == 1) {
        show_vcpu(vm_vcpu(vm, vcpu));
    } else {
        show_exits(vm_vcpu(vm, vcpu));
    }
    return more_if(step < memory_count + 2u * vm->config->vcpu_count);
}

static enum command_result show_event(struct vm *vm, uint32_t step)
{
    uint32_t count = health_count(vm);
    uint32_t number = step + (count > HEALTH_RECORDS ? count - HEALTH_RECORDS : 0);
    struct health_record record;
    char place[64] = "";

    if (!health_get(vm, number, &record)) {
        log_always("  %s", step == 0 ? "nothing happened" : "and more, meanwhile");
        return COMMAND_DONE;
    }
    if (record.pc != 0 || record.address != 0) {
        format(place, sizeof place, " of vcpu %u, pc 0x%lx, address 0x%lx", record.vcpu, record.pc,
               record.address);
    }
    log_always("  %lu ms ago: %s%s: %s", milliseconds(arch_time_now() - record.time),
               health_event_name(record.event), place, health_action_name(record.action));
    return more_if(number + 1 < count);
}

/* What became of the wish to change a VM's state. */
static enum command_result answer(enum action action, const struct vm *vm, enum hv_err err)
{
    const char *state = vm_state_name(vm->state);

    if (err == HV_OK) {
        log_always("%s: %s", vm->config->name, state);
    } else {
        log_always("%s cannot %s: it is %s", vm->config->name, commands[action].name,
                   err == HV_ERR_RANGE ? "linked in place" : state);
    }
    return COMMAND_DONE;
}

static enum command_result focus(struct console *console)
{
    if (console == NULL) {
        log_always("it has no console");
        return COMMAND_DONE;
    }
    console_set_focus(console);
    log_always("focus: %s", console->name);
    return COMMAND_LEAVE;
}

static enum command_result list_plan(uint32_t step)
{
    log_always("%c %s: frames of %lu us", step == plan_current() ? '*' : ' ',
               plan_configs[step].name, plan_configs[step].frame_us);
    return more_if(step + 1 < plan_count);
}

static enum command_result switch_plan(uint32_t index)
{
    log_always(plan_switch(index) == HV_OK ? "plan %s: within two frames"
                                           : "plan %s: not so soon after the last switch",
               plan_configs[index].name);
    return COMMAND_DONE;
}

static enum command_result help(uint32_t step)
{
    static const char *const arguments[] = { "      ", "", "VM    ", "[PLAN]" };

    log_always("%9s %s  %s", commands[step].name, arguments[commands[step].kind],
               commands[step].help);
    return more_if(step + 1 < COMMAND_COUNT);
}

/* A step of a command, with the index of what it names, or NONE. */
static enum command_result act(enum action action, uint32_t index, uint32_t step)
{
    struct vm *vm = &vms[commands[action].kind == KIND_VM ? index : 0];

    switch (action) {
    case LIST:
        list_vm(&vms[step]);
        return more_if(step + 1 < vm_count);
    case SHOW:
        return show(vm, step);
    case EVENTS:
        return show_event(vm, step);
    case START:
        return answer(action, vm, vm_boot(vm));
    case STOP:
        return answer(action, vm, vm_stop(vm, VM_END_STOPPED));
    case PAUSE:
        return answer(action, vm, vm_pause(vm));
    case RESUME:
        return answer(action, vm, vm_resume(vm));
    case RESTART:
        return answer(action, vm, vm_restart(vm));
    case CONSOLE:
        return focus(vm->config->console);
    case PLAN:
        return index == NONE ? list_plan(step) : switch_plan(index);
    case OFF:
        log_always("machine off");
        vmm_end();
    case HELP:
        break;
    }
    return help(step);
}

/* ---- Names ---- */

/* The names of a kind by index, in a row; NULL behind the last. */
static const char *name_of(enum kind kind, uint32_t index)
{
    switch (kind) {
    case KIND_COMMAND:
        return index < COMMAND_COUNT ? commands[index].name : NULL;
    case KIND_VM:
        return index < vm_count ? vm_configs[index].name : NULL;
    case KIND_PLAN:
        return index < plan_count ? plan_configs[index].name : NULL;
    default:
        return NULL;
    }
}

/* How many bytes two words have in common at their beginning. */
static size_t common(const char *a, const char *b)
{
    size_t length = 0;

    while (a[length] != '\0' && a[length] == b[length]) {
        length++;
    }
    return length;
}

/* The first name from `index` on that begins with a word; NONE if there is none. */
static uint32_t match(enum kind kind, const char *word, uint32_t index)
{
    const char *name;

    for (; (name = name_of(kind, index)) != NULL; index++) {
        if (word[common(word, name)] == '\0') {
            return index;
        }
    }
    return NONE;
}

/* Says something, and the names that begin with a word. */
static void log_names(const char *text, enum kind kind, const char *word)
{
    char line[LOG_LINE_SIZE];
    size_t length = format(line, sizeof line, "%s", text);

    for (uint32_t i = match(kind, word, 0); i != NONE; i = match(kind, word, i + 1)) {
        length += format(line + length, sizeof line - length, " %s", name_of(kind, i));
    }
    log_always("%s", line);
}

/* The name that the word is, or that it alone begins; NONE after saying what is possible. */
static uint32_t find(enum kind kind, const char *word)
{
    uint32_t found = match(kind, word, 0);
    char text[COMMAND_LINE_MAX + 24];

    for (uint32_t i = found; i != NONE; i = match(kind, word, i + 1)) {
        if (name_of(kind, i)[strlen(word)] == '\0') {
            return i;
        }
    }
    if (found != NONE && word[0] != '\0' && match(kind, word, found + 1) == NONE) {
        return found;
    }
    if (found == NONE) {
        format(text, sizeof text, "no %s \"%s\"; known:", kind_names[kind], word);
    } else {
        format(text, sizeof text, "which %s?", kind_names[kind]);
    }
    log_names(text, kind, found == NONE ? "" : word);
    return NONE;
}

/* ---- Lines ---- */

/* A line, cut into words; behind the last they are empty. */
struct words {
    char *word[3];
    char text[COMMAND_LINE_MAX + 1];
};

/* Ends the word at the beginning of a text with a zero; returns the next one. */
static char *cut(char *text)
{
    while (*text != ' ' && *text != '\0') {
        text++;
    }
    while (*text == ' ') {
        *text = '\0';
        text++;
    }
    return text;
}

static void split(struct words *words, const char *line)
{
    char *next = words->text;

    memcpy(words->text, line, strlen(line) + 1);
    next = *next == ' ' ? cut(next) : next;
    for (uint32_t i = 0; i < 3; i++) {
        words->word[i] = next;
        next = cut(next);
    }
}

enum command_result command_step(const char *line, uint32_t step)
{
    struct words words;
    uint32_t action, index = NONE;
    enum kind kind;

    split(&words, line);
    action = find(KIND_COMMAND, words.word[0]);
    if (action == NONE) {
        return COMMAND_DONE;
    }
    kind = commands[action].kind;
    if (words.word[kind == KIND_NOTHING ? 1 : 2][0] != '\0') {
        log_always("%s takes %s", commands[action].name,
                   kind == KIND_NOTHING ? "no name" : "one name");
        return COMMAND_DONE;
    }
    if (action == OFF && strlen(words.word[0]) < strlen(commands[OFF].name)) {
        log_always("off is to be written in full");
        return COMMAND_DONE;
    }
    if (action == PLAN && plan_count == 0) {
        log_always("there is no plan");
        return COMMAND_DONE;
    }
    if (kind == KIND_VM || words.word[1][0] != '\0') {
        index = find(kind, words.word[1]);
        if (index == NONE) {
            return COMMAND_DONE;
        }
    }
    return act((enum action)action, index, step);
}

/* The word that a line ends with, an empty one behind a space, and what it names. */
static enum kind last_word(const struct words *words, const char *line, const char **word)
{
    size_t length = strlen(line), last = 0;
    uint32_t action = match(KIND_COMMAND, words->word[0], 0);

    while (last < 3 && words->word[last][0] != '\0') {
        last++;
    }
    last -= length > 0 && line[length - 1] != ' ' ? 1 : 0;
    *word = words->word[last < 2 ? last : 0];
    if (last == 0) {
        return KIND_COMMAND;
    }
    return last == 1 && action != NONE ? commands[action].kind : KIND_NOTHING;
}

void command_complete(char *line)
{
    size_t end = strlen(line), room = COMMAND_LINE_MAX + 1 - end, length;
    struct words words;
    const char *word, *rest;
    enum kind kind;
    uint32_t found, other;

    split(&words, line);
    kind = last_word(&words, line, &word);
    found = match(kind, word, 0);
    if (found == NONE) {
        return;
    }
    rest = name_of(kind, found) + strlen(word);
    other = match(kind, word, found + 1);
    if (other == NONE) {
        format(line + end, room, "%s ", rest);
        return;
    }
    length = strlen(rest); /* of what all have in common there */
    for (uint32_t i = other; i != NONE; i = match(kind, word, i + 1)) {
        size_t shared = common(rest, name_of(kind, i) + strlen(word));

        length = shared < length ? shared : length;
    }
    if (length == 0) {
        log_names("", kind, word);
    }
    format(line + end, length < room ? length + 1 : room, "%s", rest);
}
