/*
 * The Unix socket on which links come in.
 */

#ifndef SEALCHAT_LISTEN_H
#define SEALCHAT_LISTEN_H

#include "service.h"

/* Takes connections on the configured path.  A socket that a dead process
 * left there is removed, one that somebody answers is an error.  0, or -1
 * and a sentence in why[]. */
int sc_listen(struct sc_service *service, char *why, size_t why_size);

/* Whether whoever connected may be a link; who may not is logged. */
int sc_listen_admits(struct sc_service *service, const uv_pipe_t *pipe);

/* Takes no more connections and removes the socket's file. */
void sc_listen_stop(struct sc_service *service);

#endif
