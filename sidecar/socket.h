/*
 * Unix sockets that the daemon listens on: made by itself, or handed over by
 * whoever started it, and who is at the other end.
 */

#ifndef SEALCHAT_SOCKET_H
#define SEALCHAT_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct sc_socket {
    int         fd;           /* -1: none */
    const char *path;         /* the caller's */
    int         ours;         /* we made the file, and remove it */
};

/*
 * Listens on path.  A socket that the service manager handed over for that
 * path (LISTEN_FDS) is taken as it is; otherwise one is made, of that mode,
 * and of that group unless it is (gid_t) -1.  A socket that a dead process
 * left there is removed, one that somebody answers is an error.  0, or -1 and
 * a sentence in why[].
 */
int sc_socket_listen(struct sc_socket *listener, const char *path,
                     unsigned mode, gid_t group, char *why, size_t why_size);

/* Closes the descriptor, unless it was given away (fd = -1), and removes the
 * file if it is ours. */
void sc_socket_close(struct sc_socket *listener);

/* Connects; the descriptor, or -1 with errno set. */
int sc_socket_connect(const char *path);

/* The user and process at the other end, as the kernel knows them from its
 * connect().  0, or -1 with errno set. */
struct sc_socket_peer {
    uid_t uid;
    pid_t pid;
};

int sc_socket_peer(int fd, struct sc_socket_peer *peer);

#endif
