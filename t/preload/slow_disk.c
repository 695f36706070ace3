/*
 * A disk that stops: preloaded into a process, fdatasync() waits for as long
 * as the file that SLOW_DISK names is there.  What it then does is the real
 * thing.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int
fdatasync(int fd)
{
    static int (*real)(int);
    const char  *flag = getenv("SLOW_DISK");

    while (flag && access(flag, F_OK) == 0) {
        usleep(10000);
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "fdatasync");
    }

    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }

    return real(fd);
}
