/*
 * The listening socket: its file, its mode, and accepting.  What comes in is
 * the business of link.c.
 */

#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "link.h"

#define BACKLOG 128


static void
on_connection(uv_stream_t *listener, int status)
{
    if (status < 0) {
        sc_log(SC_LOG_ERROR, "listen: %s", uv_strerror(status));
        return;
    }

    sc_link_accept(listener->data);
}


/* Makes way for our socket.  0, or -1 with errno set: EADDRINUSE when
 * somebody answers there, EEXIST when it is no socket. */
static int
clear_path(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat        st;
    int                fd, rc, error;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? 0 : -1;
    }

    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }

    memcpy(addr.sun_path, path, strlen(path) + 1);
    rc = connect(fd, (struct sockaddr *) &addr, sizeof(addr));
    error = errno;
    (void) close(fd);

    if (rc == 0 || error == EAGAIN) {
        errno = EADDRINUSE;
        return -1;
    }

    if (error != ECONNREFUSED) {
        errno = error;
        return -1;
    }

    return unlink(path);
}


int
sc_listen(struct sc_service *service, char *why, size_t why_size)
{
    const char *path = service->config->listen;
    int         rc = clear_path(path) == 0 ? 0 : uv_translate_sys_error(errno);

    uv_pipe_init(&service->loop, &service->listener, 0);
    service->listener.data = service;

    if (rc == 0) {
        rc = uv_pipe_bind(&service->listener, path);
    }

    /* Nobody can connect before uv_listen(), so the mode is never too wide. */
    if (rc == 0 && chmod(path, service->config->mode) != 0) {
        rc = uv_translate_sys_error(errno);
    }

    if (rc == 0) {
        rc = uv_listen((uv_stream_t *) &service->listener, BACKLOG,
                       on_connection);
    }

    if (rc == 0) {
        return 0;
    }

    snprintf(why, why_size, "listen on %s: %s", path,
             rc == UV_EADDRINUSE ? "another process answers there"
             : rc == UV_EEXIST ? "there is a file that is no socket"
             : uv_strerror(rc));
    sc_listen_stop(service);

    return -1;
}


/* libuv removes the file of a socket that it has bound. */
void
sc_listen_stop(struct sc_service *service)
{
    if (!uv_is_closing((uv_handle_t *) &service->listener)) {
        uv_close((uv_handle_t *) &service->listener, NULL);
    }
}
