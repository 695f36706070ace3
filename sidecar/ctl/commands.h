/*
 * Commands of sealchatctl that are more than one request.  Each returns an
 * exit code; SC_CTL_USAGE makes the caller print the usage.
 */

#ifndef SEALCHAT_CTL_COMMANDS_H
#define SEALCHAT_CTL_COMMANDS_H

#include "ctl.h"

int sc_ctl_backup(const struct sc_ctl *ctl);    /* folder [options] */
int sc_ctl_restore(const struct sc_ctl *ctl);   /* backup folder */
int sc_ctl_check(const struct sc_ctl *ctl);     /* [folder] */

int sc_ctl_vault_create(const struct sc_ctl *ctl);
int sc_ctl_vault_rotate(const struct sc_ctl *ctl);

/* domain | --page ..., see verify.c */
int sc_ctl_verify(const struct sc_ctl *ctl);

/* The check of one folder, said as the options want it. */
int sc_ctl_check_folder(const struct sc_ctl *ctl, const char *folder);

#endif
