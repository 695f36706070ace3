/*
 * The log: writes lines, each in one write() so that threads and processes
 * that share a file do not cut into each other's.  It may not look at what it
 * is given beyond formatting it.
 */

#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *const names[] = { "error", "warn", "info", "debug" };

static int               log_fd = STDERR_FILENO;
static enum sc_log_level log_level = SC_LOG_INFO;


int
sc_log_open(const char *file, enum sc_log_level level)
{
    int fd = STDERR_FILENO;

    if (file) {
        fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0) {
            return -1;
        }
    }

    sc_log_close();
    log_fd = fd;
    log_level = level;

    return 0;
}


void
sc_log_close(void)
{
    if (log_fd != STDERR_FILENO) {
        (void) close(log_fd);
    }

    log_fd = STDERR_FILENO;
}


void
sc_log(enum sc_log_level level, const char *format, ...)
{
    char            line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm       tm;
    va_list         args;
    size_t          n;
    int             more;

    if (level > log_level) {
        return;
    }

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);

    n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t) snprintf(line + n, sizeof(line) - n, ".%03ldZ [%s] ",
                           now.tv_nsec / 1000000, names[level]);

    va_start(args, format);
    more = vsnprintf(line + n, sizeof(line) - n, format, args);
    va_end(args);

    if (more > 0) {
        n += (size_t) more;
    }

    if (n > sizeof(line) - 1) {
        n = sizeof(line) - 1;
    }

    line[n++] = '\n';

    /* A log that cannot be written is no reason to stop serving. */
    if (write(log_fd, line, n) < 0) {
        return;
    }
}


int
sc_log_level_of(const char *name)
{
    for (int i = 0; i <= SC_LOG_DEBUG; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }

    return -1;
}


struct sc_log_id
sc_log_id(const uint8_t id[32])
{
    struct sc_log_id out;

    snprintf(out.text, sizeof(out.text), "%02x%02x%02x%02x",
             id[0], id[1], id[2], id[3]);

    return out;
}
