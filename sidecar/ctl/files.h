/*
 * Files of backups: a folder that appears whole or not at all.
 */

#ifndef SEALCHAT_CTL_FILES_H
#define SEALCHAT_CTL_FILES_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SC_FILES_PATH  4096u

/* "folder/name"; 0, or -1: too long, and complained about. */
int sc_files_path(char out[SC_FILES_PATH], const char *folder,
                  const char *name);

/*
 * Makes the folder under a name of its own beside its place, which must not
 * exist or be empty.  0 and that name in partial, or -1, having complained.
 */
int sc_files_begin(char partial[SC_FILES_PATH], const char *folder);

/* Syncs the folder and moves it to its place.  0, or -1, having complained. */
int sc_files_end(const char *partial, const char *folder);

/* Removes what was begun. */
void sc_files_drop(const char *partial);

/* Makes a new file of mode 0600; -1, having complained. */
int sc_files_create(const char *path);

/* Writes an object into a new file, synced.  0, or -1, having complained. */
int sc_files_write_json(const char *path, json_t *object);

/* The counts of a store's tables; NULL, having complained. */
json_t *sc_files_counts(const char *folder);

#endif
