/*
 * The listening socket of the links, and accepting.  What comes in is the
 * business of link.c.
 */

#include "listen.h"

#include <grp.h>
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
sc_listen_admits(struct sc_service *service, const uv_pipe_t *pipe)
{
    struct sc_socket_peer peer;
    uv_os_fd_t            fd;

    if (uv_fileno((const uv_handle_t *) pipe, &fd) != 0
        || sc_socket_peer(fd, &peer) != 0)
    {
        return 0;
    }

    if (sc_peers_allow(&service->peers, peer.uid)) {
        return 1;
    }

    service->metrics.links_refused++;
    sc_log(SC_LOG_WARN, "refused user %u (process %d): not among the users "
           "in peers", (unsigned) peer.uid, (int) peer.pid);

    return 0;
}


/* The group that the socket's file is to have; 0, or -1 and a sentence. */
static int
find_group(const struct sc_config *config, gid_t *group,
           char *why, size_t why_size)
{
    const struct group *entry;

    *group = (gid_t) -1;
    if (config->group == NULL) {
        return 0;
    }

    entry = getgrnam(config->group);
    if (entry == NULL) {
        snprintf(why, why_size, "group = %s: there is no such group",
                 config->group);
        return -1;
    }

    *group = entry->gr_gid;

    return 0;
}


int
sc_listen(struct sc_service *service, char *why, size_t why_size)
{
    const struct sc_config *config = service->config;
    gid_t                   group;
    int                     rc;

    uv_pipe_init(&service->loop, &service->listener, 0);
    service->listener.data = service;

    service->listening.fd = -1;

    if (sc_peers_find(&service->peers, config->peers, why, why_size) != 0
        || find_group(config, &group, why, why_size) != 0
        || sc_socket_listen(&service->listening, config->listen,
                            config->mode, group, why, why_size) != 0)
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
