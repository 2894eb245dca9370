/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch of device accesses: every edge of every window, for any number of windows. */
/* SOURCES: runtime/mmio.c */
#include "test.h"
#include <hv/mmio.h>
#include <hv/tables.h>

_Thread_local struct pcpu *fake_this_pcpu;

void fake_relax(void)
{
}

#define WINDOWS 65

static struct mmio_region regions[WINDOWS];
static struct vm_config config = { .mmio = regions };
static struct vm vm = { .config = &config };
static struct vcpu v = { .vm = &vm };
static void *called; /* device of the last call */

static bool accept(struct vcpu *caller, void *device, struct mmio_access *access)
{
    EXPECT(caller == &v);
    called = device;
    access->value = 0x5a;
    return true;
}

static bool refuse(struct vcpu *caller, void *device, struct mmio_access *access)
{
    (void)caller;
    (void)access;
    called = device;
    return false;
}

/* The device that answers, or NULL: nobody does. */
static void *device_at(uint64_t address, uint8_t size)
{
    struct mmio_access access = { .address = { address }, .size = size };
    bool is_done;

    called = NULL;
    is_done = mmio_dispatch(&v, &access);
    EXPECT_EQ(is_done, called != NULL);
    EXPECT(!is_done || access.value == 0x5a);
    return called;
}

/* `count` windows of 4 KiB, each followed by a gap of 4 KiB but for every third. */
static void build(uint16_t count)
{
    uint64_t base = 0x8000000;

    config.mmio_count = count;
    for (uint32_t i = 0; i < count; i++) {
        regions[i] = (struct mmio_region){
            .base = { base }, .size = 0x1000, .handle = accept, .device = &regions[i]
        };
        base += i % 3 == 2 ? 0x1000 : 0x2000;
    }
}

TEST(edges)
{
    for (uint16_t count = 0; count < WINDOWS; count++) {
        build(count);
        EXPECT(device_at(0, 4) == NULL);
        EXPECT(device_at(UINT64_MAX, 1) == NULL);
        EXPECT(device_at(UINT64_MAX - 7, 8) == NULL);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t base = regions[i].base.ipa, end = base + regions[i].size;
            bool has_neighbour = i > 0 && regions[i - 1].base.ipa + 0x1000 == base;

            EXPECT(device_at(base, 8) == &regions[i]);
            EXPECT(device_at(base + 0x7ff, 1) == &regions[i]);
            EXPECT(device_at(end - 1, 1) == &regions[i]);
            EXPECT(device_at(end - 8, 8) == &regions[i]);
            EXPECT(device_at(base - 1, 1) == (has_neighbour ? &regions[i - 1] : NULL));
            /* Across an edge nobody answers, not even where another window follows. */
            EXPECT(device_at(base - 1, 2) == NULL);
            EXPECT(device_at(end - 1, 2) == NULL);
            EXPECT(device_at(end - 4, 8) == NULL);
        }
    }
}

TEST(a_device_may_refuse)
{
    struct mmio_access access = { .address = { 0x8000000 }, .size = 4 };

    build(1);
    regions[0].handle = refuse;
    EXPECT(!mmio_dispatch(&v, &access));
    EXPECT(called == &regions[0]);
}

TEST(last_page_of_the_address_space)
{
    config.mmio_count = 1;
    regions[0] = (struct mmio_region){
        .base = { UINT64_MAX - 0xfff }, .size = 0x1000, .handle = accept, .device = &regions[0]
    };
    EXPECT(device_at(UINT64_MAX, 1) == &regions[0]);
    EXPECT(device_at(UINT64_MAX - 7, 8) == &regions[0]);
    EXPECT(device_at(UINT64_MAX, 2) == NULL);
    EXPECT(device_at(UINT64_MAX - 0x1000, 1) == NULL);
}

TEST_MAIN()
