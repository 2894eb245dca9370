/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks images, zeroes and puts images in place, piece by piece. See hv/image.h.
 *
 * A piece is what one CPU may spend without looking at its other vCPUs and at stop requests: some
 * 3,000 instructions, or one block of SHA-256. The window stays open from piece to piece and is
 * closed where another task goes on: a task switch must not happen while it is open.
 */
#include <hv/arch/irq.h>
#include <hv/arch/mm.h>
#include <hv/health.h>
#include <hv/image.h>
#include <hv/log.h>
#include <hv/sha256.h>
#include <hv/string.h>
#include <hv/tables.h>

#define ZERO_PIECE (UINT64_C(16) * 1024)
#define COPY_PIECE (UINT64_C(8) * 1024)
#define HASH_PIECE UINT64_C(64)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Between two pieces, with the window open: lets others run. Returns false if the VM is asked to
 * stop. */
static bool may_go_on(const struct vm *vm)
{
    const struct vcpu *v = vm_vcpu(vm, 0);

    arch_irq_poll();
    if (v->pcpu->resched) {
        arch_window_close();
        sched_yield();
        arch_window_open(vm->config->window_root);
    }
    return (__atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & VCPU_REQUEST_STOP) == 0;
}

/* Compares a pristine image with what was linked. */
static bool check_image(struct vm *vm, const struct image_copy *copy)
{
    struct sha256 sha;
    uint8_t digest[SHA256_SIZE];

    if (copy->digest == NULL) {
        return true;
    }
    sha256_init(&sha);
    for (uint64_t done = 0; done < copy->size; done += HASH_PIECE) {
        sha256_update(&sha, (const void *)(copy->source.pa + done),
                      min_u64(HASH_PIECE, copy->size - done));
        if (!may_go_on(vm)) {
            return false;
        }
    }
    sha256_final(&sha, digest);
    if (memcmp(digest, copy->digest, SHA256_SIZE) != 0) {
        log_error("vm \"%s\": its pristine %s is not what was built", vm->config->name, copy->name);
        health_raise(vm, NULL, HEALTH_IMAGE);
    }
    return may_go_on(vm);
}

static bool zero_memory(const struct vm *vm, const struct mem_region *region)
{
    for (uint64_t done = 0; done < region->size; done += ZERO_PIECE) {
        arch_mm_zero((paddr_t){ region->pa.pa + done }, min_u64(ZERO_PIECE, region->size - done));
        if (!may_go_on(vm)) {
            return false;
        }
    }
    return true;
}

static bool copy_image(const struct vm *vm, const struct image_copy *copy)
{
    for (uint64_t done = 0; done < copy->size; done += COPY_PIECE) {
        paddr_t target = { copy->target.pa + done };
        uint64_t size = min_u64(COPY_PIECE, copy->size - done);

        memcpy((void *)target.pa, (const void *)(copy->source.pa + done), size);
        arch_mm_sync(target, size);
        if (!may_go_on(vm)) {
            return false;
        }
    }
    return true;
}

/* All that image_load() promises, with the window open. */
static void load(struct vm *vm)
{
    const struct vm_config *config = vm->config;

    for (uint32_t i = 0; i < config->copy_count; i++) {
        if (!check_image(vm, &config->copies[i])) {
            return;
        }
    }
    for (uint32_t i = 0; i < config->memory_count; i++) {
        if (!zero_memory(vm, &config->memory[i])) {
            return;
        }
    }
    for (uint32_t i = 0; i < config->copy_count; i++) {
        if (!copy_image(vm, &config->copies[i])) {
            return;
        }
    }
}

void image_load(struct vm *vm)
{
    if (vm->config->window_root.pa != 0) {
        arch_window_open(vm->config->window_root);
        load(vm);
        arch_window_close();
    }
}
