/*
 * Preloaded into sealchatd: keeps, outside of the process, what the store's
 * file held before each write that no sync has followed yet.  With that, the
 * test takes away what a power cut would have taken.  A write through a
 * descriptor that syncs by itself counts as synced.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "undo.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int             undo_fd = -1;

static void *
real(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    if (p == NULL) {
        abort();
    }
    return p;
}

/* Whether it is the store's file, whose undo file is then open. */
static int
is_store(int fd)
{
    char    link[64], path[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 8);
    if (n < 10 || memcmp(path + n - 10, "/store.mdb", 10) != 0) {
        return 0;
    }

    if (undo_fd < 0) {
        memcpy(path + n, ".undo", 6);
        undo_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (undo_fd < 0) {
            abort();
        }
    }

    return 1;
}

static void
append(const struct undo *undo, const void *bytes)
{
    static ssize_t (*real_writev)(int, const struct iovec *, int);
    struct iovec   parts[2] = {
        { (void *) (uintptr_t) undo, sizeof(*undo) },
        { (void *) (uintptr_t) bytes, undo->n }
    };

    if (real_writev == NULL) {
        *(void **) &real_writev = real("writev");
    }
    if (real_writev(undo_fd, parts, 2)
        != (ssize_t) (sizeof(*undo) + undo->n))
    {
        abort();
    }
}

static void
before_write(int fd, const void *bytes, size_t n, off_t at)
{
    struct undo undo = { (uint64_t) at, n, 0, 0 };
    struct stat st;
    uint8_t    *old;

    pthread_mutex_lock(&lock);
    undo.synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    if (fstat(fd, &st) != 0 || (old = calloc(1, n)) == NULL) {
        abort();
    }
    undo.size = (uint64_t) st.st_size;

    if (undo.synced) {
        append(&undo, bytes);
    } else {
        /* Behind the end there is nothing, or less than n. */
        if (pread(fd, old, n, at) < 0 && errno != EBADF) {
            abort();
        }
        append(&undo, old);
    }

    free(old);
    pthread_mutex_unlock(&lock);
}

static int
synced(int fd, int rc)
{
    if (rc == 0 && is_store(fd)) {
        pthread_mutex_lock(&lock);
        if (ftruncate(undo_fd, 0) != 0) {
            abort();
        }
        pthread_mutex_unlock(&lock);
    }

    return rc;
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

    if (real_pwrite == NULL) {
        *(void **) &real_pwrite = real("pwrite");
    }
    if (is_store(fd)) {
        before_write(fd, bytes, n, at);
    }
    return real_pwrite(fd, bytes, n, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int n)
{
    static ssize_t (*real_writev)(int, const struct iovec *, int);

    if (real_writev == NULL) {
        *(void **) &real_writev = real("writev");
    }
    if (is_store(fd)) {
        off_t at = lseek(fd, 0, SEEK_CUR);

        for (int i = 0; i < n; i++) {
            before_write(fd, parts[i].iov_base, parts[i].iov_len, at);
            at += (off_t) parts[i].iov_len;
        }
    }
    return real_writev(fd, parts, n);
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    static ssize_t (*real_write)(int, const void *, size_t);

    if (real_write == NULL) {
        *(void **) &real_write = real("write");
    }
    if (is_store(fd)) {
        before_write(fd, bytes, n, lseek(fd, 0, SEEK_CUR));
    }
    return real_write(fd, bytes, n);
}

int
fdatasync(int fd)
{
    static int (*real_fdatasync)(int);

    if (real_fdatasync == NULL) {
        *(void **) &real_fdatasync = real("fdatasync");
    }
    return synced(fd, real_fdatasync(fd));
}

int
fsync(int fd)
{
    static int (*real_fsync)(int);

    if (real_fsync == NULL) {
        *(void **) &real_fsync = real("fsync");
    }
    return synced(fd, real_fsync(fd));
}
