/*
 * One request on the admin socket and its answer: lines of JSON objects, the
 * last of which has the key "end".  Everything here runs in a thread of the
 * exchange's own, and may block.
 */

#ifndef SEALCHAT_ADMIN_EXCHANGE_H
#define SEALCHAT_ADMIN_EXCHANGE_H

#include <stddef.h>

#include <jansson.h>

#include "../service.h"
#include "request.h"

struct sc_admin;

struct sc_admin_exchange {
    struct sc_admin               *admin;
    struct sc_service             *service;
    struct sc_admin_request        request;  /* as long as it is answered */
    int                            fd;       /* the connection */
    int                            passed;   /* a file that came along, -1 */
    int                            ended;    /* the last line was said */
    int                            broken;   /* nobody listens any more */
};

/* Says a line; takes over the reference.  0, or -1 when it could not be said:
 * then there is no use in going on. */
int sc_admin_say(struct sc_admin_exchange *exchange, json_t *line);

/* The last line: {"end":"ok"}, with what else line has (or NULL), or
 * {"end":"error","code":...,"message":...}. */
void sc_admin_ok(struct sc_admin_exchange *exchange, json_t *line);
void sc_admin_fail(struct sc_admin_exchange *exchange, const char *code,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an error of the store. */
void sc_admin_fail_code(struct sc_admin_exchange *exchange,
                        enum sc_error_code code);

/*
 * Calls fn on the loop's thread and waits for its return.  0, or -1 when the
 * service stops: fn was not called.
 */
int sc_admin_on_loop(struct sc_admin_exchange *exchange,
                     void (*fn)(struct sc_service *service, void *data),
                     void *data);

/*
 * Applies an operation by the commit thread and waits until it is done.  If
 * it was, then (which may be NULL) is called on the loop's thread: for what
 * was committed, in the order of commits.
 */
enum sc_error_code sc_admin_apply(struct sc_admin_exchange *exchange,
                                  struct sc_commit_op *op,
                                  void (*then)(struct sc_service *service,
                                               void *data),
                                  void *data);

/* Whether the service stops or the other end has gone: long work ends then. */
int sc_admin_gone(struct sc_admin_exchange *exchange);

/* Answers the request; in commands.c. */
void sc_admin_answer(struct sc_admin_exchange *exchange);

#endif
