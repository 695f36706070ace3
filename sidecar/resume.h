/*
 * Streams that come again after their link broke: handing out tickets, and
 * taking them back.
 */

#ifndef SEALCHAT_RESUME_H
#define SEALCHAT_RESUME_H

#include <sealchat/record.h>

#include "customer.h"
#include "stream.h"

/* Opens the keys and begins to renew tickets; -1 and why[]. */
int  sc_resume_start(struct sc_service *service, char *why, size_t why_size);
void sc_resume_stop(struct sc_service *service);
void sc_resume_end(struct sc_service *service);

/*
 * The stream is authenticated, or has become worth a ticket: tells nginx so,
 * behind the answers that are held.  A visitor's stream has none before its
 * session is stored.
 */
void sc_resume_give(struct sc_stream *stream);

/* A message of this session is stored: its streams get what they lack. */
void sc_resume_stored(struct sc_session_live *session);

/* OPEN came for a browser that had a stream: goes on by its ticket, or with
 * a new CHALLENGE. */
void sc_resume_open(struct sc_stream *stream, const struct sc_open *open);

#endif
