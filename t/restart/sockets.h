/*
 * All the browsers of a restart test: a WebSocket for each device and visitor
 * of the world, driven by one epoll.
 */

#ifndef SEALCHAT_RESTART_SOCKETS_H
#define SEALCHAT_RESTART_SOCKETS_H

#include "../crash/world.h"

/* Connects everybody to that port of 127.0.0.1. */
void sockets_open(const char *port);
void sockets_close(void);
unsigned sockets_n(void);

/* From now on a socket that is closed with a hint comes back when that says,
 * as a client does; others count as disconnected.  Counts are from here. */
void     sockets_come_back(void);
unsigned sockets_back(void);

/* Times that one came back who had been back before. */
unsigned sockets_back_again(void);

/* Most that came back within one second of those in which they were due: how
 * late this process is does not count. */
unsigned sockets_back_peak(void);

/* Goes on until done() says so or ms have passed; whether it did. */
int  sockets_run(int (*done)(void), uint64_t ms);

/* Sockets whose stream came back so often at least; that are closed, or
 * whose stream is not known any more. */
unsigned sockets_resumed(unsigned times);
unsigned sockets_disconnected(void);

#endif
