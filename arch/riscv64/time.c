/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: the `time` counter, and each hart's supervisor timer as the scheduler's deadline.
 *
 * With Sstc a guest has a timer of its own in the hardware (vstimecmp), and the supervisor timer is
 * the scheduler's alone. Without, nothing here touches the registers of Sstc, and the firmware's
 * one timer serves both: it is armed for the earlier of the scheduler's deadline and the loaded
 * guest's. A guest's timer is then in one of three states:
 *
 *     off     arch.timer is TIME_NEVER
 *     armed   arch.timer is to come, and hvip.VSTIP is clear
 *     due     hvip.VSTIP is set: the guest has its interrupt until it sets its timer anew
 *
 *     any -> off, armed or due   SBI's SET_TIMER, whose deadline may be over   time_guest_set()
 *     armed -> due, loaded       the firmware's timer interrupts               time_interrupt()
 *     armed -> due, not loaded   seen when it is loaded                        time_guest_load()
 *
 * Who is not loaded has VSTIP in arch.hvip; its deadline is the scheduler's to watch (wake_at), or
 * nobody's where it is ready and waits for its turn. So that no deadline is missed, the firmware's
 * timer is armed anew whenever one of its two deadlines changes and after each of its interrupts,
 * never for a guest's that is due: it would interrupt for ever. Arming it withdraws its interrupt
 * (SBI 2.0, 6.1), and a deadline that is over by then interrupts at once.
 *
 * Source: RISC-V Privileged Architecture 20240411, chapter 12 (Sstc); SBI 2.0, chapter 6.
 */
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/time.h>
#include <hv/arch/cpu.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

uint64_t arch_time_now(void)
{
    return csr_read(CSR_TIME);
}

uint64_t arch_time_frequency(void)
{
    return board.timebase_frequency;
}

uint64_t time_guest_deadline(const struct vcpu *v)
{
    uint64_t offset = v->vm->arch.time_offset;

    return v->arch.timer >= TIME_NEVER - offset ? TIME_NEVER : v->arch.timer + offset;
}

/* Arms the firmware's timer. A guest's timer that is due has raised its interrupt and waits for
 * nothing. */
static void arm_firmware_timer(const struct pcpu *pcpu)
{
    uint64_t deadline = pcpu->arch.deadline;

    if (pcpu->loaded != NULL && (csr_read(CSR_HVIP) & BIT(IRQ_VSTI)) == 0) {
        uint64_t guest = time_guest_deadline(pcpu->loaded);

        deadline = guest < deadline ? guest : deadline;
    }
    firmware_set_timer(deadline);
}

void arch_timer_set(uint64_t deadline)
{
    struct pcpu *pcpu = arch_this_pcpu();

    pcpu->arch.deadline = deadline;
    if (board.has_sstc) {
        csr_write(CSR_STIMECMP, deadline);
    } else {
        arm_firmware_timer(pcpu);
    }
}

void time_guest_load(const struct vcpu *v)
{
    csr_write(CSR_HTIMEDELTA, -v->vm->arch.time_offset);
    if (board.has_sstc) {
        csr_write(CSR_VSTIMECMP, v->arch.timer);
    } else {
        time_guest_expire(v);
    }
}

void time_guest_save(struct vcpu *v)
{
    if (board.has_sstc) {
        v->arch.timer = csr_read(CSR_VSTIMECMP);
        csr_write(CSR_VSTIMECMP, TIME_NEVER);
    }
    v->wake_at = time_guest_deadline(v);
}

void time_guest_set(struct vcpu *v, uint64_t deadline)
{
    if (board.has_sstc) {
        csr_write(CSR_VSTIMECMP, deadline);
    } else {
        v->arch.timer = deadline;
        csr_clear(CSR_HVIP, BIT(IRQ_VSTI));
        time_guest_expire(v);
    }
}

void time_guest_expire(const struct vcpu *v)
{
    if (time_guest_deadline(v) <= arch_time_now()) {
        csr_set(CSR_HVIP, BIT(IRQ_VSTI));
    }
    arm_firmware_timer(v->pcpu);
}

void time_interrupt(struct pcpu *pcpu)
{
    if (!board.has_sstc) {
        if (pcpu->loaded != NULL) {
            time_guest_expire(pcpu->loaded);
        } else {
            arm_firmware_timer(pcpu); /* it was armed for a guest that is gone */
        }
    }
    if (pcpu->arch.deadline <= arch_time_now()) {
        arch_timer_set(TIME_NEVER); /* the interrupt falls; the scheduler arms it anew */
        sched_timer();
    }
}
