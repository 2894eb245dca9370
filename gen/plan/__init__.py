# SPDX-License-Identifier: Apache-2.0
"""From a checked system to the whole machine as frozen data: every address, number and table.

    types.py    the data, shaped like the C tables
    make.py     the steps in their order: the one entry, `make`
    bodies.py   what each VM is made of
    guest.py    where the parts of an image lie in a VM
    store.py    which bytes are linked into the hypervisor's file, each once
    memory.py   where images and VM memory lie in RAM
    region.py   the hypervisor's sections and stacks
    cpus.py     vCPUs and CPUs
    maps.py     what each page table shows
    owners.py   who has which physical address
    devices.py  passed-through devices, as guests have them
    limits.py   what the C is to assert
    isa.py      what an architecture has to say; aarch64.py, riscv64.py, x86_64.py say it
    devicetree.py  what those say alike whose guests boot with a device tree
    aarch64_tree.py, riscv64_tree.py  the device trees of their guests
    x86_64_boot.py  what x86_64 guests find instead; x86_64_policy.py  which MSRs and CPUID leaves
    origin.py   names for generated output

Nothing is decided after this: gen.emit and gen.report only print.
"""
