/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ashlar's own calls. See hv/call.h, <ashlar.h>.
 *
 * Each call is a function of its own in a table that also says whom it may concern. So no call can
 * forget to look.
 */
#include <ashlar.h>
#include <hv/call.h>
#include <hv/health.h>
#include <hv/plan.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/vmm.h>
#include <hv/watchdog.h>

_Static_assert((int)ASHLAR_STATE_READY == VM_READY && (int)ASHLAR_STATE_FAILED == VM_FAILED &&
                   (int)ASHLAR_STATE_PAUSED == VM_PAUSED,
               "guests are told the numbers of enum vm_state");

struct call {
    struct vcpu *v;                    /* whose guest calls */
    struct vm *vm;                     /* the VM that the call is about */
    uint64_t argument[CALL_ARGUMENTS]; /* without that VM */
    uint64_t value[CALL_VALUES];       /* zeroes, for the answer */
};

typedef int64_t call_handler(struct call *call);

static int64_t error_of(enum hv_err err)
{
    switch (err) {
    case HV_OK:
        return ASHLAR_OK;
    case HV_ERR_RANGE:
        return ASHLAR_FIXED;
    default:
        return ASHLAR_REFUSED;
    }
}

/* ---- About the caller ---- */

static int64_t version(struct call *call)
{
    call->value[0] = ASHLAR_CALLS_VERSION;
    return ASHLAR_OK;
}

static int64_t self(struct call *call)
{
    call->value[0] = (uint64_t)(call->vm - vms);
    call->value[1] = vm_count;
    return ASHLAR_OK;
}

static int64_t ready(struct call *call)
{
    vmm_vm_ready(call->vm);
    return ASHLAR_OK;
}

static int64_t watchdog_start(struct call *call)
{
    uint64_t most = call->vm->config->watchdog_us / 1000u;

    if (call->argument[0] == 0 || most == 0) {
        return ASHLAR_INVALID;
    }
    most = call->argument[0] < most ? call->argument[0] : most;
    watchdog_arm(call->vm, time_from_ms(most));
    return ASHLAR_OK;
}

static int64_t kick(struct call *call)
{
    watchdog_kick(call->vm);
    return ASHLAR_OK;
}

static int64_t watchdog_stop(struct call *call)
{
    watchdog_disarm(call->vm);
    return call->vm->config->watchdog_at_boot ? ASHLAR_REFUSED : ASHLAR_OK;
}

static int64_t plan(struct call *call)
{
    uint64_t now = arch_time_now();
    struct plan_place place;

    if (!plan_place(call->v->pcpu, now, &place)) {
        return ASHLAR_INVALID;
    }
    call->value[0] = place.plan;
    call->value[1] = time_to_ns(now - place.frame_start);
    call->value[2] = time_to_ns(place.window_end > now ? place.window_end - now : 0);
    return ASHLAR_OK;
}

static int64_t switch_plan(struct call *call)
{
    if (!call->vm->config->manages_plans) {
        return ASHLAR_DENIED;
    }
    if (call->argument[0] >= plan_count) {
        return ASHLAR_INVALID;
    }
    return error_of(plan_switch((uint32_t)call->argument[0]));
}

static bool is_granted(const struct vm *caller, const struct vm *vm)
{
    return (caller->config->manages >> (vm - vms) & 1) != 0;
}

static int64_t find(struct call *call)
{
    const char *name = (const char *)call->argument;
    size_t length = 0;
    struct vm *found;

    while (length < sizeof call->argument && name[length] != '\0') {
        length++;
    }
    found = vm_find(name, length);
    if (found == NULL || (found != call->vm && !is_granted(call->vm, found))) {
        return ASHLAR_DENIED; /* nobody learns the names of others */
    }
    call->value[0] = (uint64_t)(found - vms);
    return ASHLAR_OK;
}

/* ---- About a VM that it manages, or itself ---- */

static int64_t state(struct call *call)
{
    spin_lock(&call->vm->lock);
    call->value[0] = call->vm->state;
    call->value[1] = call->vm->live_vcpu_count;
    call->value[2] = call->vm->boot_count;
    call->value[3] = call->vm->config->vcpu_count;
    spin_unlock(&call->vm->lock);
    return ASHLAR_OK;
}

static int64_t cpu_time(struct call *call)
{
    const struct vcpu *of = vm_find_vcpu(call->vm, call->argument[0]);

    if (of == NULL) {
        return ASHLAR_INVALID;
    }
    call->value[0] = time_to_ns(vcpu_cpu_time(of));
    return ASHLAR_OK;
}

static int64_t exits(struct call *call)
{
    const struct vcpu *of = vm_find_vcpu(call->vm, call->argument[0]);

    if (of == NULL || call->argument[1] >= EXIT_COUNT) {
        return ASHLAR_INVALID;
    }
    call->value[0] = __atomic_load_n(&of->exits[call->argument[1]], __ATOMIC_RELAXED);
    return ASHLAR_OK;
}

static int64_t events(struct call *call)
{
    call->value[0] = health_count(call->vm);
    return ASHLAR_OK;
}

static int64_t event(struct call *call)
{
    struct health_record record;

    if (call->argument[0] > UINT32_MAX ||
        !health_get(call->vm, (uint32_t)call->argument[0], &record)) {
        return ASHLAR_INVALID;
    }
    call->value[0] = time_to_ns(record.time);
    call->value[1] = record.event | (uint64_t)record.action << 8 | (uint64_t)record.vcpu << 16;
    call->value[2] = record.pc;
    call->value[3] = record.address;
    return ASHLAR_OK;
}

/* ---- About a VM that it manages ---- */

static int64_t start(struct call *call)
{
    return error_of(vm_boot(call->vm));
}

static int64_t stop(struct call *call)
{
    return error_of(vm_stop(call->vm, VM_END_STOPPED));
}

static int64_t pause(struct call *call)
{
    return error_of(vm_pause(call->vm));
}

static int64_t resume(struct call *call)
{
    return error_of(vm_resume(call->vm));
}

static int64_t restart(struct call *call)
{
    return error_of(vm_restart(call->vm));
}

/* ---- Which is which ---- */

/* Whom a call is about: the caller, or the VM in its first argument. */
enum subject {
    SELF,
    MANAGED_OR_SELF,
    MANAGED,
};

static const struct {
    call_handler *handle;
    enum subject subject;
} calls[ASHLAR_CALL_COUNT] = {
    [ASHLAR_VERSION] = { version, SELF },
    [ASHLAR_SELF] = { self, SELF },
    [ASHLAR_READY] = { ready, SELF },
    [ASHLAR_WATCHDOG_START] = { watchdog_start, SELF },
    [ASHLAR_WATCHDOG_KICK] = { kick, SELF },
    [ASHLAR_WATCHDOG_STOP] = { watchdog_stop, SELF },
    [ASHLAR_PLAN] = { plan, SELF },
    [ASHLAR_PLAN_SWITCH] = { switch_plan, SELF },
    [ASHLAR_FIND] = { find, SELF },
    [ASHLAR_STATE] = { state, MANAGED_OR_SELF },
    [ASHLAR_START] = { start, MANAGED },
    [ASHLAR_STOP] = { stop, MANAGED },
    [ASHLAR_PAUSE] = { pause, MANAGED },
    [ASHLAR_RESUME] = { resume, MANAGED },
    [ASHLAR_RESTART] = { restart, MANAGED },
    [ASHLAR_TIME] = { cpu_time, MANAGED_OR_SELF },
    [ASHLAR_EXITS] = { exits, MANAGED_OR_SELF },
    [ASHLAR_EVENTS] = { events, MANAGED_OR_SELF },
    [ASHLAR_EVENT] = { event, MANAGED_OR_SELF },
};

/* The VM that a call is about, or NULL if it is not the caller's to ask. */
static struct vm *subject_of(struct vm *caller, enum subject subject, uint64_t number)
{
    struct vm *vm;

    if (subject == SELF) {
        return caller;
    }
    if (number >= vm_count) {
        return NULL;
    }
    vm = &vms[number];
    return is_granted(caller, vm) || (subject == MANAGED_OR_SELF && vm == caller) ? vm : NULL;
}

/* Finds out whom the call is about and makes it. */
static int64_t dispatch(struct call *call, uint64_t function, const uint64_t x[CALL_ARGUMENTS])
{
    uint32_t from;

    if (function >= ASHLAR_CALL_COUNT) {
        return ASHLAR_UNKNOWN;
    }
    from = calls[function].subject == SELF ? 0 : 1;
    call->vm = subject_of(call->vm, calls[function].subject, x[0]);
    if (call->vm == NULL) {
        return ASHLAR_DENIED;
    }
    for (uint32_t to = 0; from < CALL_ARGUMENTS;) {
        call->argument[to++] = x[from++];
    }
    return calls[function].handle(call);
}

int64_t call_make(struct vcpu *v, uint64_t function, uint64_t x[CALL_VALUES])
{
    struct call call = { .v = v, .vm = v->vm };
    int64_t error = dispatch(&call, function, x);

    for (uint32_t i = 0; i < CALL_VALUES; i++) {
        x[i] = error == ASHLAR_OK ? call.value[i] : 0;
    }
    if (error == ASHLAR_UNKNOWN || error == ASHLAR_DENIED) {
        health_raise(v->vm, v, HEALTH_HYPERCALL);
    }
    return error;
}
