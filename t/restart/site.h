/*
 * What restarts and reloads are tested on: nginx, sealchatd, and everybody's
 * socket.
 */

#ifndef SEALCHAT_RESTART_SITE_H
#define SEALCHAT_RESTART_SITE_H

#include "../crash/world.h"

struct site {
    const char *module;
    const char *program;         /* sealchatd */
    const char *log_level;       /* of nginx */
    const char *location;        /* directives beside sealchat_pass */
    int         sockets;         /* at most */
};

/* sealchatd, its directory and its log. */
extern struct daemon D;

/* Starts everything, registers the world's customers, connects everybody.
 * site must last. */
void site_open(const struct site *site);

void site_start_daemon(const char *program);
void site_reload(void);

/* Whether nginx has ended well. */
int  site_stop_nginx(void);

/* How many workers there are. */
int  site_workers(void);

/* Alerts in nginx's log, which are shown; each() gets every line of it. */
unsigned site_log(void (*each)(const char *line, void *data), void *data);

#endif
