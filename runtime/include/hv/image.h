/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: puts a VM's memory into the state in which its first instruction expects it.
 */
#pragma once

struct vm;

/*
 * Zeroes the VM's memory and copies its pristine images into it; does nothing for a VM whose images
 * are linked in place. Before that it compares the pristine images with their digests, where the
 * table has them; a difference is reported, and stops the VM. Works in pieces of bounded length and
 * lets other vCPUs of this CPU run between them. In the primary vCPU's task, while no vCPU of the
 * VM runs. Gives up early, leaving the rest undone, when the task is asked to stop.
 */
void image_load(struct vm *vm);
