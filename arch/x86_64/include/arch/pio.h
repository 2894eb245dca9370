/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated I/O ports.
 */
#pragma once

#include <hv/types.h>

struct vcpu;

/* An access to an emulated port. */
struct port_access {
    uint16_t offset; /* from the region's base */
    uint8_t size;    /* 1, 2 or 4 bytes */
    bool is_write;
    uint32_t value; /* write: what is written, zero-extended; read: the answer */
};

/* Carries out an access all of whose bytes lie in the region. Returns EXIT_COUNT if the guest goes
 * on, or the reason to leave it. Own CPU, no lock held. */
typedef uint32_t port_handler(struct vcpu *v, void *device, struct port_access *access);

/* Emulated ports of a VM. Sorted by base, disjoint. */
struct port_region {
    uint16_t base, count;
    port_handler *handle;
    void *device;
};

/* Handlers: a UART (`device` is its struct v16550), and the ports that the FADT names. */
port_handler v16550_port, power_port_access;
