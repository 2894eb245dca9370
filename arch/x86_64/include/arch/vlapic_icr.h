/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to local APICs: who is meant by a destination, and what a delivery mode does. Knows
 * nothing of the sender's registers.
 *
 * Source: AMD64 APM vol. 2, 16.5, 16.6 and 16.13; Intel SDM vol. 3, 12.6 and 12.12.
 */
#pragma once

#include <hv/types.h>

struct vcpu;
struct vm;

#define APIC_BROADCAST       UINT32_MAX
#define APIC_XAPIC_BROADCAST 0xffu

struct apic_message {
    uint32_t destination; /* APIC id, or logical destination; APIC_BROADCAST: everybody */
    uint8_t vector;
    uint8_t mode; /* APIC_MODE_* */
    bool is_logical;
    bool is_level;
};

/*
 * Sends a message to those vCPUs of a VM that it is meant for, but not to `but` (NULL: all may have
 * it). Vectors below 16 and modes that there are not go to nobody. Any CPU; takes vm->lock for INIT
 * and STARTUP, else locks of devices may be held.
 * Returns true if anybody took it.
 */
bool vlapic_send(struct vm *vm, const struct vcpu *but, const struct apic_message *message);

/* The first vCPU that a message is meant for; NULL: nobody is. Any CPU, no lock needed. */
struct vcpu *vlapic_addressee(const struct vm *vm, const struct apic_message *message);

/*
 * What a write to the ICR makes a vCPU send. Own CPU; takes vm->lock for INIT and STARTUP.
 *   icr: in x2APIC format; APIC_BROADCAST stands for the xAPIC's 0xff
 * Returns false if the vector is illegal: nothing is sent.
 */
bool vlapic_send_icr(struct vcpu *v, uint64_t icr);
