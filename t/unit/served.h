/*
 * What most units have: a daemon of its own for each test, a link to it, and a
 * customer for those that want one.
 */

#ifndef SEALCHAT_T_SERVED_H
#define SEALCHAT_T_SERVED_H

#include "people.h"

static struct daemon D;
static struct peer   P;
static struct owner  O;

static inline int
setup(void **state)
{
    (void) state;

    daemon_make(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    return 0;
}

/* The same with a customer, whose owner is O. */
static inline int
owned(void **state)
{
    setup(state);
    owner_register(&O, &P);
    return 0;
}

static inline int
teardown(void **state)
{
    (void) state;

    peer_close(&P);
    daemon_free(&D);
    return 0;
}

#endif
