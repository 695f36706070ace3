/*
 * A bare WebSocket echo: one thread, one epoll, no library.  It answers the
 * handshake, unmasks in place and sends back what one read brought in one
 * write.  It is what a backend behind nginx's proxy_pass costs at the least.
 *
 *     echo SOCKET [lose | repeat]
 *
 * With a second word it is a control of the load generator: it loses, or sends
 * twice, the 50th message of each session, and the generator has to see it.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <sodium.h>

#define INPUT 65536u
#define FAULT 50u                 /* the message that a control is about */

struct session {
    int     fd;
    int     open;                 /* the handshake is over */
    int     blocked;              /* waits until output is taken */
    size_t  in_n;
    size_t  out_n, out_at;
    unsigned messages;
    uint8_t in[INPUT];
    uint8_t out[2 * INPUT];       /* one message may be there twice */
};

static int poller;
static int loses, repeats;

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
watch(struct session *s, int op, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = s };

    if (epoll_ctl(poller, op, s->fd, &event) != 0) {
        die("epoll");
    }
}

static void
leave(struct session *s)
{
    close(s->fd);
    free(s);
}

/* 0 when the session is gone. */
static int
flush(struct session *s)
{
    ssize_t n;

    while (s->out_at < s->out_n) {
        n = send(s->fd, s->out + s->out_at, s->out_n - s->out_at,
                 MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (!s->blocked) {
                s->blocked = 1;
                watch(s, EPOLL_CTL_MOD, EPOLLOUT);
            }
            return 1;
        }
        if (n <= 0) {
            leave(s);
            return 0;
        }
        s->out_at += (size_t) n;
    }

    s->out_at = s->out_n = 0;
    if (s->blocked) {
        s->blocked = 0;
        watch(s, EPOLL_CTL_MOD, EPOLLIN);
    }

    return 1;
}

/* 0: not whole yet; -1: no WebSocket. */
static int
shake_hands(struct session *s)
{
    static const char name[] = "\r\nSec-WebSocket-Key:";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t           hash[20];
    char              text[128], accept[32], *key;
    int               n;

    s->in[s->in_n < INPUT ? s->in_n : INPUT - 1] = '\0';
    if (strstr((char *) s->in, "\r\n\r\n") == NULL) {
        return s->in_n < 8192 ? 0 : -1;
    }

    key = strcasestr((char *) s->in, name);
    if (key == NULL) {
        return -1;
    }
    key += sizeof(name) - 1;
    key += strspn(key, " ");

    n = snprintf(text, sizeof(text), "%.*s%s", 24, key, guid);
    SHA1((unsigned char *) text, (size_t) n, hash);
    sodium_bin2base64(accept, sizeof(accept), hash, sizeof(hash),
                      sodium_base64_VARIANT_ORIGINAL);
    s->out_n = (size_t) snprintf((char *) s->out, sizeof(s->out),
                                 "HTTP/1.1 101 Switching Protocols\r\n"
                                 "Upgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    s->in_n = 0;
    s->open = 1;
    return 1;
}

/* The bytes of the frame at p, whose echo is added to the output; 0 if it is
 * not whole yet, SIZE_MAX if it is none that is echoed. */
static size_t
echo_frame(struct session *s, const uint8_t *p, size_t have)
{
    size_t   head = 2, length, i;
    uint8_t *out = s->out + s->out_n;

    if (have < 2) {
        return 0;
    }

    length = p[1] & 0x7f;
    if (length == 126) {
        head = 4;
        if (have < head) {
            return 0;
        }
        length = (size_t) (p[2] << 8 | p[3]);
    }

    if (!(p[1] & 0x80) || (p[1] & 0x7f) == 127 || (p[0] & 0x0f) > 2
        || head + 4 + length > INPUT)
    {
        return SIZE_MAX;
    }
    if (have < head + 4 + length) {
        return 0;
    }

    memcpy(out, p, head);
    out[1] &= 0x7f;
    for (i = 0; i < length; i++) {
        out[head + i] = p[head + 4 + i] ^ p[head + (i & 3)];
    }

    s->messages++;
    if (s->messages == FAULT && loses) {
        return head + 4 + length;
    }
    s->out_n += head + length;
    if (s->messages == FAULT && repeats) {
        memcpy(out + head + length, out, head + length);
        s->out_n += head + length;
    }
    return head + 4 + length;
}

static void
on_input(struct session *s)
{
    ssize_t n = recv(s->fd, s->in + s->in_n, INPUT - s->in_n, 0);
    size_t  at = 0, taken;
    int     rc;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            leave(s);
        }
        return;
    }
    s->in_n += (size_t) n;

    if (!s->open) {
        rc = shake_hands(s);
        if (rc < 0) {
            leave(s);
        } else if (rc > 0) {
            flush(s);
        }
        return;
    }

    while ((taken = echo_frame(s, s->in + at, s->in_n - at)) != 0) {
        if (taken == SIZE_MAX) {
            leave(s);
            return;
        }
        at += taken;
    }

    memmove(s->in, s->in + at, s->in_n - at);
    s->in_n -= at;
    flush(s);
}

static int
listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (strlen(path) >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(at.sun_path, path);

    if (fd < 0 || bind(fd, (struct sockaddr *) &at, sizeof(at)) != 0
        || listen(fd, 511) != 0)
    {
        die(path);
    }
    return fd;
}

static void
on_connection(int listener)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        die("calloc");
    }

    s->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (s->fd < 0) {
        free(s);
        return;
    }
    watch(s, EPOLL_CTL_ADD, EPOLLIN);
}

int
main(int argc, char **argv)
{
    struct epoll_event events[128], event = { .events = EPOLLIN };
    struct session    *s;
    int                listener, i, n;

    loses = argc == 3 && strcmp(argv[2], "lose") == 0;
    repeats = argc == 3 && strcmp(argv[2], "repeat") == 0;
    if (argc != 2 && !loses && !repeats) {
        fputs("usage: echo SOCKET [lose | repeat]\n", stderr);
        return 2;
    }

    listener = listen_at(argv[1]);
    poller = epoll_create1(0);
    if (poller < 0
        || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0)
    {
        die("epoll");
    }

    for ( ;; ) {
        n = epoll_wait(poller, events, 128, -1);
        for (i = 0; i < n; i++) {
            s = events[i].data.ptr;
            if (s == NULL) {
                on_connection(listener);
            } else if (!s->blocked) {
                on_input(s);
            } else {
                flush(s);
            }
        }
    }
}
