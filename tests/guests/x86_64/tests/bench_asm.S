/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest handlers, one for each CPU: they count.
 */
        .text
        .global bench_handler_0, bench_handler_1
bench_handler_0:
        incq    bench_taken
        iretq
bench_handler_1:
        incq    bench_taken + 8
        iretq

        .section .note.GNU-stack, "", @progbits
