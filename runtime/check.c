/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison of the machine with the tables. See hv/check.h.
 *
 * Reports wait in the hypervisor's ring until the console is set up, which is only done here if
 * the boot ends.
 */
#include <hv/arch/check.h>
#include <hv/arch/cpu.h>
#include <hv/arch/mm.h>
#include <hv/check.h>
#include <hv/log.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/vmm.h>

/* How long a CPU may take from its start to its answer. */
#define ANSWER_MS 2000u

/* Atomic: something differs. */
static uint32_t is_different;

static void differs(void)
{
    __atomic_store_n(&is_different, 1, __ATOMIC_SEQ_CST);
}

void check_equal(const char *what, uint64_t number, uint64_t expected, uint64_t found)
{
    if (found != expected) {
        log_error("%s %lu: expected 0x%lx, found 0x%lx", what, number, expected, found);
        differs();
    }
}

void check_least(const char *what, uint64_t number, uint64_t least, uint64_t found)
{
    if (found < least) {
        log_error("%s %lu: expected at least %lu, found %lu", what, number, least, found);
        differs();
    }
}

void check_feature(const char *name, uint64_t number, bool is_there)
{
    if (!is_there) {
        log_error("CPU %lu: expected %s, which it has not", number, name);
        differs();
    }
}

uint32_t check_register(const char *what, uint64_t number, paddr_t address)
{
    uint32_t value = 0;

    if (!arch_probe(address, &value) || value == UINT32_MAX) { /* a bus without an answer */
        log_error("%s %lu: expected at 0x%lx, where nothing answers", what, number, address.pa);
        differs();
        value = 0;
    }
    return value;
}

/* Whether a word of memory keeps what is written to it. It is what it was afterwards. */
static bool is_ram(paddr_t address)
{
    uint32_t old, first, second;
    bool is_kept;

    if (!arch_probe(address, &old)) {
        return false;
    }
    arch_probe_write(address, ~old);
    is_kept = arch_probe(address, &first) && first == ~old;
    arch_probe_write(address, old);
    return arch_probe(address, &second) && second == old && is_kept;
}

static void check_ram(const char *owner, const char *name, paddr_t address)
{
    if (!is_ram(address)) {
        log_error("memory \"%s\" of %s: expected RAM at 0x%lx, where there is none", name, owner,
                  address.pa);
        differs();
    }
}

/* The first and the last page of each region, and the end of each image, which may be anything. */
static void check_memory(const struct vm_config *config)
{
    for (uint32_t i = 0; i < config->memory_count; i++) {
        const struct mem_region *region = &config->memory[i];

        check_ram(config->name, region->name, region->pa);
        check_ram(config->name, region->name,
                  (paddr_t){ region->pa.pa + region->size - HV_PAGE_SIZE });
    }
    for (uint32_t i = 0; i < config->copy_count; i++) {
        const struct image_copy *copy = &config->copies[i];
        paddr_t last = { (copy->source.pa + copy->size - 1) & ~UINT64_C(3) };

        if (!arch_probe(last, &(uint32_t){ 0 })) {
            log_error("image \"%s\" of %s: expected at 0x%lx, where nothing answers", copy->name,
                      config->name, last.pa);
            differs();
        }
    }
}

/* Ends the boot if something differs. */
static void end_if_different(bool has_console)
{
    if (__atomic_load_n(&is_different, __ATOMIC_SEQ_CST)) {
        if (!has_console) {
            console_init();
        }
        log_error("this machine is not the board %s, for which system %s was built: start that one,"
                  " or build for this one, from its own device tree",
                  board_name, system_name);
        vmm_refuse();
    }
}

void check_machine(void)
{
    arch_check_cpu(arch_this_pcpu());
    end_if_different(false); /* what follows may need what the CPU has not */
    arch_check_board();
    check_ram("the hypervisor", "stacks",
              (paddr_t){ vcpu_configs[vcpu_count - 1].stack_top - HV_STACK_SIZE });
    for (uint32_t i = 0; i < vm_count; i++) {
        const struct vm_config *config = &vm_configs[i];

        if (config->window_root.pa != 0) {
            arch_window_open(config->window_root);
            check_memory(config);
            arch_window_close();
        }
    }
    end_if_different(false);
}

void check_this_cpu(void)
{
    struct pcpu *pcpu = arch_this_pcpu();

    arch_check_cpu(pcpu);
    __atomic_store_n(&pcpu->answered, true, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&is_different, __ATOMIC_SEQ_CST)) {
        arch_cpu_halt();
    }
}

void check_cpus(void)
{
    uint64_t end = arch_time_now() + time_from_ms(ANSWER_MS);

    for (uint32_t i = 0; i < pcpu_count; i++) {
        struct pcpu *pcpu = &pcpus[i];

        while (pcpu != arch_this_pcpu() && !__atomic_load_n(&pcpu->answered, __ATOMIC_SEQ_CST)) {
            if (!pcpu->online || arch_time_now() >= end) {
                log_error("CPU %u of %u: expected, but it does not start", i, pcpu_count);
                differs();
                break;
            }
            arch_cpu_relax();
        }
    }
    end_if_different(true);
}
