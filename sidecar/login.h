/*
 * What is known of whoever logs in, or comes again, until a stream becomes
 * his.
 */

#ifndef SEALCHAT_LOGIN_H
#define SEALCHAT_LOGIN_H

#include "customer.h"
#include "protocol/hello.h"
#include "store.h"
#include "stream.h"

struct sc_login {
    uint8_t                role;
    uint8_t                subject[32];
    struct sc_live        *customer;   /* a reference, until he is in */
    struct sc_hello        hello;      /* of a visitor */
    struct sc_session_info stored;     /* of his session; zeros if none */
};

/* A visitor of that hello, whose sid is login->subject: finds his session.
 * stream->self is his key's id from then on. */
enum sc_error_code sc_login_visitor(struct sc_stream *stream,
                                    struct sc_login *login);

/* The key of a device that the present roster lists; NULL if it does not. */
const uint8_t *sc_login_device(struct sc_stream *stream,
                               struct sc_login *login);

/* The stream is his: it joins its queue behind *cursor.  The reference to the
 * customer goes over to it. */
enum sc_error_code sc_login_become(struct sc_stream *stream,
                                   struct sc_login *login, uint64_t *cursor);

#endif
