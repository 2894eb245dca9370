/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole. See hv/vmm.h.
 */
#include <hv/arch/cpu.h>
#include <hv/check.h>
#include <hv/log.h>
#include <hv/plan.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/vmm.h>

/* VMs between boot and end, and one more while start() is at work, so that a VM that ends
 * before the next one is booted does not turn the machine off; atomic. */
static uint32_t running_vm_count = 1;

/* Atomic: somebody is turning the machine off. */
static uint32_t is_ending;

/* Atomic: VMs that nobody need wait for any more, bit for each index. */
static uint64_t ready_vms;

/* Starts every CPU but this one. */
static void start_cpus(void)
{
    arch_this_pcpu()->online = true;
    for (uint32_t i = 0; i < pcpu_count; i++) {
        struct pcpu *pcpu = &pcpus[i];

        if (pcpu == arch_this_pcpu()) {
            continue;
        }
        pcpu->online = arch_cpu_start(pcpu) == HV_OK;
    }
    check_cpus();
}

static uint64_t bit_of(const struct vm *vm)
{
    return UINT64_C(1) << (vm - vms);
}

/* Boots one VM at start-up. */
static void autostart(struct vm *vm)
{
    if (vm_boot(vm) != HV_OK) {
        log_debug("vm \"%s\": the operator was faster", vm->config->name);
    }
}

/* Starts those that waited for VMs which are all ready now. Each counts as running while it waits.
 */
static void start_waiting(void)
{
    uint64_t ready = __atomic_load_n(&ready_vms, __ATOMIC_SEQ_CST);

    for (uint32_t i = 0; i < vm_count; i++) {
        struct vm *vm = &vms[i];

        if ((vm->config->after & ~ready) == 0 &&
            __atomic_exchange_n(&vm->waits, 0, __ATOMIC_SEQ_CST)) {
            autostart(vm);
            vmm_vm_ended();
        }
    }
}

void vmm_vm_starts(struct vm *vm)
{
    uint64_t ticks = time_from_us(vm->config->ready_within_us);

    for (uint32_t i = 0; i < vm_count; i++) {
        if (__atomic_load_n(&vms[i].waits, __ATOMIC_SEQ_CST) &&
            (vms[i].config->after & bit_of(vm)) != 0) {
            __atomic_store_n(&vm->ready_at, arch_time_now() + ticks, __ATOMIC_SEQ_CST);
        }
    }
}

void vmm_vm_ready(struct vm *vm)
{
    __atomic_store_n(&vm->ready_at, TIME_NEVER, __ATOMIC_SEQ_CST);
    if ((__atomic_fetch_or(&ready_vms, bit_of(vm), __ATOMIC_SEQ_CST) & bit_of(vm)) == 0) {
        start_waiting();
    }
}

void vmm_vm_late(struct vm *vm)
{
    bool restarts;

    __atomic_store_n(&vm->ready_at, TIME_NEVER, __ATOMIC_SEQ_CST);
    health_raise(vm, NULL, HEALTH_NOT_READY);
    spin_lock(&vm->lock);
    restarts = vm->state == VM_STOPPING && vm->end == VM_END_RESTART;
    spin_unlock(&vm->lock);
    if (!restarts) {
        vmm_vm_ready(vm);
    }
}

/* Starts the other CPUs, and every VM with autostart. */
static void start(void)
{
    bool has_autostart = false;

    start_cpus();
    for (uint32_t i = 0; i < vm_count; i++) {
        vms[i].waits = vms[i].config->autostart && vms[i].config->after != 0;
    }
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].config->autostart) {
            has_autostart = true;
            if (vms[i].config->after != 0) {
                vmm_vm_started();
            } else {
                autostart(&vms[i]);
            }
        }
    }
    if (has_autostart) {
        vmm_vm_ended(); /* takes back the one that stands for this function */
    } else {
        __atomic_fetch_sub(&running_vm_count, 1, __ATOMIC_SEQ_CST);
        log_info("no VM starts by itself: Ctrl-], then `start VM`");
    }
}

void vmm_vm_started(void)
{
    __atomic_fetch_add(&running_vm_count, 1, __ATOMIC_SEQ_CST);
}

void vmm_vm_ended(void)
{
    if (__atomic_sub_fetch(&running_vm_count, 1, __ATOMIC_SEQ_CST) == 0) {
        vmm_end();
    }
}

/* Halts the CPU if another is ending the machine already. */
static void end_once(void)
{
    if (__atomic_exchange_n(&is_ending, 1, __ATOMIC_SEQ_CST)) {
        arch_cpu_halt();
    }
}

void vmm_reset(const struct vm *vm)
{
    end_once();
    log_always("reset, as vm \"%s\" has it", vm->config->name);
    console_flush();
    arch_power_reset();
}

/* Prints the verdict and turns the machine off. */
HV_NORETURN static void power_off(bool has_failed)
{
    log_always("end: %u", has_failed ? 1u : 0u);
    console_flush();
    arch_power_off();
}

void vmm_end(void)
{
    bool has_failed = false;

    end_once();
    for (uint32_t i = 0; i < vm_count; i++) {
        has_failed = has_failed || vms[i].state == VM_FAILED;
        log_info("vm \"%s\": %s, %u boot%s", vms[i].config->name, vm_state_name(vms[i].state),
                 vms[i].boot_count, vms[i].boot_count == 1 ? "" : "s");
    }
    power_off(has_failed);
}

void vmm_refuse(void)
{
    end_once();
    power_off(true);
}

void vmm_main(void)
{
    check_machine();
    arch_cpu_init(arch_this_pcpu());
    console_init();
    log_info("ashlar: system %s on %s, %u VMs, %u vCPUs, %u CPUs", system_name, board_name,
             vm_count, vcpu_count, pcpu_count);
    for (uint32_t i = 0; i < vm_count; i++) {
        vms[i].watchdog_at = TIME_NEVER;
        vms[i].ready_at = TIME_NEVER;
    }
    for (uint32_t i = 0; i < pcpu_count; i++) {
        sched_init(&pcpus[i]);
    }
    plan_init();
    start();
    sched_run();
}

void pcpu_main(void)
{
    check_this_cpu();
    arch_cpu_init(arch_this_pcpu());
    sched_run();
}
