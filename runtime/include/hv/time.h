/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks of the machine's counter (hv/arch/time.h) and the units of people. Any CPU, no lock.
 *
 * Results are rounded down. They are exact as long as microseconds times the frequency fit into 64
 * bits: an hour, the longest time of a description, at up to 5 GHz.
 */
#pragma once

#include <hv/arch/time.h>

/* Ticks in so many microseconds. */
static inline uint64_t time_from_us(uint64_t microseconds)
{
    return arch_time_frequency() * microseconds / 1000000u;
}

/* Ticks in so many milliseconds. */
static inline uint64_t time_from_ms(uint64_t milliseconds)
{
    return time_from_us(milliseconds * 1000u);
}

/* Nanoseconds in so many ticks, of any number of them. */
static inline uint64_t time_to_ns(uint64_t ticks)
{
    uint64_t frequency = arch_time_frequency();

    return ticks / frequency * 1000000000u + ticks % frequency * 1000000000u / frequency;
}
