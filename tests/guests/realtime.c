/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real-time guest that watches whether its plan is kept. It never gives its CPU up, so that every
 * jump of the counter is a time without CPU: a long one is the time between two of its windows, a
 * short one is the hypervisor at work inside its window. At the begin of each window it asks the
 * hypervisor where in the frame it is, and from that instant on its own counter tells. Words of the
 * command line; times in microseconds unless they say otherwise:
 *
 *     window=S-E,.. its windows in the frame, from S to E
 *     frame=N       length of the frame
 *     frames=N      ends after so many (default 0: never), and reports after each thousand
 *     bound-ns=N    how far begin and end of a window may be from the plan (default 0: not checked)
 *     gap=N         a longer time without CPU is no exit, but another's window (default 200)
 *     plan=N        the number of the plan that is watched (default 0)
 *     spare=1       it may run outside of its window, too: only what it is due is checked
 */
#include "guest.h"
#include <ashlar.h>

#define NS_PER_US 1000u
#define NS_PER_S  1000000000u

struct extremes {
    int64_t least, most;
};

#define WINDOWS 8

static struct {
    uint64_t start, end; /* ns */
} windows[WINDOWS];
static uint64_t window_count, frame; /* ns */
static uint64_t seen;                /* windows */
static struct extremes starts = { INT64_MAX, INT64_MIN }, ends = { INT64_MAX, INT64_MIN };
static uint64_t longest_inside; /* ticks without CPU within a window */

/* Of less than some minutes. */
static uint64_t ns(uint64_t ticks)
{
    return ticks * (NS_PER_S / 1000u) / (time_hz() / 1000u);
}

static void note(struct extremes *extremes, int64_t value)
{
    extremes->least = value < extremes->least ? value : extremes->least;
    extremes->most = value > extremes->most ? value : extremes->most;
}

#define QUESTIONS 4 /* of which the quickest counts: nothing came in the middle of it */

/* Where in the frame the counter was `at`, in ns, asked now; the answer is off by half of what the
 * quickest call takes at most. */
static uint64_t place_of(uint64_t at)
{
    uint64_t least = UINT64_MAX, place = 0;

    for (uint32_t i = 0; i < QUESTIONS; i++) {
        uint64_t value[4];
        uint64_t before = time_ticks();
        int64_t error = ashlar_call(ASHLAR_PLAN, 0, 0, 0, value);
        uint64_t took = time_ticks() - before;

        if (error != ASHLAR_OK || value[0] != cmdline_number("plan", 0)) {
            report(false, "the plan: error %ld, plan %lu", error, value[0]);
            report_end();
        }
        if (took < least) {
            least = took;
            place = value[1] + frame - ns(before + took / 2 - at);
        }
    }
    return place;
}

/* How much later than planned a place is, in a frame that repeats itself. */
static int64_t lateness(uint64_t place, uint64_t planned)
{
    uint64_t late = (place + frame - planned) % frame;

    return late < frame / 2 ? (int64_t)late : (int64_t)late - (int64_t)frame;
}

/* The window that begins nearest to a place. */
static uint64_t nearest(uint64_t place)
{
    uint64_t best = 0;
    int64_t least = INT64_MAX;

    for (uint64_t i = 0; i < window_count; i++) {
        int64_t late = lateness(place, windows[i].start);

        late = late < 0 ? -late : late;
        if (late < least) {
            least = late;
            best = i;
        }
    }
    return best;
}

static void read_windows(void)
{
    const char *text = cmdline_value("window");

    while (text != NULL && window_count < WINDOWS) {
        windows[window_count].start = parse_number(&text) * NS_PER_US;
        text += *text == '-' ? 1 : 0;
        windows[window_count].end = parse_number(&text) * NS_PER_US;
        window_count++;
        text = *text == ',' ? text + 1 : NULL;
    }
}

static void show(void)
{
    print(
        "%lu windows: begins %ld to %ld ns late, ends %ld to %ld ns late, %lu ns held up inside\n",
        seen, starts.least, starts.most, ends.least, ends.most, ns(longest_inside));
}

/* Spins until the CPU is taken away for longer than `gap` ticks. Returns when it came back; *left
 * is when it went. */
static uint64_t run_window(uint64_t gap, uint64_t *left)
{
    uint64_t last = time_ticks();

    for (;;) {
        uint64_t now = time_ticks();

        if (now - last > gap) {
            *left = last;
            return now;
        }
        if (now - last > longest_inside) {
            longest_inside = now - last;
        }
        last = now;
    }
}

static void check(int64_t bound, bool may_run_more)
{
    int64_t early = may_run_more ? -(int64_t)frame : -bound;
    int64_t longer = may_run_more ? (int64_t)frame : bound;

    report(starts.least >= early && starts.most <= bound, "windows begin within %ld ns", bound);
    report(ends.least >= -bound && ends.most <= longer, "windows end within %ld ns", bound);
    report(ns(longest_inside) <= (uint64_t)bound, "held up inside for %ld ns at most", bound);
}

/* Watches one window that began at `begun`. Returns when the next one began. */
static uint64_t watch(uint64_t begun, uint64_t gap)
{
    uint64_t place = place_of(begun);
    uint64_t window = nearest(place);
    uint64_t left;
    uint64_t next = run_window(gap, &left);

    note(&starts, lateness(place, windows[window].start));
    note(&ends, lateness(place + ns(left - begun), windows[window].end));
    seen++;
    return next;
}

void guest_main(void)
{
    uint64_t wanted = cmdline_number("frames", 0);
    uint64_t frame_ticks = cmdline_number("frame", 0) * time_hz() / 1000000u;
    int64_t bound = (int64_t)cmdline_number("bound-ns", 0);
    uint64_t gap = cmdline_number("gap", 200) * time_hz() / 1000000u;
    uint64_t begun, first, left;

    report_begin("realtime");
    interrupts_mask(true);
    read_windows();
    frame = cmdline_number("frame", 0) * NS_PER_US;
    if (frame == 0 || window_count == 0) {
        report(false, "it is not told its windows and frame");
        return;
    }
    first = begun = run_window(gap, &left); /* the rest of the window in which it was started */
    longest_inside = 0;                     /* what it printed is shown in there */
    while (wanted == 0 || seen < wanted * window_count) {
        begun = watch(begun, gap);
        if (seen % (1000 * window_count) == 0) {
            show();
        }
    }
    /* No window is left out, and what is late does not add up. */
    report_equal(((begun - first) * 1000u + wanted * frame_ticks / 2) / (wanted * frame_ticks),
                 1000, "frames in a thousand");
    if (bound > 0) {
        check(bound, cmdline_is("spare", "1"));
    }
}
