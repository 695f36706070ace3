/*
 * The filter of system calls: what libc calls on our behalf is left, and what
 * nobody here needs is not.  Each step runs in a process of its own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "privilege.h"

#define MANY  4096u


/* How a process ends that is confined and does that: as wait() says it. */
static int
end_of(int kill, void (*fn)(void))
{
    char  why[256];
    int   status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (sc_privilege_confine(kill, why, sizeof(why)) != 0) {
            _exit(100);
        }
        fn();
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);

    return status;
}


static void
assert_lives(int kill, void (*fn)(void))
{
    int status = end_of(kill, fn);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}


static void
assert_dies(void (*fn)(void))
{
    int status = end_of(1, fn);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}


static int
by_address(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(void *));
}


/* As cursors and checkpoints sort. */
static void
sort_many(void)
{
    void   **p = calloc(MANY, sizeof(*p));
    size_t   i;

    if (p == NULL) {
        _exit(101);
    }

    for (i = 0; i < MANY; i++) {
        p[i] = (void *) (uintptr_t) (i * 7919 % MANY);
    }

    qsort(p, MANY, sizeof(*p), by_address);
    free(p);
}


static void
thread_main(void *arg)
{
    void *p = malloc(1u << 20);

    (void) arg;
    free(p);
}


static void
start_thread(void)
{
    uv_thread_t thread;

    if (uv_thread_create(&thread, thread_main, NULL) != 0) {
        _exit(101);
    }
    uv_thread_join(&thread);
}


static void
open_inet(void)
{
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
        _exit(101);
    }
}


static void
change_root(void)
{
    if (syscall(SYS_chroot, "/") == 0 || errno != EPERM) {
        _exit(101);
    }
}


/* By the calls that libc makes where there is no rename() and no unlink(). */
static void
replace_at(void)
{
    const char *none = "/nowhere/at/all";

    if (syscall(SYS_renameat2, AT_FDCWD, none, AT_FDCWD, none, 0) == 0
        || errno != ENOENT
#ifdef SYS_renameat
        || syscall(SYS_renameat, AT_FDCWD, none, AT_FDCWD, none) == 0
        || errno != ENOENT
#endif
        || syscall(SYS_unlinkat, AT_FDCWD, none, 0) == 0 || errno != ENOENT)
    {
        _exit(101);
    }
}


static void
test_libc(void **state)
{
    (void) state;

    assert_lives(1, sort_many);
    assert_lives(1, start_thread);
    assert_lives(1, replace_at);
}


static void
test_refused(void **state)
{
    (void) state;

    assert_lives(0, open_inet);
    assert_lives(0, change_root);
    assert_dies(open_inet);
    assert_dies(change_root);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libc),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
