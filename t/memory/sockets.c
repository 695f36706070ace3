/*
 * Idle browsers: opens N WebSockets with the handshake that Chromium sends,
 * plain or over TLS, says "open" when all are, and holds them until its input
 * ends.
 *
 *     sockets HOST PORT PATH N [tls]
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static const char request[] =
    "GET %s HTTP/1.1\r\n"
    "Host: chat.example.com\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, "
    "like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n"
    "Upgrade: websocket\r\n"
    "Origin: https://shop.example.com\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "Sec-WebSocket-Protocol: sealchat.1\r\n"
    "\r\n";

static void
give_up(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int
connect_to(const char *host, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t) port) };
    int                fd = socket(AF_INET, SOCK_STREAM, 0);

    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || fd < 0
        || connect(fd, (struct sockaddr *) &to, sizeof(to)) != 0)
    {
        give_up("connect");
    }

    return fd;
}

static SSL *
shake_hands(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
        give_up("TLS");
    }

    return ssl;
}

/* The answer's head; what comes behind it is not asked for. */
static void
upgrade(int fd, SSL *ssl, const char *path)
{
    char head[2048], out[2048];
    int  n = snprintf(out, sizeof(out), request, path), have = 0, got;

    if ((ssl ? SSL_write(ssl, out, n) : (int) write(fd, out, (size_t) n)) != n)
    {
        give_up("write");
    }

    do {
        int room = (int) sizeof(head) - 1 - have;

        got = ssl ? SSL_read(ssl, head + have, room)
                  : (int) read(fd, head + have, (size_t) room);
        if (got <= 0) {
            give_up("no upgrade");
        }
        have += got;
        head[have] = '\0';
    } while (strstr(head, "\r\n\r\n") == NULL);

    if (strncmp(head, "HTTP/1.1 101", 12) != 0) {
        fprintf(stderr, "%s\n", head);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    SSL_CTX *context = NULL;
    char     byte;

    if (argc < 5) {
        fputs("usage: sockets HOST PORT PATH N [tls]\n", stderr);
        return 2;
    }

    if (argc > 5) {
        context = SSL_CTX_new(TLS_client_method());
        if (context == NULL) {
            give_up("TLS");
        }
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    }

    for (int i = 0; i < atoi(argv[4]); i++) {
        int fd = connect_to(argv[1], atoi(argv[2]));

        upgrade(fd, context ? shake_hands(context, fd) : NULL, argv[3]);
    }

    puts("open");
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) == 1;
}
