# SPDX-License-Identifier: Apache-2.0
"""Every diagnostic code: what it says, why the rule exists, how to mend it.

`ashlar explain CODE` and docs/diagnostics.md are printed from this table; tests/test_codes.py holds
it to the codes that the generator raises and to the examples in tests/bad.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A code.  what: one line.  why: the reason of the rule.  fix: what to do."""

    name: str
    what: str
    why: str
    fix: str


_TABLE = (
    # The text of the files
    Code(
        "system-missing",
        "The system file cannot be read.",
        "The path given on the command line names no readable file.",
        "Check the path; make takes it as SYSTEM=systems/NAME.toml.",
    ),
    Code(
        "toml-syntax",
        "The file is not TOML.",
        "Nothing in a file can be trusted before its grammar is right, so this is reported alone.",
        "See https://toml.io/en/v1.0.0.",
    ),
    Code(
        "unknown-key",
        "A key that does not exist.",
        "A misspelt key that is ignored is a mistake found on the target; unknown keys are"
        " refused.",
        "Take the name that is proposed, or see docs/toml.md.",
    ),
    Code(
        "missing-key",
        "A key that must be given is not.",
        "The value has no default that could be right for everybody.",
        "Add the key; `ashlar explain KEY` says what it means.",
    ),
    Code(
        "wrong-type",
        "A value of another type than the key takes.",
        "Values are never converted silently.",
        'Write the value as the message says; sizes may be 4096 or "4 KiB".',
    ),
    Code(
        "bad-value",
        "A value outside of what the key takes, or that contradicts a key beside it.",
        "Every key has a range, in docs/toml.md.",
        "Take one of the values that the message names.",
    ),
    # Board
    Code(
        "board-unknown",
        "There is no board of that name.",
        "Boards are the files systems/boards/NAME.toml, or files given by their path.",
        "Take one of the names in the message, or add a board file.",
    ),
    Code(
        "board-tree",
        "The board's device tree cannot be read, or the hypervisor cannot run on what it"
        " describes.",
        "All facts about the hardware come from that tree: RAM, CPUs, interrupt controller, UART,"
        " timer,"
        " firmware.",
        "Mend the tree (dtc names line and column), or name the right one.",
    ),
    Code(
        "board-hypervisor",
        "The region kept for the hypervisor does not lie in free RAM, in whole 2 MiB blocks.",
        "The hypervisor is linked at a fixed address and mapped with 2 MiB blocks.",
        "Mend base or size under [hypervisor] of the board file.",
    ),
    Code(
        "hypervisor-full",
        "The hypervisor's tables and stacks do not fit into the region that the board keeps for"
        " it.",
        "The region's size is fixed in the board file; tables and stacks grow with the number of"
        " VMs,"
        " vCPUs and devices.",
        "Raise size under [hypervisor] of the board file.",
    ),
    # Names and limits
    Code(
        "name-invalid",
        "A name that is no identifier.",
        "Names become file names, C identifiers and prefixes of console lines.",
        "Use a lower-case letter, then lower-case letters, digits and hyphens, 32 at most.",
    ),
    Code(
        "name-duplicate",
        "Two things of the same kind share a name.",
        "Messages, reports and the console name things by their name alone.",
        "Rename one of them.",
    ),
    Code(
        "limit",
        "More of something than the hypervisor can have.",
        "Identifiers and bit sets of the runtime have fixed widths.",
        "Make the system smaller.",
    ),
    Code(
        "vm-none",
        "No VM starts with the machine.",
        "The machine powers off when the last VM is down, which would be at once.",
        "Add a VM, or let one have autostart = true.",
    ),
    # CPUs
    Code(
        "cpu-unknown",
        "A CPU that the board does not have.",
        "CPUs are counted from 0, in the order of the board's device tree.",
        "Take a number that the message names.",
    ),
    Code(
        "cpu-count",
        "The number of vCPUs is not that of the CPUs to run them on.",
        "vCPU i runs on CPU cpus[i]: the list has one entry for each vCPU.",
        "Correct one of the two, or leave out vcpus, which follows from cpus.",
    ),
    Code(
        "cpu-shared",
        "A CPU is claimed by two vCPUs.",
        "A vCPU has its CPU for itself unless the CPU has a schedule; sharing by mistake ruins"
        " latency.",
        'Take a free CPU, or say in a [[cpu]] table that the CPU has schedule = "round-robin".',
    ),
    Code(
        "cpu-duplicate",
        "A CPU has two [[cpu]] tables.",
        "It would not be clear which one holds.",
        "Make them one.",
    ),
    Code(
        "schedule-unused",
        "A CPU has a schedule, but nobody to switch between.",
        "It is a leftover, or a list of CPUs has a wrong number.",
        "Leave out the table, or correct the list.",
    ),
    Code(
        "cpu-same-vm",
        "Two vCPUs of one VM take turns on one CPU.",
        "Kernels spin on locks for a short time; a vCPU that holds one does not run while its"
        " sibling"
        " spins, so that every contended lock costs a whole slice.",
        "Give the VM fewer vCPUs, or each vCPU its own CPU.",
    ),
    Code(
        "pmu-unsupported",
        "A VM is granted performance counters on an architecture that cannot grant them.",
        "Only SBI's PMU is answered, on riscv64.",
        "Leave out pmu.",
    ),
    Code(
        "pmu-shared",
        "A VM with performance counters shares a CPU.",
        "The counters are the CPU's own and are not moved between VMs: each would see what the"
        " other does.",
        "Give the VM CPUs of its own, or leave out pmu.",
    ),
    # Time
    Code(
        "plan-none",
        "A CPU is to follow plans, and there is none.",
        "Without a plan, nobody's time would come on it.",
        "Add a [[plan]]; `ashlar plan SYSTEM` proposes one.",
    ),
    Code(
        "plan-unused",
        "A plan that no CPU follows.",
        "It is a leftover, or the [[cpu]] tables lack what they should say.",
        'Let the CPUs of its windows have schedule = "plan", or leave the plan out.',
    ),
    Code(
        "plan-cpu",
        "A window on a CPU that does not follow plans.",
        "The time of other CPUs is divided by other rules.",
        'Take one of the planned CPUs, or give this one a [[cpu]] with schedule = "plan".',
    ),
    Code(
        "plan-vm",
        "A window for a VM or vCPU that does not run on its CPU.",
        "Each vCPU has one CPU for ever; a plan divides the time of those that are there.",
        "Take one of the VMs or vCPUs that the message names.",
    ),
    Code(
        "plan-length",
        "A window that is too short.",
        "Each window costs two switches, and one that begins late by an exit may be over already."
        " The shortest one is as long as the shortest turn of round robin.",
        "Make it longer, or leave it out.",
    ),
    Code(
        "plan-frame",
        "A window beyond the end of its frame, or a frame that is too short for any.",
        "A plan is what happens in a frame, again and again.",
        "Make the window shorter or the frame longer.",
    ),
    Code(
        "plan-overlap",
        "Two windows of one CPU at the same time.",
        "A CPU is one VM's at a time.",
        "Move one of them, or make it shorter.",
    ),
    Code(
        "plan-missing",
        "A vCPU without any window in a plan.",
        "Time that others leave unused is not promised to it: in the first plan it would not start,"
        " and in another it stands still, which may be what is wanted.",
        "Give it a window.",
    ),
    Code(
        "plan-shared",
        "A vCPU that shares all its windows, and may not run in any.",
        "vCPUs of one VM take turns in a window that names none of them. A turn lasts a slice, and"
        " who is last gets what the others leave of the window.",
        "Give each vCPU windows of its own, with the key vcpu.",
    ),
    Code(
        "plan-switch",
        "A switch of plans that does to a vCPU what no plan does.",
        "The last window of one plan and the first of the next may lie far apart.",
        "Let its windows lie at the same places of both frames, or accept it: switches are rare.",
    ),
    Code(
        "budget-period",
        "A budget without a period, or the reverse, or more than the period.",
        "A budget is the CPU time that each vCPU must have in any time as long as the period.",
        "Give both keys.",
    ),
    Code(
        "plan-overload",
        "The vCPUs of a planned CPU ask for more time than there is.",
        "A budget takes that part of its period, and min-share that part of the CPU; no plan has"
        " more than all of it.",
        "Let one ask for less, or move it to another CPU.",
    ),
    Code(
        "time-latency",
        "A vCPU may wait for its CPU longer than its max-latency.",
        "An interrupt waits for its vCPU's next time on the CPU at the worst, and for an exit"
        " before it. docs/time.md has the formulas.",
        "Let its windows lie closer together, its turns be shorter, or its priority be higher.",
    ),
    Code(
        "time-share",
        "A vCPU is sure of less of its CPU than its min-share.",
        "Only windows of its own and equal turns count; what others leave unused is not promised.",
        "Give it longer windows, or let fewer take turns.",
    ),
    Code(
        "time-budget",
        "A vCPU may have less time in a period than its budget.",
        "What counts is any time as long as the period, wherever it begins: enough time in each"
        " frame is not enough if it comes early in one and late in the next.",
        "Let its windows lie at the same place in each period; `ashlar plan SYSTEM` proposes a"
        " plan.",
    ),
    # Memory
    Code("mem-missing", "A VM has no memory.", "It could not run.", "Give it memory."),
    Code(
        "mem-unaligned",
        "An address or size of memory is not a multiple of 4 KiB.",
        "Page tables map whole pages.",
        "Take the nearest multiple, which the message names.",
    ),
    Code(
        "mem-guest-limit",
        "A region lies beyond the addresses that a guest has.",
        "The second-stage tables reach 39 bits on aarch64, 41 on riscv64, and 50 on a riscv64 board"
        " whose mmu-type is riscv,sv48 or riscv,sv57.",
        "Take a lower guest address.",
    ),
    Code(
        "mem-overlap",
        "Two regions overlap, for the guest or in the machine.",
        "VMs are isolated because no byte of RAM belongs to two of them.",
        "Move one of them: the message names the nearest place where it fits.",
    ),
    Code(
        "mem-outside-ram",
        "A region with a physical address of its own is not in usable RAM.",
        "The board's device tree says what is RAM and which part of it firmware keeps.",
        'Take an address in RAM, or physical = "allocated".',
    ),
    Code(
        "hv-overlap",
        "A region overlaps memory that the hypervisor keeps.",
        "Its code and tables decide what every VM can reach. The first 2 MiB of RAM are kept too:"
        " QEMU"
        " and boot loaders put their device tree there, or firmware lies there.",
        "Move the region, or move the hypervisor in the board file.",
    ),
    Code(
        "mem-permissions",
        "The first region of a VM is not readable, writable and executable.",
        "The image is placed and started there.",
        'Say permissions = "rwx", or put another region first.',
    ),
    Code(
        "mem-small-pages",
        "A region cannot be mapped with 2 MiB blocks throughout.",
        "4 KiB pages need more table memory, and guests run slower for want of TLB entries.",
        "Use multiples of 2 MiB, and guest and physical addresses that agree in their lowest 21"
        " bits.",
    ),
    Code(
        "memory-full",
        "RAM is used up.",
        "Regions without an address of their own and pristine images are placed in what the fixed"
        " regions and the hypervisor leave.",
        "Make VMs smaller, or take a board with more RAM; the note names the largest piece left.",
    ),
    # Devices and interrupts
    Code(
        "device-unknown-node",
        "The board's device tree has no such node, or the node has nothing to give.",
        "Windows and interrupts are read from the node, so that nobody writes them twice.",
        "Take a path of the board's .dts, from the root: /pl031@9010000.",
    ),
    Code(
        "device-unaligned",
        "A device's window is not made of whole 4 KiB pages.",
        "A page is the least that can be given to a VM; other devices in it would be given as"
        " well.",
        "If that is wanted, give the whole page with base and size.",
    ),
    Code(
        "device-shared",
        "Two devices, of one VM or of two, have registers in common.",
        "A device has one owner: there is no telling what two drivers do to it.",
        "Take it away from one of them.",
    ),
    Code(
        "device-reserved",
        "A device that the hypervisor keeps for itself.",
        "Who has the interrupt controller has the machine; the UART is everybody's terminal.",
        "Leave it out: guests see emulated ones.",
    ),
    Code(
        "device-in-ram",
        "A device's window is RAM.",
        "RAM is given with [[vm.memory]], where overlaps and restarts are looked after.",
        "Use [[vm.memory]] with a physical address.",
    ),
    Code(
        "device-overlap",
        "A guest would see two things at one address.",
        "Memory, devices passed through and emulated devices (interrupt controller, UART) share the"
        " guest's addresses.",
        "Let the guest see the device elsewhere, with the key guest.",
    ),
    Code(
        "device-guest-limit",
        "A device lies beyond the addresses that a guest has.",
        "The second-stage tables reach 39 bits on aarch64, 41 on riscv64, and 50 on a riscv64 board"
        " whose mmu-type is riscv,sv48 or riscv,sv57.",
        "Let the guest see it at a lower address, with the key guest.",
    ),
    Code(
        "device-dma",
        "A device that reaches memory by itself is given to a VM without an IOMMU.",
        "Its DMA is not confined by the second-stage tables: whoever programs the device can read"
        " and"
        " write all of RAM, the hypervisor's too. And DMA addresses are the machine's, so that"
        " the guest's"
        ' memory must be physical = "identical" for the device to work.',
        "Give such a device only to a VM that is trusted as much as the hypervisor.",
    ),
    Code(
        "irq-unknown",
        "An interrupt number that cannot be given to a VM.",
        "Interrupts private to a CPU, and messages between CPUs, are emulated for every VM.",
        "Give the number as the controller counts: on a GIC, SPI n is 32 + n.",
    ),
    Code(
        "irq-reserved",
        "An interrupt that belongs to the hypervisor.",
        "It serves the device itself, and shows guests an emulated one under the same number.",
        "Leave it out.",
    ),
    Code(
        "irq-shared",
        "An interrupt given twice.",
        "It is routed to one VM, which alone can say when it has been served.",
        "Take it away from one of the devices.",
    ),
    # Images
    Code(
        "image-unknown",
        "A VM names an image that is not there.",
        "image = NAME refers to a table [images.NAME].",
        "Take the name that is proposed, or add the table.",
    ),
    Code(
        "image-unused",
        "An image that no VM boots.",
        "It is a leftover, or a VM has a wrong name.",
        "Use it or leave it out.",
    ),
    Code(
        "catalogue-unknown",
        "The image catalogue does not have the name, or not for this architecture.",
        "Names with a colon are looked up in systems/catalogue.toml, for the board's architecture.",
        "Take a name that is there, give a path, or add an entry.",
    ),
    Code(
        "image-missing",
        "A file of an image is not there.",
        "Images are linked into the hypervisor or copied from it: they must be there at build"
        " time.",
        "Check the path (relative to the system file), or fetch the catalogue's with `make"
        " images`.",
    ),
    Code(
        "image-format",
        "A file has another form than the system file says, or is damaged.",
        "The header says where an image must be placed, how much memory it takes and where it"
        " starts.",
        "Say the right type, or give the right file.",
    ),
    Code(
        "image-arch",
        "An image for another architecture than the board's.",
        "Its first instruction would be the last.",
        "Give the file for the board's architecture.",
    ),
    Code(
        "image-too-large",
        "An image needs more memory than the VM's first region has.",
        "A kernel takes the image_size of its header: the file and what it clears behind it"
        " (.bss).",
        "Make the region larger.",
    ),
    Code(
        "load-outside",
        "A part of an image goes where the VM has no memory.",
        "An ELF file says where its segments go; for others, load does.",
        "Change load, link the program for other addresses, or give the VM memory there.",
    ),
    Code(
        "load-unaligned",
        "load is an address at which the image cannot run.",
        "Kernels need a multiple of 2 MiB plus the text_offset of their header; raw images whole"
        " pages.",
        "Take the nearest address, which the message names.",
    ),
    Code(
        "load-fixed",
        "load moves an executable that is linked for fixed addresses.",
        "Its code would use the old addresses.",
        "Leave out load, or link the program for another address (or position-independent).",
    ),
    Code(
        "entry-outside",
        "The first vCPU would start where the VM has no memory to run.",
        "The first instruction would be a fault.",
        "Correct entry, or the memory's place or permissions.",
    ),
    Code(
        "initrd-overlap",
        "The initrd has no room behind the kernel.",
        "A kernel takes more memory than its file: what it clears would destroy an initrd placed"
        " behind"
        " the file's end. It must lie behind image_size, and in the first region.",
        "Make the region larger.",
    ),
    Code(
        "dtb-format",
        "The device tree given for a guest is none, or lacks what every tree must have.",
        "It is compared with the VM, and given to the guest.",
        "Mend the tree; dtc names line and column.",
    ),
    Code(
        "dtb-overlap",
        "The guest's device tree has no room.",
        "It lies at the end of the first region, in one 2 MiB block, or at its start"
        " (`device-tree-at`), apart from the image and the initrd.",
        "Make the region larger, or load the image elsewhere.",
    ),
    Code(
        "boot-overlap",
        "What an x86_64 guest boots from has no room.",
        "Boot parameters, page tables and ACPI tables lie in the first megabyte of a VM, where PCs"
        " have them: it must be memory, and an image must stay clear of them.",
        "Let the first region begin at 0; load or link images at 1 MiB or above.",
    ),
    Code(
        "dtb-contradicts",
        "The device tree given for a guest describes another machine than the VM.",
        "The guest believes its tree: memory that is not there, or an interrupt controller"
        " elsewhere,"
        " ends in a fault or in silence.",
        "Mend the tree, or let it be generated.",
    ),
    # Guests
    Code(
        "cmdline-variable",
        "A command line has a variable that does not exist.",
        "${console}, ${vm} and ${arch} are replaced; anything else would reach the kernel as it"
        " is.",
        "Take one of the names.",
    ),
    Code(
        "cmdline-long",
        "A command line is longer than Linux takes.",
        "Linux keeps 2048 bytes and cuts the rest without a word.",
        "Make it shorter.",
    ),
    Code(
        "in-place-restart",
        "A VM whose image is linked in place is to restart.",
        "The guest changes the only copy of its image; there is nothing pristine to restart from.",
        'Let on-crash and on-reboot be "stop", or leave out in-place.',
    ),
    Code(
        "vm-unknown",
        "A list of VMs names something else, or the VM itself.",
        "Who waits for nobody waits for ever; who manages nobody was meant to manage somebody.",
        "Take one of the VMs that the message names.",
    ),
    Code(
        "after-cycle",
        "VMs wait for one another.",
        "None of them would start.",
        "Take one of them out of a list.",
    ),
    Code(
        "after-never",
        "A VM waits for a start that does not come.",
        "Only VMs that start with the machine wait, and only for such ones.",
        "Set autostart, or leave out after.",
    ),
    Code(
        "watchdog-none",
        "A watchdog that is to start with its VM, and is not there.",
        "A VM has a watchdog if it says how long it may be silent.",
        'Say watchdog = "10 s", or leave out watchdog-start.',
    ),
    Code(
        "in-place-check",
        "The images of a VM that is linked in place are to be checked.",
        "What is checked is the pristine image, before it is copied; this VM has none.",
        "Leave out check-images, or leave out in-place.",
    ),
    Code(
        "console-none",
        "A VM without console is told to use one.",
        "Its kernel would print nowhere, or wait for a UART that is not there.",
        'Say console = "uart", or give the VM another command line.',
    ),
)

#: All codes by name, in the order of the reference.
CODES = {code.name: code for code in _TABLE}
