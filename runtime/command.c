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
    log_always("keys after Ctrl-]: 1-9 focus that VM, n next VM, l list VMs, h help,");
    log_always("  r restart, s stop, b boot the VM in focus, q machine off, Ctrl-] the key itself");
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
    switch (vm_boot(vm)) {
    case HV_OK:
        break;
    case HV_ERR_RANGE:
        log_always("%s cannot boot again: its images are linked in place", vm->config->name);
        break;
    default:
        log_always("%s cannot boot: it is %s", vm->config->name, vm_state_name(vm->state));
        break;
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

/* Commands that act on the VM in focus. */
static void run_on_vm(uint8_t key, struct vm *vm)
{
    switch (key) {
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
