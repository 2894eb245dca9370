/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a local APIC: numbers and fields.
 *
 * A register's number is its x2APIC MSR's less 0x800, and the sixteenth of its offset in the xAPIC
 * page.
 *
 * Source: AMD64 APM vol. 2, 16.3 - 16.7 and 16.11; Intel SDM vol. 3, 12.4 - 12.12.
 */
#pragma once

#define MSR_APIC_BASE   0x01bu
#define MSR_X2APIC_BASE 0x800u
#define MSR_X2APIC_END  0x900u

#define APIC_BASE_BSP     0x100u
#define APIC_BASE_EXTD    0x400u /* x2APIC mode */
#define APIC_BASE_EN      0x800u
#define APIC_BASE_ADDRESS 0xfee00000u

#define LAPIC_ID            0x02u
#define LAPIC_VERSION       0x03u
#define LAPIC_TPR           0x08u
#define LAPIC_PPR           0x0au
#define LAPIC_EOI           0x0bu
#define LAPIC_LDR           0x0du
#define LAPIC_DFR           0x0eu /* xAPIC */
#define LAPIC_SVR           0x0fu
#define LAPIC_ISR           0x10u /* ... 0x17 */
#define LAPIC_TMR           0x18u /* ... 0x1f */
#define LAPIC_IRR           0x20u /* ... 0x27 */
#define LAPIC_ESR           0x28u
#define LAPIC_ICR           0x30u
#define LAPIC_ICR_HIGH      0x31u /* xAPIC */
#define LAPIC_LVT           0x32u /* ... 0x37: timer, thermal, performance, LINT0, LINT1, error */
#define LAPIC_INITIAL_COUNT 0x38u
#define LAPIC_CURRENT_COUNT 0x39u
#define LAPIC_DIVIDE        0x3eu
#define LAPIC_SELF_IPI      0x3fu /* x2APIC */

#define LAPIC_REGISTER_COUNT 0x40u

/* Entries of the local vector table that anything here can raise, and their number. */
#define LVT_TIMER 0u
#define LVT_ERROR 5u
#define LVT_COUNT 6u

#define LVT_VECTOR          0x000ffu
#define LVT_DELIVERY_MODE   0x00700u
#define LVT_DELIVERY_STATUS 0x01000u /* read only */
#define LVT_POLARITY        0x02000u
#define LVT_REMOTE_IRR      0x04000u /* read only */
#define LVT_LEVEL           0x08000u
#define LVT_MASKED          0x10000u
#define LVT_TIMER_PERIODIC  0x20000u

#define SVR_ENABLE         0x100u
#define SVR_FOCUS_DISABLED 0x200u

#define ESR_SEND_ILLEGAL_VECTOR    0x20u
#define ESR_RECEIVE_ILLEGAL_VECTOR 0x40u
#define ESR_ILLEGAL_REGISTER       0x80u

#define ICR_VECTOR                0x000ffu
#define ICR_MODE_SHIFT            8
#define ICR_MODE_MASK             7u
#define ICR_LOGICAL               0x00800u
#define ICR_DELIVERY_STATUS       0x01000u /* always idle */
#define ICR_ASSERT                0x04000u
#define ICR_LEVEL                 0x08000u
#define ICR_SHORTHAND             0xc0000u
#define ICR_SHORTHAND_SELF        0x40000u
#define ICR_SHORTHAND_ALL         0x80000u
#define ICR_SHORTHAND_OTHERS      0xc0000u
#define ICR_DESTINATION_SHIFT     32          /* x2APIC */
#define ICR_XAPIC_DESTINATION     0xff000000u /* of ICR_HIGH */
#define ICR_XAPIC_DESTINATION_BIT 24

/* Delivery modes, of the ICR, of the LVT and of an IOAPIC's table. */
#define APIC_MODE_FIXED   0u
#define APIC_MODE_LOWEST  1u
#define APIC_MODE_NMI     4u
#define APIC_MODE_INIT    5u
#define APIC_MODE_STARTUP 6u

#define APIC_VECTOR_MIN 16u /* those below are illegal */
