/*
 * The listening socket of the links, and accepting.  What comes in is the
 * business of link.c.
 */

#include "listen.h"

#include <stdio.h>

#include "link.h"
#include "socket.h"

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


int
sc_listen(struct sc_service *service, char *why, size_t why_size)
{
    const struct sc_config *config = service->config;
    int                     rc;

    uv_pipe_init(&service->loop, &service->listener, 0);
    service->listener.data = service;

    if (sc_socket_listen(&service->listening, config->listen, config->mode,
                         (gid_t) -1, why, why_size) != 0)
    {
        sc_listen_stop(service);
        return -1;
    }

    rc = uv_pipe_open(&service->listener, service->listening.fd);
    if (rc == 0) {
        service->listening.fd = -1;    /* libuv closes it */
        rc = uv_listen((uv_stream_t *) &service->listener, BACKLOG,
                       on_connection);
    }

    if (rc == 0) {
        return 0;
    }

    snprintf(why, why_size, "listen on %s: %s", config->listen,
             uv_strerror(rc));
    sc_listen_stop(service);

    return -1;
}


void
sc_listen_stop(struct sc_service *service)
{
    if (!uv_is_closing((uv_handle_t *) &service->listener)) {
        uv_close((uv_handle_t *) &service->listener, NULL);
    }

    sc_socket_close(&service->listening);
}
