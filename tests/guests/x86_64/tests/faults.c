/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits faults, one after the other or one alone; whoever runs it decides from the hypervisor's
 * report whether each ended the VM, came back, or became an exception of the guest. Words of the
 * command line:
 *     fault=NAME   commits that one, says what happened and powers off
 *     fault=all    commits all in the order of the table below: the VM's policy must be
 *                  on-crash = "restart", and the scratch register (guest.h) says where to go on
 *     fault=both   with rounds=N: one fault for each boot, on CPU 1 and CPU 0 in turn, while the
 *                  other one cannot be interrupted; the same policy and register
 *     outside=A    an address that is not the VM's (default 0x50000000)
 *     rom=A        an address in a region of the VM without write permission; nx=A: in one without
 *                  execute permission (default: those faults are left out)
 * Lines: `fault NAME: begin`, then nothing or `fault NAME: survived` or `fault NAME: exception N`.
 */
#include "x86_64.h"

#define SCRATCH_MAGIC 0xfa010000u

#define IOAPIC_WINDOW (IOAPIC_BASE + IOAPIC_WIN)

static uint64_t outside;

#define FAULT(function, code)  \
    static void function(void) \
    {                          \
        code;                  \
    }
#define CLOBBERS  "rax", "rcx", "rdx", "rsi", "rdi", "memory", "cc"
#define ASM(text) __asm__ volatile(text "\n\t" FAULT_LANDING ::: CLOBBERS)
/* With an address in RBX. */
#define ASM_AT(text, address) \
    __asm__ volatile(text "\n\t" FAULT_LANDING ::"b"((uint64_t)(address)) : CLOBBERS)

static void try_read_msr(uint32_t msr)
{
    __asm__ volatile("rdmsr\n\t" FAULT_LANDING ::"c"(msr) : "rax", "rdx", "memory");
}

static void try_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr\n\t" FAULT_LANDING ::"c"(msr), "a"((uint32_t)value),
                     "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* Changes what survives it back. */
#define TRY_CONTROL(name, value)                                                          \
    do {                                                                                  \
        uint64_t old_ = register_read(name);                                              \
        __asm__ volatile("mov %0, %%" #name "\n\t" FAULT_LANDING ::"r"((uint64_t)(value)) \
                         : "memory");                                                     \
        register_write(name, old_);                                                       \
    } while (0)

/* ---- memory ---- */

FAULT(read_outside, (void)access_read(outside, 4))
FAULT(read_byte_outside, (void)access_read(outside + 1, 1))
FAULT(write_outside, access_write(outside, 8, 1))
FAULT(jump_outside, access_execute(outside))
FAULT(jump_to_ioapic, access_execute(IOAPIC_BASE))
FAULT(jump_to_lapic, access_execute(LAPIC_BASE))
FAULT(read_hpet, (void)access_read(0xfed00000, 4))
FAULT(read_firmware, (void)access_read(0xfffffff0, 4))
FAULT(read_pci, (void)access_read(0xb0000000, 4))
FAULT(read_behind_ioapic, (void)access_read(IOAPIC_BASE + 0x1000, 4))
FAULT(read_behind_lapic, (void)access_read(LAPIC_BASE + 0x1000, 4))
FAULT(read_above_4g, (void)access_read(1ull << 32, 8))
FAULT(read_far, (void)access_read((1ull << 40) - 8, 8))
FAULT(read_unmapped, (void)access_read(1ull << 45, 8))
FAULT(read_last, (void)access_read(~7ull, 8))
FAULT(read_not_canonical, (void)access_read(1ull << 63, 8))
FAULT(misaligned_outside, (void)access_read(outside + 0xffd, 8))
FAULT(exchange_outside, ASM_AT("xchg %%rax, (%%rbx)", outside))
FAULT(compare_outside, ASM_AT("lock cmpxchgq %%rcx, (%%rbx)", outside))
FAULT(string_outside, ASM_AT("mov %%rbx, %%rsi\n\tlea guest_image_end, %%rdi\n\tmovsq", outside))
FAULT(stack_outside, ASM_AT("xchg %%rbx, %%rsp\n\tpushq $0", outside))
FAULT(return_outside,
      ASM_AT("pushq $0x10\n\tpushq %%rsp\n\tpushfq\n\tpushq $8\n\tpushq %%rbx\n\tiretq", outside))
FAULT(descriptors_outside, ASM_AT("lgdt (%%rbx)", outside))
FAULT(flush_outside, ASM_AT("clflush (%%rbx)", outside))
FAULT(prefetch_outside, ASM_AT("prefetcht0 (%%rbx)", outside))
FAULT(invalidate_outside, ASM_AT("invlpg (%%rbx)", outside))

/* ---- emulated registers ---- */

FAULT(mmio_exchange, ASM_AT("xor %%eax, %%eax\n\txchg %%eax, (%%rbx)", IOAPIC_WINDOW))
FAULT(mmio_or, ASM_AT("orl $1, (%%rbx)", IOAPIC_WINDOW))
FAULT(mmio_compare, ASM_AT("lock cmpxchgl %%ecx, (%%rbx)", IOAPIC_WINDOW))
FAULT(mmio_bit, ASM_AT("btsl $3, (%%rbx)", IOAPIC_WINDOW))
FAULT(mmio_string, ASM_AT("mov %%rbx, %%rsi\n\tlea guest_image_end, %%rdi\n\tmovsl", IOAPIC_WINDOW))
FAULT(mmio_push, ASM_AT("pushq (%%rbx)\n\tpopq %%rax", IOAPIC_WINDOW))
FAULT(mmio_jump, ASM_AT("jmp *(%%rbx)", IOAPIC_WINDOW))
FAULT(mmio_float, ASM_AT("clts\n\tmov %%cr4, %%rax\n\tor $0x200, %%rax\n\tmov %%rax, %%cr4\n\t"
                         "movups (%%rbx), %%xmm0",
                         IOAPIC_WINDOW))
FAULT(mmio_unaligned, (void)access_read(IOAPIC_WINDOW + 1, 4))
FAULT(mmio_wide, (void)access_read(IOAPIC_WINDOW, 8))
FAULT(mmio_across, (void)access_read(IOAPIC_BASE + 0xffe, 4))
FAULT(mmio_tables, register_write(cr3, IOAPIC_BASE))
FAULT(mmio_stack, ASM_AT("xchg %%rbx, %%rsp\n\tpushq $0", IOAPIC_BASE + 0x800))

static void ioapic_all(void)
{
    for (uintptr_t offset = 0; offset < 0x1000; offset += 4) {
        access_write(IOAPIC_BASE + offset, 4, 0xffffffff);
        (void)access_read(IOAPIC_BASE + offset, 4);
    }
}

static void lapic_all(void)
{
    for (uintptr_t offset = 0; offset < 0x1000; offset += 16) {
        access_write(LAPIC_BASE + offset, 4, 0xffffffff);
        (void)access_read(LAPIC_BASE + offset, 4);
    }
}

/* A load from a device whose instruction lies across a page boundary. */
static void mmio_page_crossing(void)
{
    static uint8_t code[8192] __attribute__((aligned(4096)));
    static const uint8_t load[] = { 0x8b, 0x83, 0x10, 0x00, 0x00, 0x00, 0xc3 }; /* 16(%rbx); ret */
    memcpy(code + 4096 - 3, load, sizeof(load));
    __asm__ volatile("call *%0" ::"r"(code + 4096 - 3), "b"(IOAPIC_BASE) : CLOBBERS);
}

FAULT(write_rom, access_write(cmdline_number("rom", 0), 4, 0))
FAULT(execute_nx, access_execute(cmdline_number("nx", 0)))

/* ---- tables and vectors that are nowhere ---- */

FAULT(walk_outside, register_write(cr3, outside))

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

static void vectors_outside(void)
{
    struct table_pointer pointer = { 0xfff, outside };
    __asm__ volatile("lidt %0\n\tint3\n\t" FAULT_LANDING ::"m"(pointer) : "memory");
}

static void segment_outside(void)
{
    struct table_pointer pointer = { 0xfff, outside };
    __asm__ volatile("lgdt %0\n\tmov %1, %%es\n\t" FAULT_LANDING ::"m"(pointer), "r"(0x10)
                     : "memory");
}

/* ---- exceptions ---- */

FAULT(illegal, ASM("ud2"))
FAULT(breakpoint, ASM("int3"))
FAULT(divide, ASM("xor %%ecx, %%ecx\n\tdivl %%ecx"))
FAULT(debug_trap, ASM(".byte 0xf1"))
FAULT(single_step, ASM("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop"))
FAULT(system_call, ASM("syscall"))
FAULT(task_register, ASM("mov $0x10, %%eax\n\tltr %%ax"))
FAULT(null_stack_segment, ASM("mov $0xfff8, %%eax\n\tmov %%eax, %%ss"))

static void watchpoint(void)
{
    static volatile uint32_t watched;
    register_write(db0, (uintptr_t)&watched);
    register_write(db7, 0x000d0402); /* DR0, global: writes of 4 bytes */
    watched = 1;
    __asm__ volatile(FAULT_LANDING);
    register_write(db7, 0x400);
}

/* ---- instructions of hypervisors ---- */

FAULT(vmrun, ASM("xor %%eax, %%eax\n\tvmrun %%rax"))
FAULT(vmload, ASM("xor %%eax, %%eax\n\tvmload %%rax"))
FAULT(vmsave, ASM("xor %%eax, %%eax\n\tvmsave %%rax"))
FAULT(stgi, ASM("stgi"))
FAULT(clgi, ASM("clgi"))
FAULT(skinit, ASM("xor %%eax, %%eax\n\tskinit %%eax"))
FAULT(invlpga, ASM("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\tinvlpga %%rax, %%ecx"))
FAULT(vmmcall, ASM("mov $-1, %%rax\n\tvmmcall"))
FAULT(vmcall, ASM("vmcall"))
FAULT(monitor, ASM("mov %%rsp, %%rax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tmonitor"))
FAULT(mwait, ASM("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\tmwait"))
FAULT(xsetbv, ASM("xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tmov $7, %%eax\n\txsetbv"))
FAULT(rdpmc, ASM("xor %%ecx, %%ecx\n\trdpmc"))
FAULT(invd, ASM("invd"))
FAULT(wbinvd, ASM("wbinvd"))

/* ---- control registers and MSRs ---- */

FAULT(cr0_reserved, TRY_CONTROL(cr0, register_read(cr0) | 1ull << 63))
FAULT(cr0_no_protection, TRY_CONTROL(cr0, register_read(cr0) & ~1ull))
FAULT(cr3_reserved, TRY_CONTROL(cr3, register_read(cr3) | 1ull << 60))
FAULT(cr4_reserved, TRY_CONTROL(cr4, register_read(cr4) | 1ull << 40))
FAULT(cr4_vmxe, TRY_CONTROL(cr4, register_read(cr4) | 1ull << 13))
FAULT(cr4_osxsave, TRY_CONTROL(cr4, register_read(cr4) | 1ull << 18))
FAULT(cr8_reserved, TRY_CONTROL(cr8, 1ull << 32))
FAULT(debug_reserved, TRY_CONTROL(db7, 1ull << 32 | 0x400))

static void efer_svme(void)
{
    uint64_t efer = msr_read(MSR_EFER);
    try_write_msr(MSR_EFER, efer ^ 1u << 12);
    try_write_msr(MSR_EFER, efer);
}
FAULT(efer_reserved, try_write_msr(MSR_EFER, ~0ull))
FAULT(efer_no_long, try_write_msr(MSR_EFER, msr_read(MSR_EFER) & ~(1ull << 8)))
FAULT(pat_reserved, try_write_msr(0x277, 0x0202020202020202))
FAULT(star_not_canonical, try_write_msr(0xc0000082, 1ull << 62))
FAULT(read_unknown, try_read_msr(0xdeadbeef))
FAULT(write_unknown, try_write_msr(0xdeadbeef, ~0ull))
FAULT(read_vm_cr, try_read_msr(0xc0010114))
FAULT(write_vm_cr, try_write_msr(0xc0010114, 0))
FAULT(write_hsave, try_write_msr(0xc0010117, outside))
FAULT(write_microcode, try_write_msr(0xc0010020, outside))
FAULT(write_smm, try_write_msr(0xc0010112, outside))
FAULT(read_machine_check, try_read_msr(0x179))
FAULT(write_mtrr, try_write_msr(0x2ff, 0))
FAULT(write_counter, try_write_msr(0xc0010000, ~0ull))
FAULT(write_tsc, try_write_msr(0x10, 0))
FAULT(apic_elsewhere, try_write_msr(MSR_APIC_BASE, outside | 0xd00))
FAULT(icr_all_ones, try_write_msr(MSR_X2APIC + LAPIC_ICR / 16, ~0ull))
FAULT(clock_outside, try_write_msr(MSR_KVM_TIME, outside | 1))
FAULT(clock_on_device, try_write_msr(MSR_KVM_TIME, IOAPIC_BASE | 1))
FAULT(clock_across, try_write_msr(MSR_KVM_TIME, cmdline_number("end", 0x400000) - 8 + 1))
FAULT(clock_last, try_write_msr(MSR_KVM_TIME, ~0ull))
FAULT(wall_clock_outside, try_write_msr(MSR_KVM_WALL, outside))
FAULT(wall_clock_rom, try_write_msr(MSR_KVM_WALL, cmdline_number("rom", 0)))

/* ---- ports ---- */

static bool is_spared(uint32_t port)
{
    return (port >= UART_PORT && port < UART_PORT + 8u) ||
           (port >= VM_RESET_PORT && port < VM_SLEEP_PORT + 2u);
}

static void port_all(void)
{
    for (uint32_t port = 0; port < 0x10000; port += port < 0xf000 ? 1 : 0x11) {
        if (!is_spared(port)) {
            (void)port_read8((uint16_t)port);
            port_write8((uint16_t)port, 0x55);
        }
    }
}

static void port_sizes(void)
{
    static const uint16_t ports[] = { UART_PORT + 7, UART_PORT + 6, UART_PORT - 1, 0x5fe,
                                      0x605,         0xfffd,        0xffff };
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        (void)port_read16(ports[i]);
        (void)port_read32(ports[i]);
        port_write16(ports[i], 0);
        port_write32(ports[i], 0);
    }
}

FAULT(port_string_outside,
      ASM_AT("mov %%rbx, %%rsi\n\tmov $0x80, %%edx\n\tmov $4, %%ecx\n\trep outsb", outside))
FAULT(port_string_into,
      ASM_AT("mov %%rbx, %%rdi\n\tmov $0x80, %%edx\n\tmov $4, %%ecx\n\trep insb", outside))
FAULT(port_string_device, ASM_AT("mov %%rbx, %%rdi\n\tmov $0x80, %%edx\n\tinsl", IOAPIC_BASE))
FAULT(port_string_unmapped, ASM_AT("mov %%rbx, %%rsi\n\tmov $0x80, %%edx\n\toutsb", 1ull << 45))
FAULT(port_string_long,
      ASM_AT("mov %%rbx, %%rsi\n\tmov $0x80, %%edx\n\tmov $100000, %%ecx\n\trep outsb", 0x100000))

static const struct {
    const char *name;
    void (*commit)(void);
} faults[] = {
    { "read-outside", read_outside },
    { "read-byte-outside", read_byte_outside },
    { "write-outside", write_outside },
    { "jump-outside", jump_outside },
    { "jump-to-ioapic", jump_to_ioapic },
    { "jump-to-lapic", jump_to_lapic },
    { "read-hpet", read_hpet },
    { "read-firmware", read_firmware },
    { "read-pci", read_pci },
    { "read-behind-ioapic", read_behind_ioapic },
    { "read-behind-lapic", read_behind_lapic },
    { "read-above-4g", read_above_4g },
    { "read-far", read_far },
    { "read-unmapped", read_unmapped },
    { "read-last", read_last },
    { "read-not-canonical", read_not_canonical },
    { "misaligned-outside", misaligned_outside },
    { "exchange-outside", exchange_outside },
    { "compare-outside", compare_outside },
    { "string-outside", string_outside },
    { "stack-outside", stack_outside },
    { "return-outside", return_outside },
    { "descriptors-outside", descriptors_outside },
    { "flush-outside", flush_outside },
    { "prefetch-outside", prefetch_outside },
    { "invalidate-outside", invalidate_outside },
    { "mmio-exchange", mmio_exchange },
    { "mmio-or", mmio_or },
    { "mmio-compare", mmio_compare },
    { "mmio-bit", mmio_bit },
    { "mmio-string", mmio_string },
    { "mmio-push", mmio_push },
    { "mmio-jump", mmio_jump },
    { "mmio-float", mmio_float },
    { "mmio-unaligned", mmio_unaligned },
    { "mmio-wide", mmio_wide },
    { "mmio-across", mmio_across },
    { "mmio-tables", mmio_tables },
    { "mmio-stack", mmio_stack },
    { "mmio-page-crossing", mmio_page_crossing },
    { "ioapic-all", ioapic_all },
    { "lapic-all", lapic_all },
    { "write-rom", write_rom },
    { "execute-nx", execute_nx },
    { "walk-outside", walk_outside },
    { "vectors-outside", vectors_outside },
    { "segment-outside", segment_outside },
    { "illegal", illegal },
    { "breakpoint", breakpoint },
    { "divide", divide },
    { "debug-trap", debug_trap },
    { "single-step", single_step },
    { "system-call", system_call },
    { "task-register", task_register },
    { "null-stack-segment", null_stack_segment },
    { "watchpoint", watchpoint },
    { "vmrun", vmrun },
    { "vmload", vmload },
    { "vmsave", vmsave },
    { "stgi", stgi },
    { "clgi", clgi },
    { "skinit", skinit },
    { "invlpga", invlpga },
    { "vmmcall", vmmcall },
    { "vmcall", vmcall },
    { "monitor", monitor },
    { "mwait", mwait },
    { "xsetbv", xsetbv },
    { "rdpmc", rdpmc },
    { "invd", invd },
    { "wbinvd", wbinvd },
    { "cr0-reserved", cr0_reserved },
    { "cr0-no-protection", cr0_no_protection },
    { "cr3-reserved", cr3_reserved },
    { "cr4-reserved", cr4_reserved },
    { "cr4-vmxe", cr4_vmxe },
    { "cr4-osxsave", cr4_osxsave },
    { "cr8-reserved", cr8_reserved },
    { "debug-reserved", debug_reserved },
    { "efer-svme", efer_svme },
    { "efer-reserved", efer_reserved },
    { "efer-no-long", efer_no_long },
    { "pat-reserved", pat_reserved },
    { "star-not-canonical", star_not_canonical },
    { "read-unknown", read_unknown },
    { "write-unknown", write_unknown },
    { "read-vm-cr", read_vm_cr },
    { "write-vm-cr", write_vm_cr },
    { "write-hsave", write_hsave },
    { "write-microcode", write_microcode },
    { "write-smm", write_smm },
    { "read-machine-check", read_machine_check },
    { "write-mtrr", write_mtrr },
    { "write-counter", write_counter },
    { "write-tsc", write_tsc },
    { "apic-elsewhere", apic_elsewhere },
    { "icr-all-ones", icr_all_ones },
    { "clock-outside", clock_outside },
    { "clock-on-device", clock_on_device },
    { "clock-across", clock_across },
    { "clock-last", clock_last },
    { "wall-clock-outside", wall_clock_outside },
    { "wall-clock-rom", wall_clock_rom },
    { "port-all", port_all },
    { "port-sizes", port_sizes },
    { "port-string-outside", port_string_outside },
    { "port-string-into", port_string_into },
    { "port-string-device", port_string_device },
    { "port-string-unmapped", port_string_unmapped },
    { "port-string-long", port_string_long },
};

/* Busy for ever with all interrupts masked: only the hypervisor can stop it. */
static void spin_masked(void)
{
    __asm__ volatile("cli\n1:\tjmp 1b");
}

/* Waits for ever for an interrupt that does not come. */
static void wait_masked(void)
{
    __asm__ volatile("cli\n1:\thlt\n\tjmp 1b");
}

static void commit(const char *name, void (*function)(void))
{
    print("fault %s: begin\n", name);
    fault_expect();
    function();
    struct fault fault = fault_result();
    if (fault.taken) {
        print("fault %s: exception %lu\n", name, fault.syndrome);
    } else {
        print("fault %s: survived\n", name);
    }
}

static bool is_left_out(void (*function)(void))
{
    bool is_rom = function == write_rom || function == wall_clock_rom;
    return (is_rom && cmdline_value("rom") == NULL) ||
           (function == execute_nx && cmdline_value("nx") == NULL);
}

static void commit_all(void)
{
    uint32_t scratch = scratch_load();
    uint32_t next = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_as("faults");
    if (next == 0) {
        report_begin("faults");
    }
    while (next < ARRAY_SIZE(faults)) {
        unsigned now = next++;
        scratch_store(SCRATCH_MAGIC | next);
        if (!is_left_out(faults[now].commit)) {
            commit(faults[now].name, faults[now].commit);
        }
    }
    scratch_store(0);
    report(true, "%u faults committed", (unsigned)ARRAY_SIZE(faults));
}

static volatile uint64_t second_is_busy; /* written by CPU 1 */

static void second_main(uint64_t round)
{
    if ((round & 1) != 0) {
        read_outside();
    }
    second_is_busy = 1;
    if ((round & 2) != 0) {
        spin_masked();
    }
    wait_masked();
}

/* One round for each boot: odd, CPU 1 faults, even, CPU 0; the other one spins or waits. */
static void commit_on_both(uint64_t rounds)
{
    uint32_t scratch = scratch_load();
    uint32_t round = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_as("faults");
    if (round == rounds) {
        scratch_store(0);
        report(true, "%u rounds of faults on two CPUs", round);
        return;
    }
    round++;
    scratch_store(SCRATCH_MAGIC | round);
    print("round %u\n", round);
    cpu_start(1, second_main, round);
    if ((round & 1) == 0) {
        wait_for(&second_is_busy, 1, 2000000);
        read_outside();
    }
    if ((round & 2) != 0) {
        spin_masked();
    }
    wait_masked();
}

void guest_main(void)
{
    outside = cmdline_number("outside", 0x50000000);
    if (cmdline_is("fault", "all")) {
        commit_all();
        return;
    }
    if (cmdline_is("fault", "both")) {
        commit_on_both(cmdline_number("rounds", 20));
        return;
    }
    report_begin("faults");
    if (cmdline_is("fault", "spin-masked")) {
        print("fault spin-masked: begin\n");
        spin_masked();
    } else if (cmdline_is("fault", "wait-masked")) {
        print("fault wait-masked: begin\n");
        wait_masked();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        if (cmdline_is("fault", faults[i].name)) {
            commit(faults[i].name, faults[i].commit);
            report(true, "fault %s did not end the VM", faults[i].name);
        }
    }
}
