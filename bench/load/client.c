/*
 * WebSocket clients over TCP.  Knows nothing of what the messages hold.
 */

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <sodium.h>

#define READ_CAP      131072u
#define READ_MAX      (1u << 24)
#define WAIT_MS       20000
#define OPCODE_TEXT   0x1
#define OPCODE_BINARY 0x2
#define OPCODE_CLOSE  0x8
#define OPCODE_PING   0x9
#define OPCODE_PONG   0xa

void
die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

static int
connect_to(const struct address *address)
{
    struct addrinfo  hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int              fd, on = 1, rc;

    rc = getaddrinfo(address->host, address->port, &hints, &found);
    if (rc != 0) {
        die("%s: %s", address->host, gai_strerror(rc));
    }

    fd = socket(found->ai_family, found->ai_socktype, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        die("connect to %s:%s: %s", address->host, address->port,
            strerror(errno));
    }

    freeaddrinfo(found);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void
client_put(struct client *client, const uint8_t *p, size_t n)
{
    struct pollfd poller = { .fd = client->fd, .events = POLLOUT };
    ssize_t       sent;

    if (client->ssl) {
        if (SSL_write(client->ssl, p, (int) n) != (int) n) {
            die("TLS: could not send");
        }
        return;
    }

    while (n) {
        sent = send(client->fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            poll(&poller, 1, WAIT_MS);
            continue;
        }

        if (sent < 0) {
            die("send: %s", strerror(errno));
        }

        p += sent;
        n -= (size_t) sent;
    }
}

static ssize_t
receive(struct client *client, void *out, size_t n)
{
    if (client->ssl) {
        return SSL_read(client->ssl, out, (int) n);
    }
    return recv(client->fd, out, n, 0);
}

/* Reads the answer's head byte by byte, so that nothing behind it is lost. */
static void
read_head(struct client *client, char *out, size_t cap)
{
    size_t n = 0;

    for ( ;; ) {
        if (n + 1 == cap) {
            die("the answer's head is too long");
        }
        if (receive(client, out + n, 1) != 1) {
            die("the connection closed during the handshake");
        }
        out[++n] = '\0';
        if (n >= 4 && memcmp(out + n - 4, "\r\n\r\n", 4) == 0) {
            return;
        }
    }
}

void
client_connect(struct client *client, const struct address *address)
{
    memset(client, 0, sizeof(*client));
    client->fd = connect_to(address);

    if (address->tls) {
        client->ssl = SSL_new(address->tls);
        if (client->ssl == NULL || SSL_set_fd(client->ssl, client->fd) != 1
            || SSL_connect(client->ssl) != 1)
        {
            die("TLS: no connection to %s:%s", address->host, address->port);
        }
    }
}

void
client_ask(struct client *client, const struct address *address,
           const char *path)
{
    uint8_t nonce[16];
    char    key[32], request[2048];
    int     n;

    client_connect(client, address);
    randombytes_buf(nonce, sizeof(nonce));
    sodium_bin2base64(key, sizeof(key), nonce, sizeof(nonce),
                      sodium_base64_VARIANT_ORIGINAL);

    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\n"
                 "Host: %s:%s\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Origin: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "%s%s%s%s\r\n",
                 path, address->host, address->port, address->origin, key,
                 address->headers ? address->headers : "",
                 address->subprotocol ? "Sec-WebSocket-Protocol: " : "",
                 address->subprotocol ? address->subprotocol : "",
                 address->subprotocol ? "\r\n" : "");
    if (n < 0 || (size_t) n >= sizeof(request)) {
        die("the address is too long");
    }

    client_put(client, (const uint8_t *) request, (size_t) n);
}

void
client_upgraded(struct client *client, const char *path)
{
    char head[4096];

    read_head(client, head, sizeof(head));
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        die("%s: not upgraded: %.*s", path, (int) strcspn(head, "\r\n"),
            head);
    }
}

void
client_open(struct client *client, const struct address *address,
            const char *path)
{
    client_ask(client, address, path);
    client_upgraded(client, path);
}

void
client_close(struct client *client)
{
    SSL_free(client->ssl);
    client->ssl = NULL;
    close(client->fd);
    free(client->in);
    client->in = NULL;
}

static size_t
put_frame(uint8_t *out, unsigned opcode, const uint8_t *message, size_t n)
{
    uint8_t *p = out, *mask;
    size_t   i;

    *p++ = (uint8_t) (0x80 | opcode);

    if (n < 126) {
        *p++ = (uint8_t) (0x80 | n);
    } else if (n < 65536) {
        *p++ = 0x80 | 126;
        *p++ = (uint8_t) (n >> 8);
        *p++ = (uint8_t) n;
    } else {
        *p++ = 0x80 | 127;
        for (i = 8; i--; ) {
            *p++ = (uint8_t) ((uint64_t) n >> (8 * i));
        }
    }

    mask = p;
    randombytes_buf(mask, 4);
    p += 4;

    for (i = 0; i < n; i++) {
        p[i] = message[i] ^ mask[i & 3];
    }

    return (size_t) (p - out) + n;
}

size_t
client_frame(uint8_t *out, const uint8_t *message, size_t n)
{
    return put_frame(out, OPCODE_BINARY, message, n);
}

void
client_send(struct client *client, const uint8_t *message, size_t n)
{
    uint8_t *frame = malloc(n + CLIENT_HEADER_MAX);

    if (frame == NULL) {
        die("no memory");
    }

    client_put(client, frame, client_frame(frame, message, n));
    free(frame);
}

void
client_nonblocking(struct client *client)
{
    if (fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("fcntl: %s", strerror(errno));
    }
}

/* Room for more; most connections never need any. */
static void
make_room(struct client *client)
{
    if (client->in_n < client->in_cap) {
        return;
    }

    client->in_cap = client->in_cap ? 2 * client->in_cap : READ_CAP;
    if (client->in_cap > READ_MAX) {
        die("the service sent a message above %u bytes", READ_MAX / 2);
    }

    client->in = realloc(client->in, client->in_cap);
    if (client->in == NULL) {
        die("no memory");
    }
}

int
client_read(struct client *client)
{
    ssize_t n;

    if (client->in_at) {
        memmove(client->in, client->in + client->in_at,
                client->in_n - client->in_at);
        client->in_n -= client->in_at;
        client->in_at = 0;
    }

    make_room(client);
    n = receive(client, client->in + client->in_n,
                client->in_cap - client->in_n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }

    if (n <= 0 && client->may_end) {
        client->ended = 1;
        return 0;
    }

    if (n <= 0) {
        die("the service closed a connection: %s",
            n ? strerror(errno) : "no Close");
    }

    client->in_n += (size_t) n;
    return 1;
}

static void
told_to_close(const uint8_t *p, size_t n)
{
    if (n < 2) {
        die("the service closed a connection without a code");
    }

    die("the service closed a connection: %u %.*s", p[0] << 8 | p[1],
        (int) n - 2, (const char *) p + 2);
}

/* Keeps what the Close says and answers it. */
static void
was_closed(struct client *client, const uint8_t *p, size_t n)
{
    uint8_t out[125 + CLIENT_HEADER_MAX];

    client->ended = 1;

    if (n < 2 || n > 125) {
        return;
    }

    client->code = (unsigned) (p[0] << 8 | p[1]);
    memcpy(client->reason, p + 2, n - 2);
    client->reason[n - 2] = '\0';
    client_put(client, out, put_frame(out, OPCODE_CLOSE, p, 2));
}

const uint8_t *
client_next(struct client *client, size_t *n)
{
    uint8_t *p = client->in + client->in_at, pong[125 + CLIENT_HEADER_MAX];
    size_t   have = client->in_n - client->in_at, head = 2, length, i;
    unsigned opcode;

    if (have < head) {
        return NULL;
    }

    opcode = p[0] & 0x0f;
    length = p[1] & 0x7f;

    if (length == 126) {
        head = 4;
        length = have < head ? 0 : (size_t) (p[2] << 8 | p[3]);
    } else if (length == 127) {
        head = 10;
        length = 0;
        for (i = 2; i < head && have >= head; i++) {
            length = length << 8 | p[i];
        }
    }

    if (length > READ_MAX) {
        die("the service sent a message of %zu bytes", length);
    }

    if (have < head || have < head + length) {
        return NULL;
    }

    if ((p[0] & 0xf0) != 0x80 || (p[1] & 0x80)) {
        die("the service sent a frame that is fragmented, reserved or masked");
    }

    client->in_at += head + length;
    p += head;

    switch (opcode) {

    case OPCODE_TEXT:
    case OPCODE_BINARY:
        *n = length;
        return p;

    case OPCODE_PING:
        client_put(client, pong, put_frame(pong, OPCODE_PONG, p,
                                           length < 126 ? length : 125));
        return client_next(client, n);

    case OPCODE_PONG:
        return client_next(client, n);

    case OPCODE_CLOSE:
        if (client->may_end) {
            was_closed(client, p, length);
            return NULL;
        }
        told_to_close(p, length);
        return NULL;

    default:
        die("the service sent a frame of opcode %u", opcode);
    }
}

const uint8_t *
client_bytes(struct client *client, size_t *n)
{
    const uint8_t *p = client->in + client->in_at;

    *n = client->in_n - client->in_at;
    client->in_at = client->in_n;
    return *n ? p : NULL;
}

static void
wait_for_more(struct client *client)
{
    struct pollfd poller = { .fd = client->fd, .events = POLLIN };

    if (!(client->ssl && SSL_pending(client->ssl))
        && poll(&poller, 1, WAIT_MS) != 1)
    {
        die("no answer within %d seconds", WAIT_MS / 1000);
    }
    client_read(client);
}

const uint8_t *
client_wait(struct client *client, size_t *n)
{
    const uint8_t *message;

    while ((message = client_next(client, n)) == NULL) {
        wait_for_more(client);
    }

    return message;
}

const uint8_t *
client_wait_bytes(struct client *client, size_t *n)
{
    const uint8_t *p;

    while ((p = client_bytes(client, n)) == NULL) {
        wait_for_more(client);
    }

    return p;
}
