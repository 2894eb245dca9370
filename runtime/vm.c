/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life cycle of VMs. See hv/vm.h for the states.
 */
#include <hv/arch/vcpu.h>
#include <hv/log.h>
#include <hv/tables.h>
#include <hv/vmm.h>

void vm_switch_on(struct vm *vm, struct vcpu *v, uint64_t entry, uint64_t argument)
{
    v->entry = entry;
    v->argument = argument;
    vm->live_vcpu_count++;
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
    vm_switch_on(vm, vm_vcpu(vm, 0), vm->config->entry.ipa, vm->config->argument);
}

/* True when all CPUs of the VM's vCPUs run. */
static bool has_all_cpus(const struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        if (!vm_vcpu(vm, i)->pcpu->online) {
            return false;
        }
    }
    return true;
}

enum hv_err vm_boot(struct vm *vm)
{
    enum hv_err err = HV_OK;

    spin_lock(&vm->lock);
    if (vm->state != VM_READY && vm->state != VM_STOPPED && vm->state != VM_FAILED) {
        err = HV_ERR_STATE;
    } else if (!has_all_cpus(vm) || (vm->boot_count > 0 && vm->config->window_root.pa == 0)) {
        err = HV_ERR_RANGE;
    } else {
        vmm_vm_started();
        start(vm);
    }
    spin_unlock(&vm->lock);
    return err;
}

enum hv_err vm_stop(struct vm *vm, enum vm_end end)
{
    enum hv_err err = HV_OK;

    spin_lock(&vm->lock);
    if (vm->state != VM_RUNNING) {
        err = HV_ERR_STATE;
    } else {
        vm->state = VM_STOPPING;
        vm->end = end;
        for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
            struct vcpu *v = vm_vcpu(vm, i);

            if (v->state != VCPU_OFF) {
                __atomic_fetch_or(&v->requests, VCPU_REQUEST_STOP, __ATOMIC_SEQ_CST);
                vcpu_notify(v);
            }
        }
    }
    spin_unlock(&vm->lock);
    return err;
}

bool vm_vcpu_left(struct vm *vm)
{
    vm->live_vcpu_count--;
    if (vm->live_vcpu_count > 0) {
        return false;
    }
    if (vm->state == VM_RUNNING) {
        vm->end = VM_END_STOPPED; /* its last vCPU switched itself off */
    }
    if (vm->end == VM_END_RESTART) {
        vm->state = VM_READY;
        start(vm);
        log_info("vm \"%s\" restarts, boot %u", vm->config->name, vm->boot_count);
        return false;
    }
    arch_vm_reset(vm); /* its devices' interrupts fall silent */
    vm->state = vm->end == VM_END_FAILED ? VM_FAILED : VM_STOPPED;
    log_info("vm \"%s\" %s", vm->config->name, vm_state_name(vm->state));
    return true;
}

const char *vm_state_name(enum vm_state state)
{
    static const char *const names[] = {
        [VM_READY] = "ready",     [VM_RUNNING] = "running", [VM_STOPPING] = "stopping",
        [VM_STOPPED] = "stopped", [VM_FAILED] = "failed",
    };

    return names[state];
}
