/*
 * sealchatctl's end of the admin socket: a request out, lines of JSON in.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../config.h"
#include "../socket.h"
#include "ctl.h"

/* The longest line that is taken. */
#define LINE_BYTES      (1u << 20)


/* Connects to the daemon; -1, having complained. */
static int
connect_daemon(const struct sc_ctl *ctl)
{
    struct sc_config config = { .mode = 0 };
    const char      *path = ctl->socket;
    char             why[512];
    int              fd;

    if (path == NULL) {
        if (sc_config_read(&config, ctl->config, why, sizeof(why)) != 0) {
            sc_ctl_complain("%s", why);
            sc_config_free(&config);
            return -1;
        }
        path = config.admin_listen;
    }

    fd = sc_socket_connect(path);
    if (fd < 0) {
        sc_ctl_complain("%s: %s", path,
                        errno == ECONNREFUSED || errno == ENOENT
                        ? "sealchatd does not run" : strerror(errno));
    }

    sc_config_free(&config);

    return fd;
}


static int
send_request(int fd, const char *request, int file)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec    iov[2] = {
        { (void *) (uintptr_t) request, strlen(request) },
        { (void *) (uintptr_t) "\n", 1 }
    };
    struct msghdr   message = { .msg_iov = iov, .msg_iovlen = 2 };
    struct cmsghdr *c;

    if (file >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &file, sizeof(int));
    }

    return sendmsg(fd, &message, MSG_NOSIGNAL)
           == (ssize_t) (iov[0].iov_len + 1) ? 0 : -1;
}


/* The next line, or NULL: the connection ended before it. */
static json_t *
next_line(FILE *in)
{
    char        *line = NULL;
    size_t       size = 0;
    ssize_t      n = getline(&line, &size, in);
    json_t      *object = NULL;
    json_error_t error;

    if (n > 1 && (size_t) n <= LINE_BYTES && line[n - 1] == '\n') {
        object = json_loadb(line, (size_t) n, JSON_REJECT_DUPLICATES, &error);
    }

    free(line);

    return object;
}


static json_t *
last_of(json_t *line, const char *end)
{
    const char *message = json_string_value(json_object_get(line, "message"));

    if (strcmp(end, "ok") == 0) {
        return line;
    }

    sc_ctl_complain("%s", message ? message : "sealchatd refused it");
    json_decref(line);

    return NULL;
}


json_t *
sc_ctl_ask(const struct sc_ctl *ctl, const char *request, int file,
           void (*each)(json_t *line, void *data), void *data)
{
    int         fd = connect_daemon(ctl);
    FILE       *in = NULL;
    json_t     *line;
    const char *end;

    if (fd < 0) {
        return NULL;
    }

    if (send_request(fd, request, file) == 0) {
        in = fdopen(fd, "r");
    }

    if (in == NULL) {
        sc_ctl_complain("sealchatd: %s", strerror(errno));
        (void) close(fd);
        return NULL;
    }

    while ((line = next_line(in)) != NULL) {
        end = json_string_value(json_object_get(line, "end"));
        if (end) {
            (void) fclose(in);
            return last_of(line, end);
        }

        if (each) {
            each(line, data);
        }
        json_decref(line);
    }

    sc_ctl_complain("sealchatd ended the connection within its answer");
    (void) fclose(in);

    return NULL;
}
