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
    X("status", status, "")                                                   \
    X("metrics", metrics, "")                                                 \
    X("backup", backup, "max-growth max-seconds")                             \
    X("rotate", rotate, "")                                                   \
    X("customers", customers, "")                                             \
    X("customer", customer, "cid")                                            \
    X("disable", disable, "cid")                                              \
    X("enable", enable, "cid")                                                \
    X("delete", delete, "cid again")                                          \
    X("retention", retention, "cid days")                                     \
    X("quota", quota,                                                         \
      "cid bytes messages sessions first-bytes first-messages")               \
    X("sessions", sessions, "cid")                                            \
    X("devices", devices, "cid")                                              \
    X("invitations", invitations, "")                                         \
    X("invite", invite, "days label")                                         \
    X("revoke", revoke, "name")

#define SC_ADMIN_PROTO(verb, function, names) \
    void sc_admin_##function(struct sc_admin_exchange *exchange);
SC_ADMIN_COMMANDS(SC_ADMIN_PROTO)
#undef SC_ADMIN_PROTO

#endif
