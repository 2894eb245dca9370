/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harts' IMSICs: interrupt files into which messages write the number (identity) of an
 * interrupt.
 *
 * Each hart has a file of the hypervisor's (supervisor level) and guest files. Guest file n of a
 * hart belongs to one vCPU on that hart (hstatus.VGEIN = n while it is loaded); the guest reaches
 * it by its own CSRs, and messages from devices and other vCPUs reach it by a page that is mapped
 * into the VM, so that neither costs an exit. A file goes on collecting while its vCPU is not
 * loaded.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapter 3.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

#define IMSIC_FILE_SIZE 0x1000u
#define IMSIC_FILE_HV   0u /* the hypervisor's file, before the guest files */

/* Identities in the hypervisor's files: the kick, and wired sources. */
#define IMSIC_ID_KICK           1u
#define IMSIC_ID_SOURCE(source) ((source) + 1)
#define IMSIC_SOURCE(identity)  ((identity)-1) /* of none, 0, none that has a route */

/* Opens this CPU's file of the hypervisor to all identities. Each CPU, once. */
void imsic_init_cpu(void);

/* Takes the most important interrupt of this CPU's file: its identity, or 0 if there is none. */
uint32_t imsic_claim(void);

/*
 * Sends a message, after all stores made before. Any CPU.
 *   file:      IMSIC_FILE_HV, or a guest file of `pcpu`
 *   identity:  a file ignores those that it does not have
 */
void imsic_send(const struct pcpu *pcpu, uint32_t file, uint32_t identity);

/*
 * Puts a guest file of this CPU into its reset state: no delivery, nothing enabled or pending.
 * hstatus.VGEIN and vsiselect are as before afterwards.
 *   file: 1 ... the number of guest files
 */
void imsic_reset_file(uint32_t file);

/* True when a guest file of this CPU has an interrupt to deliver. */
bool imsic_file_is_pending(uint32_t file);

/* Chooses whether that raises this CPU's guest external interrupt (IRQ_SGEI): for a vCPU that waits
 * and is not loaded. */
void imsic_watch(uint32_t file, bool on);
