/*
 * What the files of this tool share: the world that things are made of, a
 * buffer to make them in, and the JSON that they are written in.
 */

#ifndef SEALCHAT_MAKE_VECTORS_H
#define SEALCHAT_MAKE_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "../../forge.h"
#include "../../samples.h"

#include "protocol/auth.h"
#include "protocol/padme.h"
#include "protocol/puzzle.h"

extern struct sample_world world;
extern uint8_t             buf[SC_FRAME_MAX + 16];
extern const char         *dir;

/* json.c.  members: of the object that is open; 0 before its first. */
extern FILE *out;
extern int   members;

void file_begin(const char *name);
void file_end(void);
void key(const char *name);
void text(const char *name, const char *value);
void number(const char *name, uint64_t value);
void print_hex(const uint8_t *p, size_t n);
void hex(const char *name, const uint8_t *p, size_t n);
void open_object(const char *name);
void close_object(void);
void entry(const char *name, const char *fails, const char *reason);
void entry_end(void);

/* show.c */
void show_roster(struct sc_bytes bytes);
void show_hello(struct sc_bytes bytes);
void show_wrap(struct sc_bytes bytes);
void show_account(struct sc_bytes bytes);
void show_envelope(struct sc_bytes bytes);

/* each writes its files into dir */
void frames(void);
void rosters(void);
void successors(void);
void hellos(void);
void wraps(void);
void accounts(void);
void envelopes(void);
void account_sets(void);
void ids(void);
void auth(void);
void puzzle(void);
void ed25519(void);

#endif
