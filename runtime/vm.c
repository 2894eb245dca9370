/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life cycle of VMs. See hv/vm.h for the states.
 */
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/log.h>
#include <hv/string.h>
#include <hv/tables.h>
#include <hv/vmm.h>
#include <hv/watchdog.h>

void vm_switch_on(struct vm *vm, struct vcpu *v, uint64_t entry, uint64_t argument)
{
    v->entry = entry;
    v->argument = argument;
    vm->live_vcpu_count++;
    if (vm->state == VM_PAUSED) {
        __atomic_fetch_or(&v->requests, VCPU_REQUEST_PAUSE, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&v->state, VCPU_READY, __ATOMIC_SEQ_CST);
    vcpu_notify(v);
}

/* Into RUNNING: the primary vCPU is switched on and will load the images. vm->lock is held. */
static void start(struct vm *vm)
{
    vm->state = VM_RUNNING;
    vm->boot_count++;
    vm->load_pending = true;
    arch_vm_reset(vm);
    watchdog_reset(vm);
    vmm_vm_starts(vm);
    vm_switch_on(vm, vm_vcpu(vm, 0), vm->config->entry.ipa, vm->config->argument);
}

enum hv_err vm_boot(struct vm *vm)
{
    enum hv_err err = HV_OK;

    spin_lock(&vm->lock);
    if (vm->state != VM_READY && vm->state != VM_STOPPED && vm->state != VM_FAILED) {
        err = HV_ERR_STATE;
    } else if (vm->boot_count > 0 && vm->config->window_root.pa == 0) {
        err = HV_ERR_RANGE;
    } else {
        vmm_vm_started();
        start(vm);
    }
    spin_unlock(&vm->lock);
    return err;
}

/* Asks every vCPU of a VM that is on for something, wherever it is. vm->lock is held. */
static void request(struct vm *vm, uint32_t bits)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct vcpu *v = vm_vcpu(vm, i);

        if (v->state != VCPU_OFF) {
            __atomic_fetch_or(&v->requests, bits, __ATOMIC_SEQ_CST);
            vcpu_notify(v);
        }
    }
}

enum hv_err vm_stop(struct vm *vm, enum vm_end end)
{
    enum hv_err err = HV_OK;

    spin_lock(&vm->lock);
    if (vm->state == VM_RUNNING || vm->state == VM_PAUSED) {
        vm->state = VM_STOPPING;
        vm->end = end;
        request(vm, VCPU_REQUEST_STOP);
    } else if (vm->state == VM_STOPPING && vm->end == VM_END_RESTART && end != VM_END_RESTART) {
        vm->end = end;
    } else {
        err = HV_ERR_STATE;
    }
    spin_unlock(&vm->lock);
    return err;
}

enum hv_err vm_pause(struct vm *vm)
{
    enum hv_err err = HV_ERR_STATE;

    spin_lock(&vm->lock);
    if (vm->state == VM_RUNNING) {
        vm->state = VM_PAUSED;
        request(vm, VCPU_REQUEST_PAUSE);
        err = HV_OK;
    }
    spin_unlock(&vm->lock);
    return err;
}

enum hv_err vm_resume(struct vm *vm)
{
    enum hv_err err = HV_ERR_STATE;

    spin_lock(&vm->lock);
    if (vm->state == VM_PAUSED) {
        vm->state = VM_RUNNING;
        for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
            __atomic_fetch_and(&vm_vcpu(vm, i)->requests, ~VCPU_REQUEST_PAUSE, __ATOMIC_SEQ_CST);
        }
        watchdog_resume(vm);
        request(vm, VCPU_REQUEST_ARM);
        err = HV_OK;
    }
    spin_unlock(&vm->lock);
    return err;
}

enum hv_err vm_restart(struct vm *vm)
{
    if (vm->config->window_root.pa == 0) {
        return HV_ERR_RANGE;
    }
    return vm_stop(vm, VM_END_RESTART) == HV_OK ? HV_OK : vm_boot(vm);
}

uint64_t vm_deadline(const struct vm *vm)
{
    uint64_t watchdog = __atomic_load_n(&vm->watchdog_at, __ATOMIC_RELAXED);
    uint64_t ready = __atomic_load_n(&vm->ready_at, __ATOMIC_RELAXED);

    return watchdog < ready ? watchdog : ready;
}

void vm_deadline_passed(struct vm *vm, uint64_t now)
{
    if (vm->watchdog_at <= now) {
        watchdog_expire(vm);
    }
    if (vm->ready_at <= now) {
        vmm_vm_late(vm);
    }
}

struct vm *vm_find(const char *name, size_t length)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        const char *own = vms[i].config->name;

        if (strlen(own) == length && memcmp(own, name, length) == 0) {
            return &vms[i];
        }
    }
    return NULL;
}

bool vm_vcpu_left(struct vm *vm)
{
    vm->live_vcpu_count--;
    if (vm->live_vcpu_count > 0) {
        return false;
    }
    if (vm->state != VM_STOPPING) {
        vm->end = VM_END_STOPPED; /* its last vCPU switched itself off */
    }
    if (vm->end == VM_END_RESTART) {
        vm->state = VM_READY;
        start(vm);
        log_info("vm \"%s\" restarts, boot %u", vm->config->name, vm->boot_count);
        return false;
    }
    watchdog_off(vm);
    arch_vm_reset(vm); /* its devices' interrupts fall silent */
    vm->state = vm->end == VM_END_FAILED ? VM_FAILED : VM_STOPPED;
    log_info("vm \"%s\" %s", vm->config->name, vm_state_name(vm->state));
    return true;
}

const char *vm_state_name(enum vm_state state)
{
    static const char *const names[] = {
        [VM_READY] = "ready",       [VM_RUNNING] = "running", [VM_PAUSED] = "paused",
        [VM_STOPPING] = "stopping", [VM_STOPPED] = "stopped", [VM_FAILED] = "failed",
    };

    return names[state];
}
