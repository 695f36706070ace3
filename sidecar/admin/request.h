/*
 * What is asked on the admin socket: one line.
 *
 *     verb [name=value]... \n
 *
 * Words are parted by one space and consist of printable ASCII.  A name
 * stands once; its value goes up to the next space and may be empty.
 */

#ifndef SEALCHAT_ADMIN_REQUEST_H
#define SEALCHAT_ADMIN_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define SC_ADMIN_REQUEST_MAX  1024u     /* its newline included */
#define SC_ADMIN_ARGS_MAX     8u

struct sc_admin_request {
    const char *verb;
    size_t      n_args;
    struct {
        const char *name;
        const char *value;
    } args[SC_ADMIN_ARGS_MAX];
};

/*
 * Reads a line of n bytes, the newline included, in place: the request points
 * into it.  NULL, or a sentence that says what is wrong.
 */
const char *sc_admin_request_parse(char *line, size_t n,
                                   struct sc_admin_request *request);

/* The value of that name, or NULL. */
const char *sc_admin_arg(const struct sc_admin_request *request,
                         const char *name);

/* Reads a decimal number without sign or leading zeros; 1, or 0 when the text
 * is none or above max. */
int sc_admin_number(const char *text, uint64_t max, uint64_t *out);

/* Reads 2n digits in lower case into n bytes; 1, or 0. */
int sc_admin_hex(const char *text, uint8_t *out, size_t n);

#endif
