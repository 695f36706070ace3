/*
 * A network that splits everything: preloaded into a process, recv() takes one
 * byte at a time, whatever came.  Who waits for edges, as nginx does, would
 * not hear of the rest; so it is told anew.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define FDS_MAX  4096

static struct {
    int                epoll;
    struct epoll_event event;
} watched[FDS_MAX];

static void *
real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        abort();
    }

    return function;
}

int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    int (*call)(int, int, int, struct epoll_event *);

    *(void **) &call = real("epoll_ctl");

    if (fd >= 0 && fd < FDS_MAX && op != EPOLL_CTL_DEL) {
        watched[fd].epoll = epoll;
        watched[fd].event = *event;
    }

    return call(epoll, op, fd, event);
}

ssize_t
recv(int fd, void *bytes, size_t n, int flags)
{
    ssize_t (*call)(int, void *, size_t, int);
    ssize_t got;

    *(void **) &call = real("recv");
    got = call(fd, bytes, n < 1 ? n : 1, flags);

    if (got == 1 && fd < FDS_MAX && watched[fd].event.events) {
        epoll_ctl(watched[fd].epoll, EPOLL_CTL_MOD, fd, &watched[fd].event);
    }

    return got;
}
