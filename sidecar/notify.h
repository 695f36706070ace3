/*
 * A word to the service manager that started us, where there is one: what
 * systemd calls sd_notify().
 */

#ifndef SEALCHAT_NOTIFY_H
#define SEALCHAT_NOTIFY_H

/* Sends a state such as "READY=1".  What fails is of no concern to us. */
void sc_notify(const char *state);

#endif
