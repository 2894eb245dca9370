/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that the generator would print, writable until the machine starts. The runtime knows
 * their counts as constants; here they are variables under the same symbols.
 */
#define vm_configs       constant_vm_configs
#define vcpu_configs     constant_vcpu_configs
#define pcpu_configs     constant_pcpu_configs
#define vm_count         constant_vm_count
#define pcpu_count       constant_pcpu_count
#define console_count    constant_console_count
#define system_log_level constant_system_log_level
#define plan_count       constant_plan_count
#define plan_configs     constant_plan_configs
#include "machine.h"
#include <hv/log.h>
#include <hv/vmm.h>
#undef vm_configs
#undef vcpu_configs
#undef pcpu_configs
#undef vm_count
#undef pcpu_count
#undef console_count
#undef system_log_level
#undef plan_count
#undef plan_configs
#include <string.h>

struct vm_config vm_configs[MACHINE_VMS];
struct vcpu_config vcpu_configs[MACHINE_VCPUS];
struct pcpu_config pcpu_configs[FAKE_CPUS_MAX];
uint32_t vm_count;
uint32_t pcpu_count;
uint32_t console_count = 1;
uint32_t system_log_level = LOG_DEBUG;
uint32_t *const machine_log_level = &system_log_level;

struct plan_config plan_configs[MACHINE_PLANS];
uint32_t plan_count;

static const uint8_t default_actions[HEALTH_COUNT] = {
    [HEALTH_MEMORY_FAULT] = HEALTH_STOP, [HEALTH_INSTRUCTION_FAULT] = HEALTH_STOP,
    [HEALTH_HYPERCALL] = HEALTH_IGNORE,  [HEALTH_WATCHDOG] = HEALTH_RESTART,
    [HEALTH_IMAGE] = HEALTH_STOP,        [HEALTH_ENTRY] = HEALTH_STOP,
    [HEALTH_SPENT] = HEALTH_STOP,        [HEALTH_NOT_READY] = HEALTH_IGNORE,
    [HEALTH_SHUTDOWN] = HEALTH_STOP,     [HEALTH_RESET] = HEALTH_RESTART,
};

static uint64_t restart_times[MACHINE_VMS][MACHINE_RESTARTS];
static uint64_t levels[FAKE_CPUS_MAX];
static struct plan_window windows[FAKE_CPUS_MAX][MACHINE_PLANS][MACHINE_WINDOWS];
static const struct plan_window *cpu_plans[FAKE_CPUS_MAX][MACHINE_PLANS];
static uint32_t vcpus_used;
static struct vcpu *pcpu_vcpus[FAKE_CPUS_MAX][SCHED_VCPUS_PER_CPU];

const char system_name[] = "host-test";
const char board_name[] = "fake";
const struct irq_route irq_routes[1];
const struct owner owners[1];
const uint32_t vcpu_count = MACHINE_VCPUS;
const uint32_t irq_route_count = 0;
const uint32_t owner_count = 0;
const struct arch_board_config board;

struct vm vms[MACHINE_VMS];
struct vcpu vcpus[MACHINE_VCPUS];
struct pcpu pcpus[FAKE_CPUS_MAX];
struct console consoles[MACHINE_VMS + 1] = { { .name = "hv" } };

struct vm *machine_add_vm(const char *name, uint32_t count, const uint8_t cpus[])
{
    struct vm *vm = &vms[vm_count];
    struct vm_config *config = &vm_configs[vm_count];
    struct console *console = &consoles[console_count];

    console->name = name;
    console->vm = vm;
    console_count++;
    config->name = name;
    config->vmid = (uint16_t)(vm_count + 1);
    config->vcpu_first = (uint16_t)vcpus_used;
    config->vcpu_count = (uint16_t)count;
    config->autostart = true;
    memcpy(config->health, default_actions, sizeof default_actions);
    config->restart_limit = MACHINE_RESTARTS;
    config->restart_within_us = MACHINE_WITHIN;
    config->restart_times = restart_times[vm_count];
    config->window_root.pa = 0x1000;
    config->entry.ipa = 0x40200000;
    config->argument = 0x48000000;
    config->console = console;
    vm->config = config;
    vm_count++;
    for (uint32_t i = 0; i < count; i++) {
        struct vcpu *v = &vcpus[vcpus_used];

        vcpu_configs[vcpus_used].index = (uint16_t)i;
        v->config = &vcpu_configs[vcpus_used];
        v->vm = vm;
        v->pcpu = &pcpus[cpus[i]];
        pcpu_count = cpus[i] >= pcpu_count ? cpus[i] + 1u : pcpu_count;
        vcpus_used++;
    }
    return vm;
}

struct vm_config *machine_config(const struct vm *vm)
{
    return &vm_configs[vm - vms];
}

struct vcpu *machine_vcpu(const struct vm *vm, uint32_t index)
{
    return &vcpus[vm->config->vcpu_first + index];
}

void machine_finish(void)
{
    for (uint32_t i = 0; i < vcpus_used; i++) {
        struct pcpu_config *config = &pcpu_configs[vcpus[i].pcpu - pcpus];

        vcpu_configs[i].slot = config->vcpu_count;
        pcpu_vcpus[vcpus[i].pcpu - pcpus][config->vcpu_count] = &vcpus[i];
        config->vcpu_count++;
    }
    for (uint32_t i = 0; i < pcpu_count; i++) {
        pcpu_configs[i].index = (uint16_t)i;
        pcpu_configs[i].vcpus = pcpu_vcpus[i];
        pcpu_configs[i].slice_us = MACHINE_SLICE;
        if (pcpu_configs[i].plans == NULL && pcpu_configs[i].levels == NULL) {
            levels[i] = pcpu_configs[i].vcpu_count == 64
                            ? UINT64_MAX
                            : (UINT64_C(1) << pcpu_configs[i].vcpu_count) - 1;
            pcpu_configs[i].levels = &levels[i];
            pcpu_configs[i].level_count = 1;
        }
        pcpus[i].config = &pcpu_configs[i];
    }
    for (uint32_t i = 0; i < vcpus_used; i++) {
        vcpu_configs[i].exclusive =
            vcpus[i].pcpu->config->vcpu_count == 1 && vcpus[i].pcpu->config->plans == NULL;
    }
}

uint32_t machine_add_plan(const char *name, uint64_t frame_us)
{
    plan_configs[plan_count] = (struct plan_config){ .name = name, .frame_us = frame_us };
    return plan_count++;
}

void machine_add_window(uint32_t plan, uint32_t cpu, uint64_t end_us, uint64_t owner, uint64_t rest)
{
    struct plan_window *window = windows[cpu][plan];

    while (window->end_us != 0) {
        window++;
    }
    *window = (struct plan_window){
        .end_us = end_us,
        .level_count = owner == 0 ? 0 : 2,
        .levels = { owner, rest },
    };
    cpu_plans[cpu][plan] = windows[cpu][plan];
    pcpu_configs[cpu].plans = cpu_plans[cpu];
}

void machine_set_levels(uint32_t cpu, const uint64_t sets[], uint32_t count)
{
    pcpu_configs[cpu].levels = sets;
    pcpu_configs[cpu].level_count = count;
}

void machine_start(void)
{
    fake_start(&pcpus[0], vmm_main);
}
