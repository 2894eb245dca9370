/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's APLIC, owned by the hypervisor, in MSI delivery mode: wired interrupts become
 * messages to interrupt files (arch/imsic.h).
 *
 * The console's source sends to the hypervisor's file of the boot CPU. Sources of guests are
 * programmed as their VM's virtual APLIC says (arch/vaplic.h), and send straight to the guest's
 * file. Every register written here concerns one source, so CPUs need no lock.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapter 4.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Register map of a domain (4.5); offsets from the base, registers of 32 bits. */
#define APLIC_DOMAINCFG   0x0000u
#define APLIC_SOURCECFG   0x0000u /* + 4 * source */
#define APLIC_SETIP       0x1c00u /* + 4 * (source / 32) */
#define APLIC_SETIPNUM    0x1cdcu
#define APLIC_IN_CLRIP    0x1d00u
#define APLIC_CLRIPNUM    0x1ddcu
#define APLIC_SETIE       0x1e00u
#define APLIC_SETIENUM    0x1edcu
#define APLIC_CLRIE       0x1f00u
#define APLIC_CLRIENUM    0x1fdcu
#define APLIC_SETIPNUM_LE 0x2000u
#define APLIC_SETIPNUM_BE 0x2004u
#define APLIC_GENMSI      0x3000u
#define APLIC_TARGET      0x3000u /* + 4 * source */
#define APLIC_IDC         0x4000u /* + 32 * hart: direct delivery */
#define APLIC_IDC_SIZE    32u

#define APLIC_DOMAINCFG_ONES 0x80000000u
#define APLIC_DOMAINCFG_IE   0x100u
#define APLIC_DOMAINCFG_DM   0x4u /* deliver by messages */

/* Source modes, sourcecfg.SM (4.5.2). */
#define APLIC_SM_INACTIVE 0u
#define APLIC_SM_DETACHED 1u
#define APLIC_SM_EDGE1    4u /* rising edge */
#define APLIC_SM_EDGE0    5u
#define APLIC_SM_LEVEL1   6u /* high level */
#define APLIC_SM_LEVEL0   7u
#define APLIC_SM_MASK     7u

/* Registers of an IDC (4.8.1). */
#define APLIC_IDC_IDELIVERY  0x00u
#define APLIC_IDC_IFORCE     0x04u
#define APLIC_IDC_ITHRESHOLD 0x08u
#define APLIC_IDC_TOPI       0x18u
#define APLIC_IDC_CLAIMI     0x1cu
#define APLIC_TOPI_SHIFT     16 /* of the source's number, its priority is below */

/* target; all but the hart in MSI delivery mode (4.5.16). */
#define APLIC_TARGET_HART_SHIFT 18
#define APLIC_TARGET_HART_MASK  0x3fffu
#define APLIC_TARGET_FILE_SHIFT 12
#define APLIC_TARGET_EIID_MASK  0x7ffu

/* Puts the domain into a known state: all sources inactive but the console's, which sends to this
 * CPU. Boot CPU, once. */
void aplic_init(void);

/* Sets a source's mode, APLIC_SM_*. Inactive: not enabled or pending either. */
void aplic_set_mode(uint32_t source, uint32_t mode);

/* Directs an active source's messages to an interrupt file of a CPU. */
void aplic_set_target(uint32_t source, const struct pcpu *pcpu, uint32_t file, uint32_t identity);

void aplic_set_enabled(uint32_t source, bool enabled);

/* Writes setipnum or clripnum. */
void aplic_set_pending(uint32_t source, bool pending);

/* Ends the handling of a level-sensitive source's interrupt: it is pending again if its input is
 * still high (4.9.2). */
void aplic_end(uint32_t source);

bool aplic_is_pending(uint32_t source);

/* The source's rectified input (4.5.7). */
bool aplic_input(uint32_t source);
