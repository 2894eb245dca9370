/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls the hypervisor without a pause: each call there is and some there are not, with arguments
 * that nobody granted. It never waits and masks its interrupts. Words of the command line:
 *
 *     rounds=N  ends after so many rounds of all calls (default 0: never)
 */
#include "guest.h"
#include <ashlar.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Whether an answer is one of those that the call may give. */
static bool is_right(uint64_t function, int64_t error)
{
    switch (function) {
    case ASHLAR_VERSION:
    case ASHLAR_SELF:
    case ASHLAR_READY:
    case ASHLAR_WATCHDOG_KICK:
        return error == ASHLAR_OK;
    case ASHLAR_WATCHDOG_START:
        return error == ASHLAR_INVALID;
    case ASHLAR_WATCHDOG_STOP:
        return error == ASHLAR_OK;
    case ASHLAR_PLAN:
        return error == ASHLAR_OK || error == ASHLAR_INVALID;
    case ASHLAR_STATE:
    case ASHLAR_TIME:
    case ASHLAR_EXITS:
    case ASHLAR_EVENTS:
    case ASHLAR_EVENT: /* it may ask about itself */
        return error == ASHLAR_DENIED || error == ASHLAR_OK || error == ASHLAR_INVALID;
    default:
        return error == (function < ASHLAR_CALL_COUNT ? ASHLAR_DENIED : ASHLAR_UNKNOWN);
    }
}

void guest_main(void)
{
    uint64_t rounds = cmdline_number("rounds", 0);
    uint64_t seed = 88172645463325252u;
    uint64_t wrong = 0;

    report_begin("hammer");
    interrupts_mask(true);
    for (uint64_t round = 0; rounds == 0 || round < rounds; round++) {
        for (uint64_t function = 0; function < ASHLAR_CALL_COUNT + 2; function++) {
            uint64_t other = next_random(&seed);
            uint64_t vm = other % 8;
            int64_t error = ashlar_call((enum ashlar_call)function, vm, other >> 32, other, 0);

            if (!is_right(function, error)) {
                wrong++;
                print("call %lu of %lu: %ld\n", function, vm, error);
            }
        }
    }
    report(wrong == 0, "%lu rounds of all calls", rounds);
}
