/*
 * What the daemon gives up: root's rights, and the system calls that it does
 * not need.
 */

#ifndef SEALCHAT_PRIVILEGE_H
#define SEALCHAT_PRIVILEGE_H

#include <stddef.h>

/*
 * Becomes that user with its groups, for good, if we are root; whoever is
 * that user already stays it.  0, or -1 and a sentence in why[].
 */
int sc_privilege_drop(const char *user, char *why, size_t why_size);

/*
 * From here on any system call that a running daemon does not need fails, in
 * all its threads, or ends the process (kill); the kernel's audit log says
 * which.  Everything has to be open by now: no program can be started, and no
 * socket be made but one of Unix.  0, or -1 and a sentence in why[].
 */
int sc_privilege_confine(int kill, char *why, size_t why_size);

#endif
