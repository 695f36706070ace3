/*
 * The admin socket: what an operator asks and tells of the running daemon.
 */

#ifndef SEALCHAT_ADMIN_H
#define SEALCHAT_ADMIN_H

#include <stddef.h>

#include "service.h"

/* Listens, on the loop of the service.  0, or -1 and a sentence in why[]. */
int sc_admin_start(struct sc_service *service, char *why, size_t why_size);

/*
 * Takes no more requests and ends those under way: from here on they get
 * nothing from the loop.  They may still wait for operations that were
 * submitted, so the commit thread is stopped in between; sc_admin_end() waits
 * for the last of them, which must have gone before the store is closed.  A
 * reader who does not take its answer is waited for no longer than a second.
 */
void sc_admin_stop(struct sc_service *service);
void sc_admin_end(struct sc_service *service);

#endif
