/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: a vCPU's CPU interface as a whole: start, reset, its way into and out of a CPU,
 * and whether something waits for it. The list registers themselves are in vgic_lr.c.
 *
 * Section numbers are of IHI 0069H.
 */
#include <arch/vgic_state.h>
#include <hv/vcpu.h>

/* Active-priority registers of each group, at most VGIC_APR_COUNT_MAX; every CPU finds the same. */
static uint32_t apr_count;

void vgic_init_cpu(void)
{
    uint64_t vtr = ich_vtr_read();
    uint32_t preemption_bits = (uint32_t)(vtr >> ICH_VTR_PREBITS_SHIFT & ICH_VTR_PREBITS_MASK) + 1;

    vgic_lr_init((uint32_t)(vtr & ICH_VTR_LISTREGS_MASK) + 1);
    /* 32 preemption levels in each register (12.4, ICH_AP0R<n>_EL2). */
    apr_count = preemption_bits <= 5 ? 1 : 1u << (preemption_bits - 5);
    icc_sre_el1_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
    ich_hcr_write(0);
    isb();
}

void vgic_load(struct vcpu *v)
{
    struct vgic_cpu *cpu = &v->arch.vgic;

    vgic_lr_restore(v);
    ich_vmcr_write(cpu->vmcr);
    for (uint32_t n = 0; n < apr_count && n < VGIC_APR_COUNT_MAX; n++) {
        ich_ap0r_write(n, cpu->ap0r[n]);
        ich_ap1r_write(n, cpu->ap1r[n]);
    }
    cpu->hcr |= ICH_HCR_EN;
    ich_hcr_write(cpu->hcr);
}

void vgic_save(struct vcpu *v)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    struct vgic *vgic = vgic_of(v->vm);

    spin_lock(&vgic->lock);
    vgic_lr_sync(v);
    spin_unlock(&vgic->lock);
    cpu->vmcr = ich_vmcr_read();
    for (uint32_t n = 0; n < apr_count && n < VGIC_APR_COUNT_MAX; n++) {
        cpu->ap0r[n] = ich_ap0r_read(n);
        cpu->ap1r[n] = ich_ap1r_read(n);
    }
    /* Nothing in the list registers may raise a maintenance interrupt on behalf of nobody. */
    ich_hcr_write(0);
    isb();
}

void vgic_flush(struct vcpu *v)
{
    struct vgic *vgic = vgic_of(v->vm);

    spin_lock(&vgic->lock);
    if (v->arch.vgic.stale != VGIC_STALE_POSTED || !vgic_post_waiting(v)) {
        vgic_lr_flush(v);
    }
    spin_unlock(&vgic->lock);
}

void vgic_maintenance(struct vcpu *v)
{
    struct vgic *vgic = vgic_of(v->vm);

    /* A flush removes each cause: ended list registers are cleared, counted EOIs are taken off, and
     * what stayed behind is listed or no longer asked for. */
    spin_lock(&vgic->lock);
    vgic_lr_flush(v);
    spin_unlock(&vgic->lock);
}

void vgic_vcpu_off(struct vcpu *v)
{
    struct vgic *vgic = vgic_of(v->vm);

    spin_lock(&vgic->lock);
    vgic_lr_drop(v);
    spin_unlock(&vgic->lock);
}

void vgic_vcpu_reset(struct vcpu *v)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    struct vgic_bank *bank = &cpu->bank;
    struct vgic *vgic = vgic_of(v->vm);
    uint32_t level;

    spin_lock(&vgic->lock);
    /* The timer is reset too: it has let go of its line. */
    level = bank->phys_pending & ~bank->edge;
    bank->pending &= ~level;
    bank->phys_pending &= ~level;
    cpu->vmcr = 0;
    for (uint32_t n = 0; n < VGIC_APR_COUNT_MAX; n++) {
        cpu->ap0r[n] = 0;
        cpu->ap1r[n] = 0;
    }
    cpu->hcr = ICH_HCR_EN;
    cpu->maybe = vgic_all_banks(v->vm);
    __atomic_store_n(&cpu->stale, VGIC_STALE, __ATOMIC_RELEASE);
    spin_unlock(&vgic->lock);
}

bool vgic_has_pending(struct vcpu *v)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    struct vgic *vgic = vgic_of(v->vm);
    bool has_pending;

    spin_lock(&vgic->lock);
    if (vgic_is_loaded_here(v)) {
        /* What stays behind then is less important than what is listed. */
        vgic_lr_flush(v);
        has_pending = vgic_lr_is_signalled(v, ich_vmcr_read());
    } else {
        /* What only its own flush can find out may be an interrupt. */
        has_pending =
            cpu->stale != 0 || vgic_lr_is_signalled(v, cpu->vmcr) || vgic_lr_is_awaited(v);
    }
    spin_unlock(&vgic->lock);
    return has_pending;
}

bool vgic_vtimer_in_flight(const struct vcpu *v)
{
    const struct vgic_bank *bank = &v->arch.vgic.bank;

    return ((bank->phys_pending | bank->phys_listed) >> board.vtimer_intid % 32 & 1) != 0;
}
