/*
 * Fetching, with libcurl for HTTP and TLS and the resolver of the C library.
 * Whatever answers may be hostile: sizes and times are limited.
 */

#define _GNU_SOURCE   /* memmem() */

#include "fetch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <sodium.h>

#include <sealchat/frames.h>

#include "protocol/ids.h"
#include "protocol/roster.h"
#include "txt.h"

/* Behind frames.h, whose table has a frame of the name of their macro. */
#include <arpa/nameser.h>
#include <resolv.h>

#define FETCH_MAX   (4u * 1024 * 1024)
#define SECONDS     20L
#define ANSWER_MAX  (2u * SC_FRAME_MAX)

static char sentence[256];

static int
fail(const char **why, const char *text)
{
    snprintf(sentence, sizeof(sentence), "%s", text);
    *why = sentence;
    return -1;
}

static size_t
append(char *p, size_t size, size_t count, void *data)
{
    struct sc_fetched *out = data;
    size_t             n = size * count;
    char              *grown;

    if (n > FETCH_MAX - out->n) {
        return 0;
    }

    grown = realloc(out->p, out->n + n + 1);
    if (grown == NULL) {
        return 0;
    }

    out->p = grown;
    memcpy(out->p + out->n, p, n);
    out->n += n;
    out->p[out->n] = '\0';
    return n;
}


/* --- files and pages ----------------------------------------------------- */

static int
read_file(const char *path, struct sc_fetched *out, const char **why)
{
    FILE  *file = fopen(path, "rb");
    char   room[8192];
    size_t n;
    int    rc = 0;

    if (file == NULL) {
        return fail(why, strerror(errno));
    }

    while (rc == 0 && (n = fread(room, 1, sizeof(room), file)) > 0) {
        if (append(room, 1, n, out) != n) {
            rc = fail(why, "it is larger than 4 MiB");
        }
    }

    if (rc == 0 && ferror(file)) {
        rc = fail(why, strerror(errno));
    }

    fclose(file);
    return rc;
}

static CURL *
curl_to(const char *url)
{
    CURL       *curl = curl_easy_init();
    const char *schemes = strncmp(url, "https:", 6) == 0 ? "https"
                                                         : "http,https";

    if (curl) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, schemes);
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, SECONDS);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    }

    return curl;
}

static int
read_page(const char *url, struct sc_fetched *out, const char **why)
{
    CURL    *curl = curl_to(url);
    CURLcode rc = CURLE_FAILED_INIT;
    long     status = 0;

    if (curl) {
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
        rc = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
    }

    if (rc != CURLE_OK) {
        return fail(why, curl_easy_strerror(rc));
    }

    if (status != 200) {
        snprintf(sentence, sizeof(sentence), "it answers %ld", status);
        *why = sentence;
        return -1;
    }

    return 0;
}

static int
is_address(const char *where)
{
    return strncmp(where, "http://", 7) == 0
           || strncmp(where, "https://", 8) == 0;
}

int
sc_fetch(const char *where, struct sc_fetched *out, const char **why)
{
    int rc;

    memset(out, 0, sizeof(*out));
    rc = is_address(where) ? read_page(where, out, why)
                           : read_file(where, out, why);

    if (rc == 0 && out->n == 0) {
        rc = fail(why, "it is empty");
    }

    if (rc != 0) {
        free(out->p);
        memset(out, 0, sizeof(*out));
    }

    return rc;
}


/* --- DNS ----------------------------------------------------------------- */

int
sc_fetch_txt(const char *name, struct sc_fetched *out, const char **why)
{
    uint8_t     answer[NS_MAXMSG];
    char        text[SC_TXT_MAX];
    const char *wrong;
    int n = res_query(name, ns_c_in, ns_t_txt, answer, sizeof(answer));

    memset(out, 0, sizeof(*out));

    if (n < 0) {
        return fail(why, "the DNS has no such record");
    }

    /* What did not fit is cut. */
    wrong = sc_txt_of_answer(answer, n < (int) sizeof(answer)
                                     ? (size_t) n : sizeof(answer), text);
    if (wrong) {
        return fail(why, wrong);
    }

    return append(text, 1, strlen(text), out) == strlen(text)
           ? 0 : fail(why, "there is no memory");
}


/* --- the roster, over a WebSocket ---------------------------------------- */

struct line {
    CURL         *curl;
    curl_socket_t socket;
    time_t        until;
    size_t        n;
    uint8_t       bytes[ANSWER_MAX];
};

/* Waits for the socket; -1 when the time is over. */
static int
await(struct line *line, short events)
{
    struct pollfd at = { .fd = line->socket, .events = events };

    if (time(NULL) >= line->until) {
        return -1;
    }

    return poll(&at, 1, 1000) < 0 && errno != EINTR ? -1 : 0;
}

static int
send_all(struct line *line, const void *p, size_t n)
{
    const uint8_t *at = p;
    size_t         sent;

    while (n) {
        CURLcode rc = curl_easy_send(line->curl, at, n, &sent);

        if (rc == CURLE_OK) {
            at += sent;
            n -= sent;
        } else if (rc != CURLE_AGAIN || await(line, POLLOUT) != 0) {
            return -1;
        }
    }

    return 0;
}

static int
receive(struct line *line)
{
    size_t n = 0;

    for ( ;; ) {
        CURLcode rc = curl_easy_recv(line->curl, line->bytes + line->n,
                                     sizeof(line->bytes) - line->n, &n);

        if (rc == CURLE_OK && n) {
            line->n += n;
            return 0;
        }
        if (rc != CURLE_AGAIN || await(line, POLLIN) != 0) {
            return -1;
        }
    }
}

static void
take(struct line *line, size_t n)
{
    line->n -= n;
    memmove(line->bytes, line->bytes + n, line->n);
}

static int
upgrade(struct line *line, const char *service, const uint8_t cid[32])
{
    const char *host = strstr(service, "//") + 2;
    char        text[SC_CID_TEXT + 1], key[32], request[1536];
    uint8_t     nonce[16], *end;
    int         n;

    sc_cid_write(text, cid);
    randombytes_buf(nonce, sizeof(nonce));
    sodium_bin2base64(key, sizeof(key), nonce, sizeof(nonce),
                      sodium_base64_VARIANT_ORIGINAL);
    n = snprintf(request, sizeof(request),
                 "GET /sealchat?c=%s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n"
                 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Protocol: " SC_SUBPROTOCOL "\r\n\r\n",
                 text, host, service, key);
    if (n < 0 || (size_t) n >= sizeof(request)
        || send_all(line, request, (size_t) n) != 0)
    {
        return -1;
    }

    while ((end = memmem(line->bytes, line->n, "\r\n\r\n", 4)) == NULL) {
        if (line->n == sizeof(line->bytes) || receive(line) != 0) {
            return -1;
        }
    }

    if (line->n < 12 || memcmp(line->bytes, "HTTP/1.1 101", 12) != 0) {
        return -1;
    }

    take(line, (size_t) (end + 4 - line->bytes));
    return 0;
}

static int
ask_roster(struct line *line)
{
    static const uint8_t       zeros[32];
    struct sc_frame_roster_get get = { .id = zeros };
    uint8_t                    message[6 + SC_FRAME_HEADER + 40];
    size_t                     n;

    n = sc_roster_get_encode(message + 6, sizeof(message) - 6, 1, &get);
    message[0] = 0x82;
    message[1] = (uint8_t) (0x80 | n);
    memset(message + 2, 0, 4);           /* a mask that changes nothing */
    return send_all(line, message, 6 + n);
}

/* The next whole WebSocket message; its length in *n, its header in *head. */
static int
next_message(struct line *line, size_t *head, size_t *n)
{
    for ( ;; ) {
        const uint8_t *p = line->bytes;

        if (line->n >= 4) {
            *head = p[1] == 126 ? 4 : 2;
            *n = p[1] == 126 ? (size_t) p[2] << 8 | p[3] : p[1];
            if (p[1] > 126) {
                return -1;               /* masked, or above 64 KiB */
            }
            if (line->n >= *head + *n) {
                return 0;
            }
        } else if (line->n >= 2 && p[1] < 2) {
            *head = 2;
            *n = p[1];
            if (line->n >= 2 + *n) {
                return 0;
            }
        }

        if (line->n == sizeof(line->bytes) || receive(line) != 0) {
            return -1;
        }
    }
}

static int
copy_roster(struct sc_bytes body, struct sc_fetched *out, const char **why)
{
    struct sc_frame_rosters rosters;
    struct sc_blob          blob;

    if (!sc_rosters_decode(body, &rosters)
        || !sc_blob_next(&rosters.rosters, &blob)
        || append((char *) blob.bytes.p, 1, blob.bytes.n, out)
           != blob.bytes.n)
    {
        return fail(why, "the service answers something else");
    }

    return 0;
}

static int
read_roster(struct line *line, struct sc_fetched *out, const char **why)
{
    struct sc_frame frame;
    size_t          head, n;

    while (next_message(line, &head, &n) == 0) {
        if (line->bytes[0] == 0x88) {
            return fail(why, "the service does not know this customer");
        }

        if (line->bytes[0] == 0x82
            && sc_frame_open(line->bytes + head, n, &frame) == SC_E_NONE)
        {
            if (frame.type == SC_FRAME_ROSTERS) {
                return copy_roster(frame.body, out, why);
            }
            if (frame.type == SC_FRAME_ERROR) {
                return fail(why, "the service does not know this customer");
            }
        }

        take(line, head + n);
    }

    return fail(why, "the service does not answer");
}

int
sc_fetch_roster(const char *service, const uint8_t cid[32],
                struct sc_fetched *out, const char **why)
{
    struct line *line = calloc(1, sizeof(*line));
    int          rc = -1;

    memset(out, 0, sizeof(*out));

    if (line == NULL || !is_address(service)) {
        free(line);
        return fail(why, "that is not the origin of a service");
    }

    line->curl = curl_to(service);
    line->until = time(NULL) + SECONDS;
    *why = fail(why, "the service cannot be reached") ? sentence : NULL;

    if (line->curl) {
        curl_easy_setopt(line->curl, CURLOPT_CONNECT_ONLY, 1L);
        if (curl_easy_perform(line->curl) == CURLE_OK
            && curl_easy_getinfo(line->curl, CURLINFO_ACTIVESOCKET,
                                 &line->socket) == CURLE_OK
            && upgrade(line, service, cid) == 0 && ask_roster(line) == 0)
        {
            rc = read_roster(line, out, why);
        }
        curl_easy_cleanup(line->curl);
    }

    free(line);
    return rc;
}
