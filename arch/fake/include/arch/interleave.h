/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before a source file of the runtime, this makes every atomic operation in it a point at
 * which the simulated CPU may lose its turn (fake_preempt()). Whatever the CPUs do between two
 * atomic operations is private to them or under a lock, so all interleavings that matter can be
 * forced.
 */
#pragma once

void fake_preempt(void);

#define __atomic_load_n(...)             (fake_preempt(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)            (fake_preempt(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...)         (fake_preempt(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (fake_preempt(), __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...)          (fake_preempt(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_or(...)           (fake_preempt(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...)          (fake_preempt(), __atomic_fetch_and(__VA_ARGS__))
#define __atomic_sub_fetch(...)          (fake_preempt(), __atomic_sub_fetch(__VA_ARGS__))
