/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own messages: one line each, marked `[hv]`, with a level.
 *
 * A message is formatted on the caller's stack, put into the hypervisor's console ring under
 * log_lock (a leaf), and drained. When the ring is full the message is dropped and counted; the
 * next one that fits says how many were lost.
 */
#pragma once

#include <hv/types.h>

enum log_level {
    LOG_ERROR, /* something failed: a guest crashed, firmware refused */
    LOG_WARN,
    LOG_INFO, /* the life of VMs */
    LOG_DEBUG,
};

/* Longest message, in bytes; longer ones are cut. */
#define LOG_LINE_SIZE 240u

/* With that much room in the hypervisor's ring the next message is not lost: one of full length,
 * and a notice about lost ones before it. */
#define LOG_ROOM        (LOG_NOTICE_SIZE + LOG_LINE_SIZE)
#define LOG_NOTICE_SIZE 40u

/* Writes one message, without newline at its end, if the system's log level asks for it. Any CPU,
 * any context, any lock held. Conversions: see hv/format.h. */
HV_COLD void log_write(enum log_level level, const char *format, ...) HV_PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Writes one line without level, at every log level: the last words of a run (`end: 0`). */
HV_COLD void log_always(const char *format, ...) HV_PRINTF(1, 2);
