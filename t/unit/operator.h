/*
 * sealchatctl beside a daemon of its own: running it, and what it says.
 */

#ifndef SEALCHAT_T_OPERATOR_H
#define SEALCHAT_T_OPERATOR_H

#include "served.h"

static char          Out[1 << 20];


static inline const char *
ctl_program(void)
{
    const char *program = getenv("SEALCHATCTL");

    return program ? program : "build/asan/sealchatctl";
}

/* Runs sealchatctl; its output is in Out, both channels.  The exit code. */
static inline int
ctl(const char *format, ...)
{
    char    command[1024];
    va_list args;
    FILE   *pipe;
    size_t  n;
    int     used, status;

    used = snprintf(command, sizeof(command), "%s -c %s ", ctl_program(),
                    D.conf);
    va_start(args, format);
    used += vsnprintf(command + used, sizeof(command) - (size_t) used,
                      format, args);
    va_end(args);
    snprintf(command + used, sizeof(command) - (size_t) used, " 2>&1");

    pipe = popen(command, "r");
    assert_non_null(pipe);
    n = fread(Out, 1, sizeof(Out) - 1, pipe);
    Out[n] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline void
says(const char *text)
{
    if (strstr(Out, text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, Out);
    }
}

#define CTL_OK(...) \
    do { \
        if (ctl(__VA_ARGS__) != 0) { \
            fail_msg("failed: %s", Out); \
        } \
    } while (0)

static inline const char *
cid_text(const struct owner *o)
{
    static char text[SC_CID_TEXT + 1];

    sc_cid_write(text, o->cid);
    return text;
}

#endif
