/*
 * What can be asked on the admin socket.
 *
 *     X(verb, function, "names of its arguments, parted by spaces")
 *
 * A function looks at the request of its exchange, whose names are among
 * those listed, and says lines up to the last.
 */

#ifndef SEALCHAT_ADMIN_COMMANDS_H
#define SEALCHAT_ADMIN_COMMANDS_H

#include "exchange.h"

#define SC_ADMIN_COMMANDS(X)                                                  \
    X("status",  status,  "")                                                 \
    X("metrics", metrics, "")                                                 \
    X("backup",  backup,  "max-growth max-seconds")

#define SC_ADMIN_PROTO(verb, function, names) \
    void sc_admin_##function(struct sc_admin_exchange *exchange);
SC_ADMIN_COMMANDS(SC_ADMIN_PROTO)
#undef SC_ADMIN_PROTO

#endif
