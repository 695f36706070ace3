/*
 * Controls of the tests that every engine has to pass: run on an engine with
 * a planted mistake, they find it, by the test that is about it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX  65536u

/* The mistake, a program of tests beside this one, and the test. */
static const struct {
    const char *bug;
    const char *program;
    const char *test;
} bugs[] = {
    { "another salt", "test_store", "test_new_store" },
    { "registers twice", "test_store", "test_register_taken" },
    { "swaps without comparing", "test_store", "test_account_refused" },
    { "keeps the old password's wraps", "test_store",
      "test_account_generation" },
    { "takes a gap", "test_store", "test_append_refused" },
    { "ignores prev", "test_store", "test_append_refused" },
    { "appends a repeat", "test_store", "test_repeated" },
    { "any repeat is the same", "test_store", "test_repeated" },
    { "looks too far back", "test_store", "test_repeated" },
    { "cursors go back", "test_store", "test_cursors" },
    { "cursors beyond the head", "test_store", "test_cursors" },
    { "any hello", "test_store", "test_hello" },
    { "mixes the order", "test_store_read", "test_read" },
    { "loses one between pages", "test_store_read", "test_read_session" },
    { "forgets the last message", "test_store_read", "test_read" },
    { "the deleted come back", "test_store_delete", "test_never_comes_back" },
    { "lists the deleted", "test_store_delete", "test_delete" },
    { "gives positions out again", "test_store_delete", "test_delete" },
    { "the blocked go on", "test_store_delete", "test_block" },
    { "blocked for ever", "test_store_delete", "test_block" },
    { "the blocked delete", "test_store_spare", "test_blocked" },
    { "the blocked leave keys", "test_store_spare", "test_blocked" },
    { "spare keys swapped", "test_store_spare", "test_names" },
    { "the first spare keys stay", "test_store_spare", "test_spare" },
    { "spare keys outlive their session", "test_store_spare", "test_ends" },
    { "keeps for ever", "test_store_keep", "test_expiry" },
    { "sessions outlive their messages", "test_store_keep", "test_expiry" },
    { "believes any clock", "test_store_keep", "test_wrong_clock" },
    { "goes back with the clock", "test_store_keep", "test_wrong_clock" },
    { "has no quotas", "test_store_keep", "test_quotas" },
    { "waits for no reply", "test_store_keep", "test_reply_first" },
    { "erases another's account", "test_store_keep", "test_erase" },
    { "gives names out again", "test_store_keep", "test_erase" },
};

/* Runs it on the engine in memory; its exit status, and what it wrote. */
static int
run(const char *program, const char *bug, char output[OUTPUT_MAX])
{
    static char self[512], command[1024];

    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    size_t  got;
    FILE   *pipe;

    assert_true(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(command, sizeof(command), "%s/%s 2>&1", self, program);

    setenv("ENGINE", "memory", 1);
    setenv("ENGINE_BUG", bug, 1);
    setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    got = fread(output, 1, OUTPUT_MAX - 1, pipe);
    output[got] = '\0';
    return pclose(pipe);
}

static int
fails(const char *output, const char *test)
{
    char name[96];
    const char *at;

    snprintf(name, sizeof(name), "- %s on memory\n", test);

    for (at = output; (at = strstr(at, "not ok ")) != NULL; at++) {
        const char *dash = strchr(at, '-');

        if (dash != NULL && strncmp(dash, name, strlen(name)) == 0) {
            return 1;
        }
    }

    return 0;
}

static void
test_none(void **state)
{
    static const char *const programs[] = {
        "test_store", "test_store_read", "test_store_delete",
        "test_store_keep", "test_store_spare"
    };
    static char output[OUTPUT_MAX];

    (void) state;

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        assert_int_equal(run(programs[i], "", output), 0);
        assert_null(strstr(output, "not ok"));
        assert_non_null(strstr(output, " on memory"));
    }
}

static void
test_bugs(void **state)
{
    static char output[OUTPUT_MAX];

    int status, missed = 0;

    (void) state;

    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        status = run(bugs[i].program, bugs[i].bug, output);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 0 || !fails(output, bugs[i].test)) {
            print_message("# not found by %s: %s\n", bugs[i].test,
                          bugs[i].bug);
            missed++;
        }
    }

    assert_int_equal(missed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_bugs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
