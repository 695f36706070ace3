/*
 * The listening socket of the links, and accepting.  What comes in is the
 * business of link.c.
 */

#define _GNU_SOURCE              /* accept4() */

#include "listen.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"
#include "socket.h"

/* Connections taken in one turn of the loop. */
#define TURN      16

/* How long to leave those waiting that cannot be taken, ms. */
#define RETRY_MS  500u


static void
on_retry(uv_timer_t *retry);


/* libuv's own accepting closes what finds no descriptor, without a word; here
 * it waits in the backlog until there is one. */
static void
put_off(struct sc_service *service, int error)
{
    service->metrics.accepts_failed++;
    sc_log(SC_LOG_ERROR, "could not accept a link: %s; trying again",
           strerror(error));

    uv_poll_stop(&service->listener);
    uv_timer_start(&service->relisten, on_retry, RETRY_MS, 0);
}


static void
on_connection(uv_poll_t *listener, int status, int events)
{
    struct sc_service *service = listener->data;
    int                fd;

    (void) events;

    if (status < 0) {
        put_off(service, -status);
        return;
    }

    for (int i = 0; i < TURN; i++) {
        fd = accept4(service->listening.fd, NULL, NULL,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            sc_link_accept(service, fd);
            continue;
        }

        /* Whoever waited may have gone again. */
        if (errno == EINTR || errno == ECONNABORTED) {
            continue;
        }

        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            put_off(service, errno);
        }
        return;
    }
}


static void
on_retry(uv_timer_t *retry)
{
    struct sc_service *service = retry->data;

    uv_poll_start(&service->listener, UV_READABLE, on_connection);
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

    uv_timer_init(&service->loop, &service->relisten);
    service->relisten.data = service;
    service->listening.fd = -1;

    if (sc_peers_find(&service->peers, config->peers, why, why_size) != 0
        || find_group(config, &group, why, why_size) != 0
        || sc_socket_listen(&service->listening, config->listen,
                            config->mode, group, why, why_size) != 0)
    {
        sc_listen_stop(service);
        return -1;
    }

    /* This makes the descriptor a non-blocking one. */
    rc = uv_poll_init(&service->loop, &service->listener,
                      service->listening.fd);
    if (rc == 0) {
        service->listener.data = service;
        rc = uv_poll_start(&service->listener, UV_READABLE, on_connection);
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
    if (service->listener.data) {
        uv_close((uv_handle_t *) &service->listener, NULL);
        service->listener.data = NULL;
    }

    if (!uv_is_closing((uv_handle_t *) &service->relisten)) {
        uv_close((uv_handle_t *) &service->relisten, NULL);
    }

    sc_socket_close(&service->listening);
}
