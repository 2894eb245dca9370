/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port of which the test sees all: hv/arch/console.h.
 */
#include <arch/fake.h>
#include <hv/arch/console.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE 16384u

uint8_t fake_output[FAKE_PORT_SIZE];
uint32_t fake_output_count;
uint32_t fake_port_room = UINT32_MAX;
bool fake_notifies_room;

static uint8_t input[INPUT_SIZE];
static uint32_t input_head, input_tail;

void fake_type(const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        input[input_head++ % INPUT_SIZE] = (uint8_t)*bytes;
    }
}

bool fake_port_has_interrupt(void)
{
    return input_head != input_tail || (fake_notifies_room && fake_port_room > 0);
}

void arch_console_init(void)
{
}

bool arch_console_put(uint8_t byte)
{
    if (fake_port_room == 0 || fake_output_count == FAKE_PORT_SIZE) {
        return false;
    }
    if (fake_port_room != UINT32_MAX) {
        fake_port_room--;
    }
    fake_output[fake_output_count++] = byte;
    return true;
}

bool arch_console_is_sent(void)
{
    return true;
}

int arch_console_get(void)
{
    return input_head == input_tail ? -1 : input[input_tail++ % INPUT_SIZE];
}

void arch_console_notify_room(bool on)
{
    fake_notifies_room = on;
}

/* Only a panic says anything here, and no test wants one. */
void arch_console_panic_put(uint8_t byte)
{
    fputc(byte, stderr);
    if (byte == '\n') {
        static unsigned lines;

        lines++;
        if (lines == 2) { /* "\r\n[hv] panic: ...\r\n" */
            abort();
        }
    }
}
