/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: POSIX ucontext, with the annotations that the address sanitizer needs to follow a
 * thread from stack to stack (sanitizer/common_interface_defs.h).
 */
#define _GNU_SOURCE
#include "context.h"
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_SIZE (128u * 1024u)

struct fake_context {
    ucontext_t registers;
    void *stack;
    size_t size;
    void *fake_stack; /* the sanitizer's */
    void (*entry)(void *);
    void *argument;
};

static struct fake_context driver; /* the test itself */
static struct fake_context *executing = &driver;

struct fake_context *fake_context_driver(void)
{
    if (driver.stack == NULL) {
        pthread_attr_t attributes;

        pthread_getattr_np(pthread_self(), &attributes);
        pthread_attr_getstack(&attributes, &driver.stack, &driver.size);
        pthread_attr_destroy(&attributes);
    }
    return &driver;
}

struct fake_context *fake_context_executing(void)
{
    return executing;
}

static void enter(void)
{
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    executing->entry(executing->argument);
    abort();
}

struct fake_context *fake_context_new(void (*entry)(void *), void *argument)
{
    struct fake_context *context = calloc(1, sizeof *context);

    context->stack = calloc(1, STACK_SIZE);
    context->size = STACK_SIZE;
    context->entry = entry;
    context->argument = argument;
    getcontext(&context->registers);
    context->registers.uc_stack.ss_sp = context->stack;
    context->registers.uc_stack.ss_size = STACK_SIZE;
    makecontext(&context->registers, enter, 0);
    return context;
}

void fake_context_continue(struct fake_context *to)
{
    struct fake_context *from = executing;

    executing = to;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->size);
    swapcontext(&from->registers, &to->registers);
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}
