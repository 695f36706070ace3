/*
 * sd_notify() in small: one datagram to the socket that NOTIFY_SOCKET names.
 */

#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>


void
sc_notify(const char *state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    const char        *path = getenv("NOTIFY_SOCKET");
    size_t             n = path ? strlen(path) : 0;
    int                fd;

    if (n < 2 || n >= sizeof(addr.sun_path)
        || (path[0] != '/' && path[0] != '@'))
    {
        return;
    }

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }

    memcpy(addr.sun_path, path, n);
    if (path[0] == '@') {
        addr.sun_path[0] = '\0';
    }

    (void) sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                  (struct sockaddr *) &addr,
                  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
    (void) close(fd);
}
