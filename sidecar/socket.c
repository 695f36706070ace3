/*
 * Unix sockets: making one, taking one over, asking who is there.  It knows
 * nothing of what is said on them.
 */

#define _GNU_SOURCE  /* ucred, accept4 */

#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG          128

/* The first descriptor that a service manager hands over (sd_listen_fds). */
#define ACTIVATED_FIRST  3
#define ACTIVATED_MAX    16


static int
address_of(struct sockaddr_un *addr, const char *path)
{
    *addr = (struct sockaddr_un) { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(addr->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    memcpy(addr->sun_path, path, strlen(path) + 1);

    return 0;
}


static int
connect_to(const char *path, int flags)
{
    struct sockaddr_un addr;
    int                fd, error;

    if (address_of(&addr, path) != 0) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) {
        return -1;
    }

    if (connect(fd, (struct sockaddr *) &addr, sizeof(addr)) != 0) {
        error = errno;
        (void) close(fd);
        errno = error;
        return -1;
    }

    return fd;
}


int
sc_socket_connect(const char *path)
{
    return connect_to(path, 0);
}


int
sc_socket_peer(int fd, struct sc_socket_peer *peer)
{
    struct ucred cred;
    socklen_t    n = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0) {
        return -1;
    }

    peer->uid = cred.uid;
    peer->pid = cred.pid;

    return 0;
}


/* --- handed over --------------------------------------------------------- */

static int
number_in(const char *name)
{
    const char *text = getenv(name);
    char       *end;
    long        n;

    if (text == NULL || *text == '\0') {
        return 0;
    }

    n = strtol(text, &end, 10);

    return *end == '\0' && n > 0 && n <= 1 << 30 ? (int) n : 0;
}


static int
listens_at(int fd, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNSPEC };
    socklen_t          n = sizeof(addr);
    int                listening = 0;
    socklen_t          listening_n = sizeof(listening);

    return getsockname(fd, (struct sockaddr *) &addr, &n) == 0
           && addr.sun_family == AF_UNIX
           && n > offsetof(struct sockaddr_un, sun_path)
           && strncmp(addr.sun_path, path, sizeof(addr.sun_path)) == 0
           && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening,
                         &listening_n) == 0
           && listening;
}


/* The descriptor of that path among those handed over, or -1. */
static int
activated(const char *path)
{
    int n = number_in("LISTEN_FDS");

    if (number_in("LISTEN_PID") != getpid() || n > ACTIVATED_MAX) {
        return -1;
    }

    for (int fd = ACTIVATED_FIRST; fd < ACTIVATED_FIRST + n; fd++) {
        if (listens_at(fd, path) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
            return fd;
        }
    }

    return -1;
}


/* --- made here ----------------------------------------------------------- */

/* Makes way for our socket.  0, or -1 with errno set: EADDRINUSE when
 * somebody answers there, EEXIST when it is no socket. */
static int
clear_path(const char *path)
{
    struct stat st;
    int         fd;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? 0 : -1;
    }

    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return -1;
    }

    /* EAGAIN: somebody is there who does not keep up. */
    fd = connect_to(path, SOCK_NONBLOCK);
    if (fd >= 0 || errno == EAGAIN) {
        if (fd >= 0) {
            (void) close(fd);
        }
        errno = EADDRINUSE;
        return -1;
    }

    return errno == ECONNREFUSED ? unlink(path) : -1;
}


/* Nobody can connect before listen(), so the mode is never too wide. */
static int
make(const char *path, unsigned mode, gid_t group)
{
    struct sockaddr_un addr;
    int                fd, error;

    if (address_of(&addr, path) != 0 || clear_path(path) != 0) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }

    if (bind(fd, (struct sockaddr *) &addr, sizeof(addr)) == 0
        && chmod(path, mode) == 0
        && (group == (gid_t) -1 || chown(path, (uid_t) -1, group) == 0)
        && listen(fd, BACKLOG) == 0)
    {
        return fd;
    }

    error = errno;
    (void) close(fd);
    errno = error;

    return -1;
}


int
sc_socket_listen(struct sc_socket *listener, const char *path,
                 unsigned mode, gid_t group, char *why, size_t why_size)
{
    listener->path = path;
    listener->ours = 0;
    listener->fd = activated(path);

    if (listener->fd < 0) {
        listener->fd = make(path, mode, group);
        listener->ours = listener->fd >= 0;
    }

    if (listener->fd >= 0) {
        return 0;
    }

    snprintf(why, why_size, "listen on %s: %s", path,
             errno == EADDRINUSE ? "another process answers there"
             : errno == EEXIST ? "there is a file that is no socket"
             : strerror(errno));

    return -1;
}


void
sc_socket_close(struct sc_socket *listener)
{
    if (listener->fd >= 0) {
        (void) close(listener->fd);
        listener->fd = -1;
    }

    if (listener->ours) {
        (void) unlink(listener->path);
        listener->ours = 0;
    }
}
