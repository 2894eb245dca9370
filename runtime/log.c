/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own messages. See hv/log.h.
 *
 * log_lock is a leaf and makes the writers one producer of consoles[0]'s ring; formatting happens
 * on the caller's stack before it is taken.
 */
#include <hv/format.h>
#include <hv/log.h>
#include <hv/tables.h>

static struct spinlock log_lock;

/* Messages that found the ring full since the last one that fitted. Under log_lock. */
static uint32_t lost_count;

/* Puts a line into the ring, which has room for it. log_lock is held. */
static void put_line(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        (void)console_put(&consoles[0], (uint8_t)text[i]);
    }
    (void)console_put(&consoles[0], '\n');
}

/* Queues a message, behind a notice about the ones that were lost before; or loses it too. */
static void queue_line(const char *text, size_t length)
{
    char notice[LOG_NOTICE_SIZE];
    size_t notice_length = 0;

    spin_lock(&log_lock);
    if (lost_count > 0) {
        notice_length = format(notice, sizeof notice, "%u messages lost", lost_count);
    }
    if (notice_length + 1 + length + 1 > console_room(&consoles[0])) {
        lost_count++;
    } else {
        if (lost_count > 0) {
            put_line(notice, notice_length);
            lost_count = 0;
        }
        put_line(text, length);
    }
    spin_unlock(&log_lock);
    console_drain_locked();
}

void log_write(enum log_level level, const char *format_text, ...)
{
    static const char *const names[] = { "error: ", "warn: ", "info: ", "debug: " };
    char text[LOG_LINE_SIZE];
    size_t length;
    va_list arguments;

    if (level > system_log_level) {
        return;
    }
    length = format(text, sizeof text, "%s", names[level]);
    va_start(arguments, format_text);
    length += format_va(text + length, sizeof text - length, format_text, arguments);
    va_end(arguments);
    queue_line(text, length);
}

void log_always(const char *format_text, ...)
{
    char text[LOG_LINE_SIZE];
    size_t length;
    va_list arguments;

    va_start(arguments, format_text);
    length = format_va(text, sizeof text, format_text, arguments);
    va_end(arguments);
    queue_line(text, length);
}
