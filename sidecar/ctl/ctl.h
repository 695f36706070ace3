/*
 * sealchatctl: what its files share.
 */

#ifndef SEALCHAT_CTL_H
#define SEALCHAT_CTL_H

#include <stdio.h>

#include <jansson.h>

/* How a command was called. */
struct sc_ctl {
    const char *config;       /* file */
    const char *socket;       /* NULL: the one of config */
    int         json;
    int         argc;         /* what follows the command's words */
    char      **argv;
};

/* Exit codes. */
enum { SC_CTL_OK = 0, SC_CTL_FAILED = 1, SC_CTL_USAGE = 2 };

/* Says on standard error what is wrong; returns SC_CTL_FAILED. */
int sc_ctl_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));


/* --- asking the daemon (ask.c) ------------------------------------------- */

/*
 * Sends a request line (without its newline), and with it a file unless that
 * is -1; calls each() with every line of the answer but the last.  Returns
 * the last line, for the caller to release, or NULL, having complained.  An
 * answer of "end":"error" is complained about too, and is NULL.
 */
json_t *sc_ctl_ask(const struct sc_ctl *ctl, const char *request, int file,
                   void (*each)(json_t *line, void *data), void *data);


/* --- output (output.c) --------------------------------------------------- */

/* One object as lines of name and value; inner objects by dotted names.
 * Names that end in _bytes and _ms are shown as sizes and dates. */
void sc_ctl_print(json_t *object);

/* One row of a table of the named columns, parted by spaces; the heading
 * comes with the first row. */
struct sc_ctl_table {
    const char *columns;
    size_t      rows;
};

void sc_ctl_row(struct sc_ctl_table *table, json_t *row);

/* The line as it is. */
void sc_ctl_json(json_t *line);

/* Progress on standard error, if that is a terminal: one line, over itself. */
void sc_ctl_progress(const char *doing, double done, double all);
void sc_ctl_progress_end(void);

#endif
