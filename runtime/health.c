/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in the life of VMs: the report and what follows. See hv/health.h.
 */
#include <hv/arch/vcpu.h>
#include <hv/format.h>
#include <hv/health.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/vmm.h>

/* Who owns a physical address; the guest's own words for it when it is not mapped in its VM. */
static const char *owner_of(uint64_t address)
{
    for (uint32_t i = 0; i < owner_count; i++) {
        if (range_contains(owners[i].base.pa, owners[i].size, address, 1)) {
            return owners[i].name;
        }
    }
    return "nobody";
}

/* Where it happened and whose that is, as far as the fault says. */
static void describe_place(const struct vcpu *v, char *text, size_t size)
{
    const struct guest_fault *fault = &v->exit.fault;
    const struct mem_region *own = memory_at(v->vm, fault->address, 1);

    if (fault->has_virtual_address) {
        format(text, size, " at virtual address 0x%lx, pc 0x%lx: its own memory",
               fault->virtual_address, fault->pc);
    } else if (!fault->has_address) {
        format(text, size, ", pc 0x%lx, syndrome 0x%lx", fault->pc, fault->syndrome);
    } else if (own == NULL) {
        format(text, size, " at 0x%lx, pc 0x%lx: belongs to %s", fault->address.ipa, fault->pc,
               owner_of(fault->address.ipa));
    } else {
        format(text, size, " at 0x%lx, pc 0x%lx: its own memory \"%s\", %s", fault->address.ipa,
               fault->pc, own->name, memory_permission_text(own->permissions));
    }
}

/* ---- What follows ---- */

/* Counts a restart after a failure, if one more is allowed now. vm->lock is held. */
static bool may_restart(struct vm *vm, uint64_t now)
{
    const struct vm_config *config = vm->config;
    uint64_t within = time_from_us(config->restart_within_us);
    uint64_t *oldest;

    if (config->restart_limit == 0) {
        return false;
    }
    oldest = &config->restart_times[vm->restart_count % config->restart_limit];
    if (vm->restart_count >= config->restart_limit && now - *oldest < within) {
        return false;
    }
    *oldest = now;
    vm->restart_count++;
    return true;
}

static bool is_failure(enum health_event event)
{
    return event != HEALTH_SHUTDOWN && event != HEALTH_RESET;
}

/* Puts the event into the VM's ring. vm->lock is held. */
static void record(struct vm *vm, const struct vcpu *v, enum health_event event,
                   enum health_action action, uint64_t now)
{
    struct health_record *entry = &vm->health.records[vm->health.count % HEALTH_RECORDS];
    bool is_fault = v != NULL && (event == HEALTH_MEMORY_FAULT ||
                                  event == HEALTH_INSTRUCTION_FAULT || event == HEALTH_ENTRY);

    *entry = (struct health_record){
        .time = now,
        .pc = is_fault ? v->exit.fault.pc : 0,
        .address = is_fault && v->exit.fault.has_address ? v->exit.fault.address.ipa : 0,
        .vcpu = v != NULL ? v->config->index : 0,
        .event = (uint8_t)event,
        .action = (uint8_t)action,
    };
    vm->health.count++;
}

static void stop_all(const struct vm *cause, enum vm_end end)
{
    for (uint32_t i = 0; i < vm_count; i++) {
        (void)vm_stop(&vms[i], &vms[i] == cause ? end : VM_END_STOPPED);
    }
}

static void act(struct vm *vm, struct vcpu *v, enum health_event event, enum health_action action)
{
    enum vm_end end = is_failure(event) ? VM_END_FAILED : VM_END_STOPPED;

    switch (action) {
    case HEALTH_IGNORE:
        break;
    case HEALTH_INJECT:
        arch_vcpu_inject_fault(v);
        break;
    case HEALTH_RESTART:
        (void)vm_stop(vm, VM_END_RESTART);
        break;
    case HEALTH_STOP:
        (void)vm_stop(vm, end);
        break;
    case HEALTH_STOP_ALL:
        stop_all(vm, end);
        break;
    case HEALTH_RESET_MACHINE:
        vmm_reset(vm);
    }
}

void health_raise(struct vm *vm, struct vcpu *v, enum health_event event)
{
    enum health_action action = vm->config->health[event];
    uint64_t now = arch_time_now();
    bool is_spent = false;

    spin_lock(&vm->lock);
    record(vm, v, event, action, now);
    if (action == HEALTH_RESTART && is_failure(event) && vm->state != VM_STOPPING) {
        is_spent = !may_restart(vm, now);
    }
    spin_unlock(&vm->lock);
    log_write(action == HEALTH_IGNORE || action == HEALTH_INJECT ? LOG_DEBUG : LOG_INFO,
              "vm \"%s\": %s, %s", vm->config->name, health_event_name(event),
              health_action_name(action));
    if (is_spent) {
        health_raise(vm, v, HEALTH_SPENT); /* whose action is no restart */
    } else {
        act(vm, v, event, action);
    }
}

void health_guest_fault(struct vcpu *v, bool is_refused_entry)
{
    const struct guest_fault *fault = &v->exit.fault;
    enum health_event event = is_refused_entry ? HEALTH_ENTRY
                              : fault->has_address || fault->has_virtual_address
                                  ? HEALTH_MEMORY_FAULT
                                  : HEALTH_INSTRUCTION_FAULT;
    char place[LOG_LINE_SIZE];

    if (v->vm->config->health[event] != HEALTH_INJECT) {
        describe_place(v, place, sizeof place);
        log_error("vm \"%s\" vcpu %u: %s%s", v->vm->config->name, v->config->index, fault->what,
                  place);
    }
    health_raise(v->vm, v, event);
}

/* ---- Who asks ---- */

uint32_t health_count(struct vm *vm)
{
    return __atomic_load_n(&vm->health.count, __ATOMIC_RELAXED);
}

bool health_get(struct vm *vm, uint32_t number, struct health_record *record)
{
    bool is_there;

    spin_lock(&vm->lock);
    is_there = number < vm->health.count && vm->health.count - number <= HEALTH_RECORDS;
    if (is_there) {
        *record = vm->health.records[number % HEALTH_RECORDS];
    }
    spin_unlock(&vm->lock);
    return is_there;
}

const char *health_event_name(uint32_t event)
{
    static const char *const names[HEALTH_COUNT] = {
        "memory-fault", "instruction-fault", "hypercall", "watchdog", "image", "entry",
        "spent",        "not-ready",         "shutdown",  "reset",
    };

    return names[event];
}

const char *health_action_name(uint32_t action)
{
    static const char *const names[] = {
        "ignore", "inject", "restart", "stop", "stop-all", "reset-machine",
    };

    return names[action];
}
