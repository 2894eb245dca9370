/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole. See hv/vmm.h.
 */
#include <hv/arch/cpu.h>
#include <hv/log.h>
#include <hv/tables.h>
#include <hv/vmm.h>

/* VMs between boot and end, and one more while start() is at work, so that a VM that ends
 * before the next one is booted does not turn the machine off; atomic. */
static uint32_t running_vm_count = 1;

/* Atomic: somebody is turning the machine off. */
static uint32_t is_ending;

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
        if (!pcpu->online) {
            log_error("cpu %u does not start", pcpu->config->index);
        }
    }
}

/* Boots one VM at start-up. */
static void autostart(struct vm *vm)
{
    if (vm_boot(vm) != HV_OK) {
        vm->state = VM_FAILED;
        log_error("vm \"%s\" cannot start", vm->config->name);
    }
}

/* Starts the other CPUs, and every VM with autostart. */
static void start(void)
{
    bool has_autostart = false;

    start_cpus();
    for (uint32_t i = 0; i < vm_count; i++) {
        if (vms[i].config->autostart) {
            has_autostart = true;
            autostart(&vms[i]);
        }
    }
    if (has_autostart) {
        vmm_vm_ended(); /* takes back the one that stands for this function */
    } else {
        __atomic_fetch_sub(&running_vm_count, 1, __ATOMIC_SEQ_CST);
        log_info("no VM starts by itself: Ctrl-] b boots the one in focus");
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

void vmm_end(void)
{
    bool has_failed = false;

    if (__atomic_exchange_n(&is_ending, 1, __ATOMIC_SEQ_CST)) {
        arch_cpu_halt();
    }
    for (uint32_t i = 0; i < vm_count; i++) {
        has_failed = has_failed || vms[i].state == VM_FAILED;
        log_info("vm \"%s\": %s, %u boot%s", vms[i].config->name, vm_state_name(vms[i].state),
                 vms[i].boot_count, vms[i].boot_count == 1 ? "" : "s");
    }
    log_always("end: %u", has_failed ? 1u : 0u);
    console_flush();
    arch_power_off();
}

void vmm_main(void)
{
    arch_cpu_init(arch_this_pcpu());
    console_init();
    log_info("ashlar: system %s on %s, %u VMs, %u vCPUs, %u CPUs", system_name, board_name,
             vm_count, vcpu_count, pcpu_count);
    for (uint32_t i = 0; i < pcpu_count; i++) {
        sched_init(&pcpus[i]);
    }
    start();
    sched_run();
}

void pcpu_main(void)
{
    arch_cpu_init(arch_this_pcpu());
    sched_run();
}
