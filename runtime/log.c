/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own messages. See hv/log.h.
 *
 * log_lock is a leaf and makes the writers one producer of consoles[0]'s ring; formatting happens on
 * the caller's stack before it is taken.
 */
#include <hv/format.h>
#include <hv/log.h>
#include <hv/tables.h>

static struct spinlock log_lock;

/* Messages that found the ring full since the last one that fitted. Under log_lock. */
static uint32_t lost_count;

/* Puts a line into the ring, whole; returns false if it has no room. log_lock is held. */
static bool put_line(const char *text, size_t length)
{
    struct console *console = &consoles[0];

    if (length + 1 > console_room(console)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        (void)console_put(console, (uint8_t)text[i]);
    }
    (void)console_put(console, '\n');
    return true;
}

static void queue_line(const char *text, size_t length)
{
    char notice[40];

    spin_lock(&log_lock);
    if (lost_count > 0) {
        size_t size = format(notice, sizeof notice, "%u messages lost", lost_count);

        if (put_line(notice, size)) {
            lost_count = 0;
        }
    }
    if (lost_count > 0 || !put_line(text, length)) {
        lost_count++;
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
