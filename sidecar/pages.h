/*
 * Pages: requests that read much of the store and change nothing: HISTORY,
 * SESSIONS, ROSTER_GET, VAULT_GET and SPARE_GET.  The answers are read and
 * encoded in the thread pool, one at a time for each stream, in the order of
 * the requests.
 */

#ifndef SEALCHAT_PAGES_H
#define SEALCHAT_PAGES_H

#include "stream.h"

/* Begins the next answer, if the stream and its link have room for it. */
void sc_pages_go_on(struct sc_stream *stream);

/* Forgets what was asked and has not begun. */
void sc_pages_cancel(struct sc_stream *stream);

#endif
