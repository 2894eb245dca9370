/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One terminal for all VMs: rings, turns, focus and the lock. See hv/console.h for what a person
 * sees, hv/terminal.h for how lines are written.
 *
 * The way out: ring -> terminal_write() -> port. A byte is taken from its ring only when everything
 * before it is in the port, so a full port stops the output at any point and loses nothing.
 */
#include <hv/arch/console.h>
#include <hv/operator.h>
#include <hv/tables.h>
#include <hv/terminal.h>
#include <hv/time.h>

#define TURN_MS    1u    /* between two pieces of the operator's work */
#define PAUSE_MS   10u   /* an unfinished line in focus is shown when it is that old */
#define PASS_BYTES 4096u /* a drain takes at most that many bytes from the rings */
#define PLAN_BYTES 32u   /* ... on a planned CPU: whose window is next must not wait for more, */
#define PLAN_MS    1u    /* and goes on after that time, whatever the port says */
#define PASS_INPUT 64u   /* at most that many are taken from the port, and handed on */
#define ROOM_LOW   64u   /* a guest with less room than this may be waiting for more */

static struct spinlock console_lock;

/* Atomic: somebody put something into a ring that should be sent. */
static uint32_t is_wanted;

/* Atomic: at least one console has is_changed set. */
static uint32_t has_changed;

/* Atomic: the VM's console that input goes to; NULL: none. */
static struct console *focus;

/* What follows is under console_lock. */

static bool is_ready;    /* the port is ours */
static bool is_flushing; /* unfinished lines are due too */
static uint32_t turn;    /* index of the console that comes first in the next pass */

/* ---- Rings ---- */

static uint32_t tx_fill(const struct console *console)
{
    return __atomic_load_n(&console->tx_head, __ATOMIC_ACQUIRE) -
           __atomic_load_n(&console->tx_tail, __ATOMIC_ACQUIRE);
}

uint32_t console_room(const struct console *console)
{
    return CONSOLE_TX_SIZE - tx_fill(console);
}

bool console_put(struct console *console, uint8_t byte)
{
    uint32_t head = __atomic_load_n(&console->tx_head, __ATOMIC_RELAXED);
    uint32_t fill = tx_fill(console);

    if (fill == CONSOLE_TX_SIZE) {
        return false;
    }
    if (head == __atomic_load_n(&console->tx_line, __ATOMIC_RELAXED)) {
        __atomic_store_n(&console->tx_time, arch_time_now(), __ATOMIC_RELAXED);
    }
    console->tx[head % CONSOLE_TX_SIZE] = byte;
    __atomic_store_n(&console->tx_head, head + 1, __ATOMIC_RELEASE);
    if (byte == '\n') {
        __atomic_store_n(&console->tx_line, head + 1, __ATOMIC_RELEASE);
    }
    if (byte == '\n' || fill >= CONSOLE_TX_SIZE / 2 || console == console_focus()) {
        __atomic_store_n(&is_wanted, 1, __ATOMIC_RELEASE);
    }
    return true;
}

void console_end_line(struct console *console)
{
    if (__atomic_load_n(&console->tx_head, __ATOMIC_RELAXED) !=
        __atomic_load_n(&console->tx_line, __ATOMIC_RELAXED)) {
        /* In a full ring the new text goes on in the old line: it is a matter of looks only. */
        (void)console_put(console, '\n');
    }
}

int console_get(struct console *console)
{
    uint32_t tail = __atomic_load_n(&console->rx_tail, __ATOMIC_RELAXED);
    uint8_t byte;

    if (tail == __atomic_load_n(&console->rx_head, __ATOMIC_ACQUIRE)) {
        return -1;
    }
    byte = console->rx[tail % CONSOLE_RX_SIZE];
    __atomic_store_n(&console->rx_tail, tail + 1, __ATOMIC_RELEASE);
    return byte;
}

bool console_has_input(const struct console *console)
{
    return __atomic_load_n(&console->rx_tail, __ATOMIC_RELAXED) !=
           __atomic_load_n(&console->rx_head, __ATOMIC_ACQUIRE);
}

struct console *console_attended(void)
{
    return operator_state() == OPERATOR_AWAY ? console_focus() : &consoles[0];
}

static void mark_changed(struct console *console)
{
    __atomic_store_n(&console->is_changed, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&has_changed, 1, __ATOMIC_RELEASE);
}

/* Bytes of the ring that may be shown now. Lowers *later to the time when more may be. */
static uint32_t due_bytes(const struct console *console, uint64_t *later)
{
    uint32_t finished = __atomic_load_n(&console->tx_line, __ATOMIC_ACQUIRE) -
                        __atomic_load_n(&console->tx_tail, __ATOMIC_RELAXED);
    uint32_t fill = tx_fill(console);

    if (finished > fill) { /* the unfinished line has been begun: its start lies behind */
        finished = 0;
    }
    if (finished == fill || is_flushing || console == terminal_line() ||
        fill > CONSOLE_TX_SIZE / 2) {
        return fill;
    }
    if (console == console_attended()) {
        uint64_t time =
            __atomic_load_n(&console->tx_time, __ATOMIC_RELAXED) + time_from_ms(PAUSE_MS);

        if (time <= arch_time_now()) {
            return fill;
        }
        if (finished == 0 && time < *later) {
            *later = time;
        }
    }
    return finished;
}

/* ---- The way out ---- */

/* Sends what is due of one console, up to the end of a line. False: no room or no *budget left. */
static bool send_line(struct console *console, uint32_t *budget, uint64_t *later)
{
    uint32_t tail = console->tx_tail;
    bool had_little_room = console_room(console) < ROOM_LOW;
    uint32_t due = due_bytes(console, later);
    uint8_t byte = 0;

    while (due > 0 && byte != '\n') {
        if (*budget == 0 || !terminal_send()) {
            break;
        }
        byte = console->tx[tail % CONSOLE_TX_SIZE];
        terminal_write(console, byte);
        tail++;
        due--;
        (*budget)--;
    }
    if (tail != console->tx_tail) {
        __atomic_store_n(&console->tx_tail, tail, __ATOMIC_RELEASE);
        if (had_little_room && console->vm != NULL) {
            mark_changed(console);
        }
    }
    return terminal_send() && *budget > 0;
}

/*
 * One pass: a line of each console in turn, beginning with the one that stands on the terminal, and
 * again while there is anything. Takes at most *budget bytes. Returns false if something is left
 * that cannot be sent now. console_lock is held.
 */
static bool pass(uint32_t *budget)
{
    uint64_t later = TIME_NEVER;
    uint32_t idle_count = 0; /* consoles in a row that had nothing */

    if (!is_ready) {
        return true;
    }
    if (!terminal_send()) {
        return false;
    }
    if (!is_flushing) {
        operator_show(false);
    }
    if (!terminal_send()) {
        return false;
    }
    if (terminal_line() != NULL) { /* what stands there goes first, and has then had its turn */
        turn = (uint32_t)(terminal_line() - consoles);
    }
    while (idle_count < console_count) {
        uint32_t before = *budget;

        if (!send_line(&consoles[turn], budget, &later)) {
            return false;
        }
        turn = (turn + 1) % console_count;
        idle_count = *budget == before ? idle_count + 1 : 0;
    }
    if (!is_flushing) {
        operator_show(true);
    }
    if (later != TIME_NEVER) {
        sched_alarm(later);
    }
    return terminal_send();
}

/* Tells the guests whose rings changed. No lock held but vm->lock. */
static void tell_guests(void)
{
    if (!__atomic_exchange_n(&has_changed, 0, __ATOMIC_SEQ_CST)) {
        return;
    }
    for (uint32_t i = 0; i < console_count; i++) {
        if (__atomic_exchange_n(&consoles[i].is_changed, 0, __ATOMIC_SEQ_CST)) {
            arch_console_guest_update(consoles[i].vm);
        }
    }
}

static bool is_planned(void)
{
    return arch_this_pcpu()->config->plans != NULL;
}

/* Lets a planned CPU drain by its alarm. */
static void drain_later(void)
{
    sched_alarm(arch_time_now() + time_from_ms(PLAN_MS));
}

/* Sees to it that the output goes on, if there is more. console_lock is held. */
static void go_on_later(bool has_more)
{
    arch_console_notify_room(has_more && !is_planned());
    if (has_more && is_planned()) {
        drain_later();
    }
}

/*
 * Drains if something is wanted and nobody else is at it. Who finds the lock taken leaves its bytes
 * to the holder, who looks again after unlocking. The last of its passes leaves the port's
 * interrupt on, to go on from there, so that no CPU is kept here by the output of the others. A
 * planned CPU goes on by its alarm instead: so the output costs a window no more than 2 *
 * PLAN_BYTES in each PLAN_MS, however fast the port is.
 */
static void drain(bool may_tell)
{
    for (uint32_t passes_left = 2; passes_left > 0; passes_left--) {
        uint32_t budget = is_planned() ? PLAN_BYTES : PASS_BYTES;
        bool is_done;

        /* Between our bytes and the look at the lock; pairs with the one after unlocking. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&is_wanted, __ATOMIC_RELAXED) || !spin_trylock(&console_lock)) {
            return;
        }
        (void)__atomic_exchange_n(&is_wanted, 0, __ATOMIC_ACQUIRE);
        is_done = pass(&budget);
        if (is_ready) {
            bool must_tell = !may_tell && __atomic_load_n(&has_changed, __ATOMIC_RELAXED);

            go_on_later(!is_done || must_tell || passes_left == 1);
        }
        spin_unlock(&console_lock);
        if (may_tell) {
            tell_guests();
        }
        if (!is_done) {
            return;
        }
    }
}

void console_drain(void)
{
    drain(true);
}

void console_drain_locked(void)
{
    if (is_planned()) { /* messages come in the middle of other work */
        drain_later();
    } else {
        drain(false);
    }
}

void console_flush(void)
{
    /* Guests may still write: what is here now is at most a ring for each console. */
    uint32_t budget = console_count * CONSOLE_TX_SIZE;

    spin_lock(&console_lock);
    is_flushing = true;
    while (!pass(&budget) && budget > 0) {
        arch_cpu_relax();
    }
    terminal_break_line();
    while (is_ready && !(terminal_send() && arch_console_is_sent())) {
        arch_cpu_relax();
    }
    is_flushing = false;
    spin_unlock(&console_lock);
}

/* ---- Input ---- */

/* Puts a byte into a ring of input, or drops it, as a UART would, when nobody reads. */
static void give(struct console *console, uint8_t byte)
{
    uint32_t head;

    if (console == NULL) {
        return;
    }
    head = console->rx_head;
    if (head - __atomic_load_n(&console->rx_tail, __ATOMIC_ACQUIRE) < CONSOLE_RX_SIZE) {
        console->rx[head % CONSOLE_RX_SIZE] = byte;
        __atomic_store_n(&console->rx_head, head + 1, __ATOMIC_RELEASE);
        if (console->vm != NULL) {
            mark_changed(console);
        }
    }
}

/* Takes what the port received, into the hypervisor's own ring. */
static void take_input(void)
{
    for (uint32_t i = 0; i < PASS_INPUT; i++) {
        int byte = arch_console_get();

        if (byte < 0) {
            break;
        }
        give(&consoles[0], (uint8_t)byte);
    }
}

/* Hands on what waits there, to the prompt or the VM in focus. What follows
 * a command waits until that is done. */
static void hand_on(void)
{
    for (uint32_t i = 0; i < PASS_INPUT && operator_state() < OPERATOR_ENTERED; i++) {
        int byte = console_get(&consoles[0]);

        if (byte < 0) {
            break;
        }
        if (!operator_take((uint8_t)byte)) {
            give(console_focus(), (uint8_t)byte);
        }
    }
}

/* Sends and hands on; then the operator's command has its turn, and another one later. No lock
 * held. */
HV_COLD static void attend(bool has_input)
{
    if (has_input || console_has_input(&consoles[0])) {
        spin_lock(&console_lock);
        if (has_input) {
            take_input();
        }
        hand_on();
        spin_unlock(&console_lock);
    }
    __atomic_store_n(&is_wanted, 1, __ATOMIC_RELEASE); /* the port may have room again */
    drain(true);
    tell_guests();
    if (operator_run() || console_has_input(&consoles[0])) {
        sched_alarm(arch_time_now() + time_from_ms(TURN_MS));
    }
}

void console_interrupt(void)
{
    attend(true);
}

void console_timer(void)
{
    attend(false);
}

struct console *console_focus(void)
{
    return __atomic_load_n(&focus, __ATOMIC_RELAXED);
}

void console_set_focus(struct console *console)
{
    __atomic_store_n(&focus, console, __ATOMIC_RELAXED);
    __atomic_store_n(&is_wanted, 1, __ATOMIC_RELEASE);
}

void console_init(void)
{
    spin_lock(&console_lock);
    arch_console_init();
    is_ready = true;
    spin_unlock(&console_lock);
    console_set_focus(console_count > 1 ? &consoles[1] : NULL);
    drain(true);
}
