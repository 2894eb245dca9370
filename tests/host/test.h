/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of the host tests.
 *
 *     TEST(rings_wrap)
 *     {
 *         EXPECT_EQ(ring_get(&ring), -1);
 *     }
 *
 *     TEST_MAIN()
 *
 * Each test runs in a process of its own, so it finds every `static` of the runtime in its first
 * state, and a sanitizer's report or a crash ends that test alone. A failed expectation prints
 * file, line and both values and ends the test. Arguments of the program choose tests by name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

extern struct test *test_first;
extern struct test **test_last;

#define TEST(test_name)                                                                   \
    static void test_name(void);                                                          \
    static struct test test_entry_##test_name = { .name = #test_name, .run = test_name }; \
    __attribute__((constructor)) static void test_register_##test_name(void)              \
    {                                                                                     \
        *test_last = &test_entry_##test_name;                                             \
        test_last = &test_entry_##test_name.next;                                         \
    }                                                                                     \
    static void test_name(void)

/* Ends the test as failed, with a message as for printf(). */
#define FAIL(...)                                       \
    do {                                                \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
        fprintf(stderr, __VA_ARGS__);                   \
        fputc('\n', stderr);                            \
        exit(1);                                        \
    } while (0)

#define EXPECT(condition)                    \
    do {                                     \
        if (!(condition)) {                  \
            FAIL("expected %s", #condition); \
        }                                    \
    } while (0)

/* Both sides are integers of any type. */
#define EXPECT_EQ(left, right)                                                    \
    do {                                                                          \
        long long test_l = (long long)(left), test_r = (long long)(right);        \
        if (test_l != test_r) {                                                   \
            FAIL("%s is %lld (0x%llx), expected %lld (0x%llx)", #left, test_l,    \
                 (unsigned long long)test_l, test_r, (unsigned long long)test_r); \
        }                                                                         \
    } while (0)

#define EXPECT_STR(left, right)                                             \
    do {                                                                    \
        const char *test_l = (left), *test_r = (right);                     \
        if (strcmp(test_l, test_r) != 0) {                                  \
            FAIL("%s is\n\"%s\", expected\n\"%s\"", #left, test_l, test_r); \
        }                                                                   \
    } while (0)

/* Runs one test in a child process; returns true if it passed. */
static inline bool test_run(const struct test *test)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        test->run();
        exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("fork");
        exit(2);
    }
    printf("%s %s\n", status == 0 ? "PASS" : "FAIL", test->name);
    return status == 0;
}

static inline int test_main(int argc, char **argv)
{
    unsigned run_count = 0, failed_count = 0;

    for (const struct test *test = test_first; test != NULL; test = test->next) {
        bool chosen = argc < 2;

        for (int i = 1; i < argc; i++) {
            chosen = chosen || strcmp(argv[i], test->name) == 0;
        }
        if (chosen) {
            run_count++;
            failed_count += test_run(test) ? 0 : 1;
        }
    }
    printf("%u tests, %u failed\n", run_count, failed_count);
    return failed_count == 0 && run_count > 0 ? 0 : 1;
}

/* A small generator of random numbers (xorshift64*): the same sequence on every machine. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

#define TEST_MAIN()                        \
    struct test *test_first;               \
    struct test **test_last = &test_first; \
    int main(int argc, char **argv)        \
    {                                      \
        return test_main(argc, argv);      \
    }
