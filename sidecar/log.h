/*
 * The log: one line for each event, to standard error or a file.
 *
 * Nothing secret and no byte of a message ever goes in.  Ids are shortened
 * to eight hexadecimal digits, enough to follow one and too few to use.
 */

#ifndef SEALCHAT_LOG_H
#define SEALCHAT_LOG_H

#include <stdint.h>

enum sc_log_level {
    SC_LOG_ERROR,
    SC_LOG_WARN,
    SC_LOG_INFO,
    SC_LOG_DEBUG
};

/* Lines go to file (appended; NULL: standard error) from now on.  0, or -1
 * with errno set. */
int sc_log_open(const char *file, enum sc_log_level level);

/* Back to standard error. */
void sc_log_close(void);

/* May be called by any thread. */
void sc_log(enum sc_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The level of that name, or -1. */
int sc_log_level_of(const char *name);

/* An id for the log. */
struct sc_log_id {
    char text[9];
};

struct sc_log_id sc_log_id(const uint8_t id[32]);

#endif
