/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts between which one thread switches. Internal to the fake architecture.
 */
#pragma once

struct fake_context;

/* The context of the test, which drives the others. */
struct fake_context *fake_context_driver(void);

struct fake_context *fake_context_executing(void);

/* A context with a stack of its own that starts in entry(argument), which must not return. */
struct fake_context *fake_context_new(void (*entry)(void *), void *argument);

/* Continues `to`; returns when somebody continues the caller. */
void fake_context_continue(struct fake_context *to);
