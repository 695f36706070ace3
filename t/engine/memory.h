/*
 * An engine in memory, for tests alone: what store.h promises in as few ideas
 * as possible.  A store that is closed stays for the next one that opens its
 * path, until it is forgotten.
 *
 * ENGINE_BUG names one of the mistakes that are planted in it, by which tests
 * of engines show that they would find them.
 */

#ifndef SEALCHAT_T_MEMORY_H
#define SEALCHAT_T_MEMORY_H

#include "store.h"

extern const struct sc_engine sc_engine_memory;

/* Frees the closed store of that path, if there is one. */
void sc_memory_forget(const char *path);

#endif
