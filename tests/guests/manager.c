/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manages the VM "managed", which computes on two CPUs without ever giving them up, and has not
 * started yet: starts, pauses, resumes, restarts and stops it, and looks at what is told of it. How
 * long a call needs to reach the other CPUs is told by the CPU time that they use after it.
 */
#include "guest.h"
#include <ashlar.h>

#define SETTLE_US 2000u
#define ROUNDS    500u

static uint64_t vm; /* its number */
static uint64_t longest;

/* A call about the VM; its first value, where it gives one. */
static int64_t call(enum ashlar_call function, uint64_t a, uint64_t b, uint64_t *first)
{
    uint64_t value[4];
    int64_t error = ashlar_call(function, vm, a, b, value);

    if (first != NULL) {
        *first = value[0];
    }
    return error;
}

static uint64_t cpu_time(void)
{
    uint64_t first, second;

    (void)call(ASHLAR_TIME, 0, 0, &first);
    (void)call(ASHLAR_TIME, 1, 0, &second);
    return first + second;
}

/* Lets the other CPUs get on until the VM's CPU time does (`used`) or does not grow any more; on a
 * busy machine an emulated CPU may stand still for long. Returns whether it came to that. */
static bool settle(bool used)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t before = cpu_time();

        delay_us(SETTLE_US);
        if ((cpu_time() > before) == used) {
            return true;
        }
    }
    return false;
}

static bool is_in(enum ashlar_state expected)
{
    uint64_t state;

    return call(ASHLAR_STATE, 0, 0, &state) == ASHLAR_OK && state == expected;
}

/* Waits until the VM is in a state. Returns whether it came to that. */
static bool comes_to(enum ashlar_state expected)
{
    for (uint32_t i = 0; i < ROUNDS && !is_in(expected); i++) {
        delay_us(SETTLE_US);
    }
    return is_in(expected);
}

/* Makes a call after which the VM's CPUs are not its any more. */
static void take_away(enum ashlar_call function, enum ashlar_state expected, const char *what)
{
    uint64_t before = cpu_time();
    int64_t error = call(function, 0, 0, NULL);
    uint64_t used;

    report(settle(false), "%s: it uses no CPU time any more", what);
    used = cpu_time() - before;
    report(error == ASHLAR_OK && comes_to(expected), "%s", what);
    print("%s: %lu ns until it had left its CPUs\n", what, used);
    longest = used > longest ? used : longest;
}

/* Makes a call after which it uses CPU time. */
static void give(enum ashlar_call function, const char *what)
{
    int64_t error = call(function, 0, 0, NULL);

    report(error == ASHLAR_OK && comes_to(ASHLAR_STATE_RUNNING) && settle(true), "%s", what);
}

static void refused(enum ashlar_call function, const char *what)
{
    report_equal((uint64_t)call(function, 0, 0, NULL), (uint64_t)ASHLAR_REFUSED, "refused: %s",
                 what);
}

static uint64_t event_kind(uint64_t number)
{
    uint64_t value[4];

    if (ashlar_call(ASHLAR_EVENT, vm, number, 0, value) != ASHLAR_OK) {
        return ~0ull;
    }
    return ASHLAR_EVENT_KIND(value[1]);
}

void guest_main(void)
{
    uint64_t name = 0, value[4];

    report_begin("manager");
    memcpy(&name, "managed", 7);
    report_equal((uint64_t)ashlar_call(ASHLAR_FIND, name, 0, 0, value), ASHLAR_OK, "its number");
    vm = value[0];
    report(is_in(ASHLAR_STATE_READY), "it has not started");
    refused(ASHLAR_STOP, "a stop of what is ready");
    refused(ASHLAR_PAUSE, "a pause of what is ready");
    give(ASHLAR_START, "start");
    refused(ASHLAR_START, "a start of what runs");
    refused(ASHLAR_RESUME, "a resumption of what runs");
    take_away(ASHLAR_PAUSE, ASHLAR_STATE_PAUSED, "pause");
    refused(ASHLAR_PAUSE, "a pause of what is paused");
    refused(ASHLAR_START, "a start of what is paused");
    give(ASHLAR_RESUME, "resume");
    take_away(ASHLAR_STOP, ASHLAR_STATE_STOPPED, "stop");
    refused(ASHLAR_RESUME, "a resumption of what is stopped");
    give(ASHLAR_START, "start again");
    take_away(ASHLAR_PAUSE, ASHLAR_STATE_PAUSED, "second pause");
    give(ASHLAR_RESTART, "restart out of a pause");
    give(ASHLAR_RESTART, "restart");
    (void)ashlar_call(ASHLAR_STATE, vm, 0, 0, value);
    report_equal(value[2], 4, "boots");
    (void)ashlar_call(ASHLAR_STATE, vm + 1, 0, 0, value);
    report_equal((uint64_t)ashlar_call(ASHLAR_STATE, vm + 1, 0, 0, value), (uint64_t)ASHLAR_DENIED,
                 "another VM is none of its business");
    (void)call(ASHLAR_EVENTS, 0, 0, &value[0]);
    report_equal(value[0], 0, "events of it");
    report_equal(event_kind(0), ~0ull, "an event that was not");
    take_away(ASHLAR_STOP, ASHLAR_STATE_STOPPED, "second stop");
    print("%lu ns at most until it had left its CPUs\n", longest);
}
