/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands. They act on the VM in focus, answer on the hypervisor's own console, and
 * run on the CPU that takes the port's interrupt, without any lock.
 */
#include <hv/command.h>
#include <hv/format.h>
#include <hv/log.h>
#include <hv/tables.h>
#include <hv/vmm.h>

static void show_help(void)
{
    log_always(
        "keys after Ctrl-]: 1-9 focus that VM, n next VM, l list VMs, h help, q machine off,");
    log_always("  r restart, s stop, b boot, e exits of the VM in focus, Ctrl-] the key itself");
}

static void set_focus(struct console *console)
{
    console_set_focus(console);
    log_always("focus: %s", console->name);
}

static void focus_number(uint32_t index)
{
    if (index < console_count) {
        set_focus(&consoles[index]);
    } else {
        log_always("no VM has number %u", index);
    }
}

static void focus_next(void)
{
    const struct console *now = console_focus();

    if (now != NULL) {
        set_focus(&consoles[now == &consoles[console_count - 1] ? 1 : now - consoles + 1]);
    }
}

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

static void list_vms(void)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        list_vm(&vms[i]);
    }
}

static void boot(struct vm *vm)
{
    enum hv_err err = vm_boot(vm);

    if (err == HV_ERR_RANGE) {
        log_always("%s cannot boot again: its images are linked in place", vm->config->name);
    } else if (err != HV_OK) {
        log_always("%s cannot boot: it is %s", vm->config->name, vm_state_name(vm->state));
    }
}

static void stop(struct vm *vm)
{
    if (vm_stop(vm, VM_END_STOPPED) != HV_OK) {
        log_always("%s cannot stop: it is %s", vm->config->name, vm_state_name(vm->state));
    }
}

static void restart(struct vm *vm)
{
    if (vm->config->window_root.pa == 0) {
        log_always("%s cannot restart: its images are linked in place", vm->config->name);
    } else if (vm_stop(vm, VM_END_RESTART) != HV_OK) {
        boot(vm);
    }
}

/* How often the vCPU's guest was left, and why. */
static void list_exits(const struct vcpu *v)
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
    size_t length =
        format(text, sizeof text, "%s:%u exits:", v->vm->config->name, v->config->index);

    for (uint32_t reason = 0; reason < EXIT_COUNT; reason++) {
        if (v->exits[reason] != 0) {
            length += format(text + length, sizeof text - length, " %s %lu", names[reason],
                             v->exits[reason]);
        }
    }
    log_always("%s", text);
}

static void list_vm_exits(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        list_exits(vm_vcpu(vm, i));
    }
}

/* Commands that act on the VM in focus. */
static void run_on_vm(uint8_t key, struct vm *vm)
{
    switch (key) {
    case 'e':
        list_vm_exits(vm);
        break;
    case 'r':
        restart(vm);
        break;
    case 's':
        stop(vm);
        break;
    default:
        boot(vm);
        break;
    }
}

void command_run(uint8_t key)
{
    switch (key) {
    case 'n':
        focus_next();
        break;
    case 'l':
        list_vms();
        break;
    case 'e':
    case 'r':
    case 's':
    case 'b':
        if (console_focus() != NULL) {
            run_on_vm(key, console_focus()->vm);
        }
        break;
    case 'q':
        log_always("machine off");
        vmm_end();
    default:
        if (key >= '1' && key <= '9') {
            focus_number((uint32_t)key - '0');
        } else {
            show_help();
        }
        break;
    }
}
