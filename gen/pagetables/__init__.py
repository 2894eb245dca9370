# SPDX-License-Identifier: Apache-2.0
"""Page tables as constants: one builder, one module for each hardware format.

format.py          the interface: levels and how one entry is encoded
build.py           maps -> tables, largest blocks, equal tables shared
arm.py             what the VMSAv8-64 formats have in common
arm_stage2.py      a VM's tables
arm_el2_stage1.py  the hypervisor's own
riscv.py           what the RISC-V formats have in common
riscv_sv39x4.py    a VM's tables; riscv_sv48x4.py the same with one more level
riscv_sv39.py      the hypervisor's own
"""
