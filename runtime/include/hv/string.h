/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory functions that a freestanding compiler may call by itself, with their standard meaning
 * (C11, 7.24).
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
