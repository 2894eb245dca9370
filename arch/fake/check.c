/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison with the tables (hv/arch/check.h) on a machine that is as the test says: RAM is
 * one word that answers everywhere below fake_ram_end.
 */
#include <arch/fake.h>
#include <hv/arch/check.h>
#include <hv/check.h>
#include <hv/tables.h>

uint64_t fake_ram_end = UINT64_MAX;
bool fake_ram_is_rom;

static uint32_t word = 0x5eed;

void arch_check_cpu(const struct pcpu *pcpu)
{
    uint32_t index = pcpu->config->index;

    check_equal("model of CPU", index, 0, fake_cpus[index].model);
}

void arch_check_board(void)
{
    (void)check_register("controller", 7, (paddr_t){ 0x8000 });
}

bool arch_probe(paddr_t address, uint32_t *value)
{
    *value = word;
    return address.pa < fake_ram_end;
}

void arch_probe_write(paddr_t address, uint32_t value)
{
    (void)address;
    if (!fake_ram_is_rom) {
        word = value;
    }
}
