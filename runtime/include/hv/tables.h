/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract with the generator: the types of the tables that gen/ prints, and nothing else.
 *
 * Everything here is constant data or zero-initialised state whose number and place the generator
 * decided. The numbers at the end are limits and sizes that the generator relies upon; they are
 * asserted in the generated C, and gen/abi.py holds the same ones.
 */
#pragma once

#include <arch/types.h>
#include <hv/console.h>
#include <hv/health.h>
#include <hv/operator.h>
#include <hv/sched.h>
#include <hv/sha256.h>
#include <hv/types.h>
#include <hv/vcpu.h>
#include <hv/vm.h>

/* Raised whenever a type below changes its meaning; the generated C asserts the one it was made
 * for. */
#define HV_TABLES_VERSION 2

#define MEM_READ    0x1u
#define MEM_WRITE   0x2u
#define MEM_EXECUTE 0x4u

/* A piece of guest memory. Sorted by ipa; multiples of 4 KiB. */
struct mem_region {
    const char *name;
    ipa_t ipa;
    paddr_t pa;
    uint64_t size;
    uint32_t permissions; /* MEM_* */
};

/* A pristine piece of an image and where it goes when the VM (re)starts. */
struct image_copy {
    const char *name;
    paddr_t source;
    paddr_t target;
    uint64_t size;         /* bytes; any number */
    const uint8_t *digest; /* SHA-256 of the source, [SHA256_SIZE]; NULL: it is not checked */
};

/*
 * A device model's entry. Called on the vCPU's CPU while it handles the exit.
 *   device:  mmio_region.device
 *   access:  access->address lies in the region, with all of its bytes
 * Returns false if the device refuses the access; the guest then takes a fault.
 */
typedef bool mmio_handler(struct vcpu *v, void *device, struct mmio_access *access);

/* An emulated device's window in a VM. Sorted by base, disjoint. */
struct mmio_region {
    ipa_t base;
    uint64_t size;
    mmio_handler *handle;
    void *device;
};

struct vm_config {
    const char *name;
    uint16_t vmid;       /* 1 ... ; 0 is nobody's */
    uint16_t vcpu_first; /* its vCPUs are vcpus[vcpu_first ... vcpu_first + vcpu_count - 1] */
    uint16_t vcpu_count;
    bool autostart;
    uint8_t health[HEALTH_COUNT]; /* enum health_action that follows each event */
    uint32_t restart_limit;       /* restarts after a failure, in any time of that length: */
    uint64_t restart_within_us;
    uint64_t *restart_times; /* [restart_limit], zeroes: ticks of the last ones, a ring */
    uint64_t after;          /* VMs that must be ready before it starts, bit for each index */
    uint64_t ready_within_us;
    uint64_t watchdog_us; /* longest time without a sign of life; 0: no watchdog */
    bool watchdog_at_boot;
    uint64_t manages; /* VMs that it may query and control, bit for each index */
    bool manages_plans;
    paddr_t stage2_root; /* of the generated second-stage tables */
    paddr_t window_root; /* of the hypervisor map with this VM's memory added; 0: linked in place */
    ipa_t entry;
    uint64_t argument; /* first register of the primary vCPU: guest address of the device tree */
    const struct mem_region *memory;
    const struct image_copy *copies;
    const struct mmio_region *mmio;
    uint16_t memory_count;
    uint16_t copy_count;
    uint16_t mmio_count;
    struct console *console; /* NULL: none */
    struct arch_vm_config arch;
};

struct vcpu_config {
    uint16_t index;      /* in its VM */
    uint16_t slot;       /* its bit in the CPU's ready set */
    bool exclusive;      /* alone on its CPU: its waits need not trap */
    uintptr_t stack_top; /* of its task's stack */
    struct arch_vcpu_config arch;
};

/* Time of a CPU up to a point of the frame. Sorted; the last one ends with the frame. */
struct plan_window {
    uint64_t end_us;      /* microseconds from the frame's start */
    uint32_t level_count; /* 0: nobody's */
    uint64_t levels[2];   /* sets of slots: whose it is, and who gets what they leave */
};

struct plan_config {
    const char *name;
    uint64_t frame_us; /* microseconds */
};

struct pcpu_config {
    uint16_t index;
    uint16_t vcpu_count;
    struct vcpu *const *vcpus; /* [vcpu_count], by slot */
    uint32_t level_count;
    const uint64_t *levels; /* sets of slots by priority, highest first; NULL: planned, or idle */
    const struct plan_window *const *plans; /* its windows in each plan; NULL: not planned */
    uint32_t slice_us;                      /* round robin slice, microseconds */
    uintptr_t stack_top;                    /* of its idle task */
    struct arch_pcpu_config arch;
};

/* Who gets a physical interrupt. Indexed by the interrupt controller's own number. */
enum irq_owner {
    IRQ_OWNER_NONE,
    IRQ_OWNER_CONSOLE, /* the hypervisor's serial port */
    IRQ_OWNER_VM,
};

struct irq_route {
    uint8_t owner; /* enum irq_owner */
    bool is_edge;
    uint16_t vm;   /* index in vms[], where owner is IRQ_OWNER_VM */
    uint32_t virq; /* number in the VM */
};

/* Who owns a range of physical addresses, for reports. Sorted by base, disjoint. */
struct owner {
    paddr_t base;
    uint64_t size;
    const char *name; /* vm "beta" memory "ram" */
};

extern const struct vm_config vm_configs[];
extern const struct vcpu_config vcpu_configs[];
extern const struct pcpu_config pcpu_configs[];
extern const struct irq_route irq_routes[];
extern const struct owner owners[];
extern const uint32_t vm_count;
extern const uint32_t vcpu_count;
extern const uint32_t pcpu_count;
extern const struct plan_config plan_configs[]; /* the machine starts with the first */
extern const uint32_t plan_count;
extern const uint32_t irq_route_count;
extern const uint32_t owner_count;
extern const char system_name[];
extern const char board_name[];
extern const uint32_t system_log_level; /* enum log_level */

extern const struct arch_board_config board; /* what the board's device tree said */

/* State: config, vm and pcpu links are set by the generated initialisers, all else is zero. */
extern struct vm vms[];
extern struct vcpu vcpus[];
extern struct pcpu pcpus[];
extern struct console
    consoles[]; /* [0] is the hypervisor's own, then one for each VM with console */
extern const uint32_t console_count;

/* The VM's vCPU with an index that it has. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, uint32_t index)
{
    return &vcpus[vm->config->vcpu_first + index];
}

/* The same for an index of a guest's making: NULL if there is no such vCPU. */
static inline struct vcpu *vm_find_vcpu(const struct vm *vm, uint64_t index)
{
    return index < vm->config->vcpu_count ? vm_vcpu(vm, (uint32_t)index) : NULL;
}

/* The generator budgets these sizes; the generated C asserts them. */
#define HV_VM_SIZE_MAX   1024u
#define HV_VCPU_SIZE_MAX 2560u
#define HV_PCPU_SIZE_MAX 512u
#define HV_STACK_SIZE    4096u
