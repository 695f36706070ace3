/*
 * Counts what a process allocates, and says it on stderr when it exits:
 *
 *     allocations PID N      calls of malloc, calloc, realloc and of the
 *                            aligned ones
 *
 * For bench/budget.sh, which subtracts a short run from a long one.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What glibc calls them by itself. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static _Atomic unsigned long allocations;

static void
count(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *
malloc(size_t n)
{
    count();
    return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
    count();
    return __libc_realloc(p, n);
}

int
posix_memalign(void **p, size_t alignment, size_t n)
{
    count();
    *p = __libc_memalign(alignment, n);
    return *p == NULL ? 12 : 0;
}

__attribute__((destructor)) static void
say(void)
{
    dprintf(STDERR_FILENO, "allocations %ld %lu\n", (long) getpid(),
            atomic_load(&allocations));
}
