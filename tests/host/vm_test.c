/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of VMs: every transition and every refusal, policies, counting, the end of the machine,
 * and long random runs against a model that fits on a page.
 */
/* SOURCES: tests/host/machine.c runtime/sched.c runtime/vcpu.c runtime/vm.c runtime/vmm.c */
/* SOURCES: runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c runtime/image.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/panic.c runtime/lib/format.c runtime/console.c runtime/terminal.c */
/* SOURCES: tests/host/no_operator.c runtime/log.c */
/* SOURCES: arch/fake/context.c arch/fake/cpu.c arch/fake/vcpu.c arch/fake/console.c */
#define _GNU_SOURCE
#include "machine.h"
#include "test.h"
#include <hv/log.h>
#include <hv/vmm.h>

static struct vm *alpha, *beta;

/* What the guests of a VM do next, by number of the vCPU; the test writes, the guests obey. */
static int orders[MACHINE_VCPUS];

static int obeys(struct vcpu *v)
{
    size_t index = (size_t)(v - vcpus);
    int order = orders[index];

    orders[index] = EXIT_HALT;
    if (order == EXIT_GUEST_FAULT) {
        v->exit.fault = (struct guest_fault){ .what = "write", .pc = 0x1234, .has_address = true };
    }
    return order;
}

/* The test acts on CPU 0, as if an interrupt had come there. */
static void be_cpu_0(void)
{
    fake_this_pcpu = &pcpus[0];
    fake_cpus[0].is_kicked = true;
}

/* Gives a vCPU its next exit and lets all CPUs run until nothing is left to do. */
static void order(struct vcpu *v, int what)
{
    orders[v - vcpus] = what;
    be_cpu_0();
    fake_interrupt(v);
    fake_this_pcpu = NULL;
    EXPECT(fake_settle(10000));
}

/* Calls the runtime on CPU 0 and lets all CPUs run until nothing is left to do. */
#define AS_CPU_0(call)              \
    ({                              \
        be_cpu_0();                 \
        __typeof__(call) r = call;  \
        fake_this_pcpu = NULL;      \
        EXPECT(fake_settle(10000)); \
        r;                          \
    })

/* alpha: two vCPUs on CPUs 0 and 1; beta: one on CPU 1. */
static void build(void)
{
    alpha = machine_add_vm("alpha", 2, (uint8_t[]){ 0, 1 });
    beta = machine_add_vm("beta", 1, (uint8_t[]){ 1 });
    for (uint32_t i = 0; i < 3; i++) {
        vcpus[i].arch.guest = obeys;
        orders[i] = EXIT_HALT;
    }
}

static void start(void)
{
    machine_finish();
    machine_start();
    EXPECT(fake_settle(10000));
}

static bool was_printed(const char *text)
{
    return memmem(fake_output, fake_output_count, text, strlen(text)) != NULL;
}

/* ---- Boot ---- */

TEST(boot)
{
    build();
    start();
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(beta->state, VM_RUNNING);
    EXPECT_EQ(alpha->live_vcpu_count, 1);
    EXPECT_EQ(machine_vcpu(alpha, 0)->state, VCPU_HALTED);
    EXPECT_EQ(machine_vcpu(alpha, 1)->state, VCPU_OFF);
    EXPECT_EQ(machine_vcpu(alpha, 0)->arch.pc, 0x40200000);
    EXPECT_EQ(machine_vcpu(alpha, 0)->arch.argument, 0x48000000);
    EXPECT_EQ(alpha->boot_count, 1);
    EXPECT_EQ(alpha->arch.resets, 1);
    EXPECT_EQ(AS_CPU_0(vm_boot(alpha)), HV_ERR_STATE);
    EXPECT_EQ(alpha->boot_count, 1);
}

TEST(without_autostart)
{
    build();
    machine_config(beta)->autostart = false;
    start();
    EXPECT_EQ(beta->state, VM_READY);
    EXPECT_EQ(AS_CPU_0(vm_stop(beta, VM_END_STOPPED)), HV_ERR_STATE);
    EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(beta, 0), 0, 0)), HV_ERR_STATE);
    EXPECT_EQ(AS_CPU_0(vm_boot(beta)), HV_OK);
    EXPECT_EQ(beta->state, VM_RUNNING);
}

TEST(nothing_starts_by_itself)
{
    build();
    machine_config(alpha)->autostart = false;
    machine_config(beta)->autostart = false;
    start();
    EXPECT_EQ(fake_power_offs, 0); /* the operator may boot one */
    EXPECT_EQ(AS_CPU_0(vm_boot(beta)), HV_OK);
    order(machine_vcpu(beta, 0), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(fake_power_offs, 1);
}

/* ---- The machine and the tables ---- */

/* The boot ended, and before that `text` was said. */
static void expect_refusal(const char *text)
{
    EXPECT_EQ(fake_power_offs, 1);
    EXPECT_EQ(alpha->state, VM_READY);
    EXPECT_EQ(beta->state, VM_READY);
    EXPECT(was_printed(text));
    EXPECT(was_printed("this machine is not the board fake, for which system host-test was built"));
    EXPECT(was_printed("end: 1"));
}

TEST(a_cpu_that_is_refused)
{
    build();
    fake_cpus[1].refuses_start = true;
    start();
    expect_refusal("CPU 1 of 2: expected, but it does not start");
}

TEST(a_cpu_that_does_not_answer)
{
    build();
    fake_cpus[1].is_mute = true;
    machine_finish();
    machine_start();
    fake_run(100);
    EXPECT_EQ(fake_power_offs, 0); /* it may be slow */
    fake_clock += 3 * FAKE_FREQUENCY;
    fake_run(100);
    expect_refusal("CPU 1 of 2: expected, but it does not start");
}

TEST(another_boot_cpu)
{
    build();
    fake_cpus[0].model = 7;
    start();
    expect_refusal("model of CPU 0: expected 0x0, found 0x7");
    EXPECT(!was_printed("system host-test on fake")); /* nothing was set up */
}

TEST(another_cpu)
{
    build();
    fake_cpus[1].model = 7;
    start();
    expect_refusal("model of CPU 1: expected 0x0, found 0x7");
    EXPECT_EQ(fake_cpus[1].status, FAKE_HALTED);
}

TEST(less_memory)
{
    const struct mem_region region = {
        .name = "ram", .pa = { 0x10000000 }, .size = 3 << 20, .permissions = 7
    };
    const struct image_copy copy = { .name = "image", .source = { 0x20000000 }, .size = 9 };

    build();
    machine_config(alpha)->memory = &region;
    machine_config(alpha)->memory_count = 1;
    machine_config(alpha)->copies = &copy;
    machine_config(alpha)->copy_count = 1;
    fake_ram_end = 0x102fffff;
    start();
    EXPECT_EQ(fake_windows_open, 0);
    expect_refusal("image \"image\" of alpha: expected at 0x20000008, where nothing answers");
    EXPECT(!was_printed("expected RAM at 0x10"));
}

TEST(memory_that_ends_early)
{
    const struct mem_region region = {
        .name = "ram", .pa = { 0x10000000 }, .size = 3 << 20, .permissions = 7
    };

    build();
    machine_config(alpha)->memory = &region;
    machine_config(alpha)->memory_count = 1;
    fake_ram_end = 0x102ff000;
    start();
    expect_refusal("memory \"ram\" of alpha: expected RAM at 0x102ff000, where there is none");
    EXPECT(!was_printed("expected RAM at 0x10000000"));
}

TEST(memory_that_keeps_nothing)
{
    build();
    fake_ram_is_rom = true;
    start();
    expect_refusal("memory \"stacks\" of the hypervisor: expected RAM");
}

TEST(a_controller_that_does_not_answer)
{
    build();
    fake_ram_end = 0x4000;
    start();
    expect_refusal("controller 7: expected at 0x8000, where nothing answers");
}

/* ---- vCPUs ---- */

TEST(secondary_on_and_off)
{
    struct vcpu *second;

    build();
    start();
    second = machine_vcpu(alpha, 1);
    EXPECT_EQ(AS_CPU_0(vcpu_on(second, 0x5000, 9)), HV_OK);
    EXPECT_EQ(second->state, VCPU_HALTED);
    EXPECT_EQ(second->arch.pc, 0x5000);
    EXPECT_EQ(second->arch.argument, 9);
    EXPECT_EQ(alpha->live_vcpu_count, 2);
    EXPECT_EQ(AS_CPU_0(vcpu_on(second, 0x6000, 0)), HV_ERR_ALREADY);
    order(second, EXIT_CPU_DOWN);
    EXPECT_EQ(second->state, VCPU_OFF);
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(alpha->live_vcpu_count, 1);
    EXPECT_EQ(AS_CPU_0(vcpu_on(second, 0x6000, 0)), HV_OK);
    EXPECT_EQ(second->arch.pc, 0x6000);
    /* The first may leave while the second stays, and come back. */
    order(machine_vcpu(alpha, 0), EXIT_CPU_DOWN);
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(alpha, 0), 0x7000, 0)), HV_OK);
    EXPECT_EQ(machine_vcpu(alpha, 0)->arch.pc, 0x7000);
    EXPECT_EQ(alpha->boot_count, 1);
}

TEST(on_twice_before_it_ran)
{
    struct vcpu *second;

    build();
    start();
    second = machine_vcpu(alpha, 1);
    be_cpu_0();
    EXPECT_EQ(vcpu_on(second, 0x5000, 0), HV_OK);
    EXPECT_EQ(second->state, VCPU_READY);
    EXPECT_EQ(vcpu_on(second, 0x6000, 0), HV_ERR_ALREADY);
    EXPECT(fake_settle(1000));
    EXPECT_EQ(second->arch.pc, 0x5000);
}

TEST(last_vcpu_off_ends_the_vm)
{
    build();
    start();
    order(machine_vcpu(alpha, 0), EXIT_CPU_DOWN);
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(alpha->live_vcpu_count, 0);
    EXPECT_EQ(fake_power_offs, 0);
    EXPECT_EQ(AS_CPU_0(vm_stop(alpha, VM_END_STOPPED)), HV_ERR_STATE);
    EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(alpha, 1), 0, 0)), HV_ERR_STATE);
}

/* ---- Ends ---- */

TEST(power_off_one_after_the_other)
{
    build();
    start();
    EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(alpha, 1), 0, 0)), HV_OK);
    order(machine_vcpu(alpha, 1), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(beta->state, VM_RUNNING);
    EXPECT_EQ(fake_power_offs, 0);
    order(machine_vcpu(beta, 0), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(beta->state, VM_STOPPED);
    EXPECT_EQ(fake_power_offs, 1);
    EXPECT(was_printed("end: 0"));
}

TEST(stop_by_the_operator)
{
    build();
    start();
    EXPECT_EQ(AS_CPU_0(vm_stop(alpha, VM_END_STOPPED)), HV_OK);
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(AS_CPU_0(vm_boot(alpha)), HV_OK);
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(alpha->boot_count, 2);
}

TEST(first_stop_decides)
{
    build();
    start();
    be_cpu_0();
    EXPECT_EQ(vm_stop(alpha, VM_END_FAILED), HV_OK);
    EXPECT_EQ(alpha->state, VM_STOPPING);
    EXPECT_EQ(vm_stop(alpha, VM_END_RESTART), HV_ERR_STATE);
    EXPECT_EQ(vm_boot(alpha), HV_ERR_STATE);
    EXPECT_EQ(vcpu_on(machine_vcpu(alpha, 1), 0, 0), HV_ERR_STATE);
    EXPECT(fake_settle(1000));
    EXPECT_EQ(alpha->state, VM_FAILED);
    EXPECT_EQ(AS_CPU_0(vm_boot(alpha)), HV_OK);
    EXPECT_EQ(alpha->state, VM_RUNNING);
}

/* Stopped before the primary vCPU has reached the guest. */
TEST(stop_right_after_boot)
{
    build();
    machine_config(beta)->autostart = false;
    start();
    be_cpu_0();
    EXPECT_EQ(vm_boot(beta), HV_OK);
    EXPECT_EQ(machine_vcpu(beta, 0)->state, VCPU_READY);
    EXPECT_EQ(vm_stop(beta, VM_END_STOPPED), HV_OK);
    EXPECT(fake_settle(1000));
    EXPECT_EQ(beta->state, VM_STOPPED);
    EXPECT_EQ(machine_vcpu(beta, 0)->arch.steps, 0);
    EXPECT_EQ(fake_power_offs, 0);
}

TEST(guest_reset)
{
    build();
    start();
    EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(alpha, 1), 0, 0)), HV_OK);
    order(machine_vcpu(alpha, 1), EXIT_SYSTEM_RESET);
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(alpha->boot_count, 2);
    EXPECT_EQ(alpha->live_vcpu_count, 1);
    EXPECT_EQ(machine_vcpu(alpha, 1)->state, VCPU_OFF);
    EXPECT_EQ(machine_vcpu(alpha, 0)->arch.pc, 0x40200000);
    EXPECT_EQ(alpha->arch.resets, 2);
    EXPECT_EQ(beta->boot_count, 1);
    order(machine_vcpu(alpha, 0), EXIT_SYSTEM_DOWN);
    order(machine_vcpu(beta, 0), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(reset_may_mean_stop)
{
    build();
    machine_config(alpha)->health[HEALTH_RESET] = HEALTH_STOP;
    start();
    order(machine_vcpu(alpha, 0), EXIT_SYSTEM_RESET);
    EXPECT_EQ(alpha->state, VM_STOPPED);
}

TEST(crash)
{
    build();
    machine_config(beta)->health[HEALTH_MEMORY_FAULT] = HEALTH_RESTART;
    start();
    order(machine_vcpu(alpha, 0), EXIT_GUEST_FAULT);
    EXPECT_EQ(alpha->state, VM_FAILED);
    EXPECT(was_printed("vm \"alpha\" vcpu 0: write at 0x0, pc 0x1234"));
    order(machine_vcpu(beta, 0), EXIT_GUEST_FAULT);
    EXPECT_EQ(beta->state, VM_RUNNING);
    EXPECT_EQ(beta->boot_count, 2);
    order(machine_vcpu(beta, 0), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(fake_power_offs, 1);
    EXPECT(was_printed("end: 1")); /* alpha failed */
}

/* ---- Memory ---- */

/* Of "kernel" with the zero that ends it. */
static const uint8_t kernel_digest[] = {
    0xc5, 0x6e, 0x76, 0xdf, 0x54, 0x6c, 0x72, 0x33, 0x79, 0x72, 0x19, 0x84, 0x51, 0x5a, 0x50, 0x2b,
    0xad, 0x6b, 0xb5, 0xac, 0x4d, 0x8b, 0x97, 0xe9, 0x73, 0x85, 0xd1, 0xc8, 0x98, 0x56, 0x0a, 0x47,
};

/* beta's memory and its one image, which is checked. */
static uint8_t checked_ram[4096] HV_ALIGNED(4096);
static char checked_image[] = "kernel";
static const struct mem_region checked_region = {
    .name = "ram", .pa = { (uintptr_t)checked_ram }, .size = 1 << 20, .permissions = 7
};
static const struct image_copy checked_copy = { .name = "kernel",
                                                .source = { (uintptr_t)checked_image },
                                                .target = { (uintptr_t)checked_ram },
                                                .size = sizeof checked_image,
                                                .digest = kernel_digest };

static void build_checked(void)
{
    build();
    machine_config(beta)->memory = &checked_region;
    machine_config(beta)->memory_count = 1;
    machine_config(beta)->copies = &checked_copy;
    machine_config(beta)->copy_count = 1;
}

TEST(checked_images)
{
    build_checked();
    start();
    EXPECT_EQ(beta->state, VM_RUNNING);
    EXPECT_STR((char *)checked_ram, "kernel");
    checked_image[0] = 'K'; /* in the pristine image, while the VM runs */
    order(machine_vcpu(beta, 0), EXIT_SYSTEM_RESET);
    EXPECT_EQ(beta->state, VM_FAILED);
    EXPECT_EQ(beta->boot_count, 2);
    EXPECT_EQ(machine_vcpu(beta, 0)->arch.steps, 0); /* of the new start */
    EXPECT(was_printed("vm \"beta\": its pristine kernel is not what was built"));
    EXPECT_STR((char *)checked_ram, "kernel");
    EXPECT_EQ(fake_zeroed, 1 << 20); /* by the first start alone */
    EXPECT_EQ(alpha->state, VM_RUNNING);
}

TEST(a_changed_image_that_is_to_be_ignored)
{
    build_checked();
    machine_config(beta)->health[HEALTH_IMAGE] = HEALTH_IGNORE;
    checked_image[6] = 1;
    start();
    EXPECT_EQ(beta->state, VM_RUNNING);
    EXPECT_EQ(health_count(beta), 1);
    EXPECT_EQ(checked_ram[6], 1);
}

TEST(boots_find_zeroed_memory_and_pristine_images)
{
    static uint8_t ram[4096] HV_ALIGNED(4096);
    static const char image[] = "kernel";
    const struct mem_region region = {
        .name = "ram", .pa = { (uintptr_t)ram }, .size = 3 << 20, .permissions = 7
    };
    const struct image_copy copy = { .name = "image",
                                     .source = { (uintptr_t)image },
                                     .target = { (uintptr_t)ram },
                                     .size = sizeof image };

    build();
    machine_config(alpha)->memory = &region;
    machine_config(alpha)->memory_count = 1;
    machine_config(alpha)->copies = &copy;
    machine_config(alpha)->copy_count = 1;
    start();
    EXPECT_EQ(fake_zeroed, 3 << 20);
    EXPECT_STR((char *)ram, "kernel");
    strcpy((char *)ram, "dirty");
    order(machine_vcpu(alpha, 0), EXIT_SYSTEM_RESET);
    EXPECT_EQ(fake_zeroed, 6 << 20);
    EXPECT_STR((char *)ram, "kernel");
}

TEST(linked_in_place_boots_once)
{
    build();
    machine_config(alpha)->window_root.pa = 0;
    start();
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(fake_zeroed, 0);
    order(machine_vcpu(alpha, 0), EXIT_SYSTEM_DOWN);
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(AS_CPU_0(vm_boot(alpha)), HV_ERR_RANGE);
    EXPECT_EQ(alpha->state, VM_STOPPED);
}

/* ---- Random runs against a model ---- */

/* What must be true of a VM when nothing moves. */
struct model {
    enum vm_state state;
    uint32_t boots;
    uint32_t restarts; /* after failures; the clock stands still, so that all are within the time */
    bool is_on[4];
};

#define MODEL_VMS 4

static struct model models[MODEL_VMS];

static uint32_t model_live(const struct model *model)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < 4; i++) {
        count += model->is_on[i] ? 1 : 0;
    }
    return count;
}

static void model_end(struct model *model, enum vm_state state)
{
    memset(model->is_on, 0, sizeof model->is_on);
    model->state = state;
    if (state == VM_READY) { /* restart */
        model->state = VM_RUNNING;
        model->boots++;
        model->is_on[0] = true;
    }
}

/* An exit of vCPU i, in the model. */
static void model_exit(struct model *model, const struct vm_config *config, uint32_t i, int what)
{
    switch (what) {
    case EXIT_CPU_DOWN:
        model->is_on[i] = false;
        if (model_live(model) == 0) {
            model_end(model, VM_STOPPED);
        }
        break;
    case EXIT_SYSTEM_DOWN:
        model_end(model, VM_STOPPED);
        break;
    case EXIT_SYSTEM_RESET:
        model_end(model, config->health[HEALTH_RESET] == HEALTH_RESTART ? VM_READY : VM_STOPPED);
        break;
    case EXIT_GUEST_FAULT:
        model_end(model, config->health[HEALTH_MEMORY_FAULT] == HEALTH_RESTART &&
                                 model->restarts < MACHINE_RESTARTS
                             ? VM_READY
                             : VM_FAILED);
        model->restarts += model->state == VM_RUNNING ? 1 : 0;
        break;
    default:
        break;
    }
}

static void compare(void)
{
    for (uint32_t i = 0; i < MODEL_VMS; i++) {
        EXPECT_EQ(vms[i].state, models[i].state);
        EXPECT_EQ(vms[i].boot_count, models[i].boots);
        EXPECT_EQ(vms[i].live_vcpu_count, model_live(&models[i]));
        for (uint32_t j = 0; j < vms[i].config->vcpu_count; j++) {
            enum vcpu_state on = models[i].state == VM_PAUSED ? VCPU_RUNNING : VCPU_HALTED;

            EXPECT_EQ(machine_vcpu(&vms[i], j)->state, models[i].is_on[j] ? on : VCPU_OFF);
            EXPECT(models[i].state != VM_PAUSED || !machine_vcpu(&vms[i], j)->arch.is_loaded);
        }
    }
}

static void random_step(uint64_t *seed)
{
    static const int exits[] = { EXIT_HALT,        EXIT_HYPERCALL,    EXIT_CPU_DOWN,
                                 EXIT_SYSTEM_DOWN, EXIT_SYSTEM_RESET, EXIT_GUEST_FAULT };
    uint32_t index = (uint32_t)(test_random(seed) % MODEL_VMS);
    struct vm *vm = &vms[index];
    struct model *model = &models[index];
    uint32_t i = (uint32_t)(test_random(seed) % vm->config->vcpu_count);
    bool is_up = model->state == VM_RUNNING || model->state == VM_PAUSED;

    switch (test_random(seed) % 8) {
    case 0: /* the operator boots */
        EXPECT_EQ(AS_CPU_0(vm_boot(vm)), is_up ? HV_ERR_STATE : HV_OK);
        if (!is_up) {
            model_end(model, VM_READY);
        }
        break;
    case 1: /* the operator stops or restarts */
        if (test_random(seed) % 4 == 0) {
            EXPECT_EQ(AS_CPU_0(vm_stop(vm, VM_END_STOPPED)), is_up ? HV_OK : HV_ERR_STATE);
            if (is_up) {
                model_end(model, VM_STOPPED);
            }
        } else if (test_random(seed) % 2 == 0) {
            EXPECT_EQ(AS_CPU_0(vm_restart(vm)), HV_OK);
            model_end(model, VM_READY);
        }
        break;
    case 2:
        EXPECT_EQ(AS_CPU_0(vm_pause(vm)), model->state == VM_RUNNING ? HV_OK : HV_ERR_STATE);
        model->state = model->state == VM_RUNNING ? VM_PAUSED : model->state;
        break;
    case 3:
        EXPECT_EQ(AS_CPU_0(vm_resume(vm)), model->state == VM_PAUSED ? HV_OK : HV_ERR_STATE);
        model->state = model->state == VM_PAUSED ? VM_RUNNING : model->state;
        break;
    case 4: { /* a guest switches a vCPU on */
        enum hv_err expected = !is_up ? HV_ERR_STATE : model->is_on[i] ? HV_ERR_ALREADY : HV_OK;

        EXPECT_EQ(AS_CPU_0(vcpu_on(machine_vcpu(vm, i), 0x1000, 0)), expected);
        model->is_on[i] = model->is_on[i] || expected == HV_OK;
        break;
    }
    default: /* a guest does something */
        if (model->is_on[i] && model->state == VM_RUNNING) {
            int what = exits[test_random(seed) % 6];

            order(machine_vcpu(vm, i), what);
            model_exit(model, vm->config, i, what);
        }
        break;
    }
}

/* The last VM down ends the machine: until then, the model and the machine agree at every step. */
static void random_run(uint64_t seed)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    uint32_t running;

    *machine_log_level = LOG_ERROR;
    for (uint32_t i = 0; i < MODEL_VMS; i++) {
        uint8_t cpus[4];
        struct vm *vm;

        for (uint32_t j = 0; j < 4; j++) {
            cpus[j] = (uint8_t)(test_random(&seed) % 4);
        }
        vm = machine_add_vm(names[i], 1 + (uint32_t)(test_random(&seed) % 4), cpus);
        machine_config(vm)->health[HEALTH_MEMORY_FAULT] =
            test_random(&seed) % 2 ? HEALTH_STOP : HEALTH_RESTART;
        machine_config(vm)->health[HEALTH_RESET] =
            test_random(&seed) % 4 ? HEALTH_RESTART : HEALTH_STOP;
        models[i] = (struct model){ .state = VM_RUNNING, .boots = 1, .is_on = { true } };
    }
    for (uint32_t i = 0; i < MACHINE_VCPUS; i++) {
        vcpus[i].arch.guest = obeys;
        orders[i] = EXIT_HALT;
    }
    start();
    for (uint32_t step = 0; step < 100; step++) {
        fake_output_count = 0;
        compare();
        random_step(&seed);
        running = 0;
        for (uint32_t i = 0; i < MODEL_VMS; i++) {
            running += models[i].state == VM_RUNNING || models[i].state == VM_PAUSED ? 1 : 0;
        }
        if (running == 0) {
            EXPECT_EQ(fake_power_offs, 1);
            return;
        }
        EXPECT_EQ(fake_power_offs, 0);
    }
}

TEST(random_runs)
{
    for (uint64_t seed = 1; seed <= 10000; seed++) {
        int status = 0;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            random_run(seed);
            _exit(0);
        }
        EXPECT(waitpid(pid, &status, 0) == pid);
        if (status != 0) {
            FAIL("seed %lu fails", (unsigned long)seed);
        }
    }
}

TEST_MAIN()
