/*
 * Many streams over a few links, as nginx's module would carry them, driven
 * by one poll loop.
 */

#include "world.h"

#include <fcntl.h>


enum {
    IN_ROOM = 1 << 18,
    OUT_ROOM = 1 << 20,
    OUT_MARK = 1 << 18               /* nothing new is written above */
};

struct link {
    int       fd;
    int       paused;                /* by the service */
    int       ended;
    uint32_t  streams;
    size_t    in_n, out_n;
    uint8_t  *in, *out;
    struct conn *conns[64];          /* by id */
};

static struct link links[LINKS];


/* --- output -------------------------------------------------------------- */

static void
write_link(struct link *link)
{
    ssize_t n = 1;

    while (link->out_n && n > 0) {
        n = send(link->fd, link->out, link->out_n, MSG_NOSIGNAL);
        if (n > 0) {
            link->out_n -= (size_t) n;
            memmove(link->out, link->out + n, link->out_n);
        }
    }

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        link->out_n = 0;             /* the reading side sees the end */
    }
}

static void
record(struct link *link, uint8_t kind, uint32_t stream, const void *payload,
       size_t n)
{
    struct sc_record rec = { .length = (uint32_t) n, .kind = kind,
                             .stream = stream };

    assert_true(link->out_n + SC_RECORD_HEADER + n <= OUT_ROOM);
    sc_record_put(link->out + link->out_n, &rec);
    memcpy(link->out + link->out_n + SC_RECORD_HEADER, payload, n);
    link->out_n += SC_RECORD_HEADER + n;
}

int
conn_may_send(const struct conn *conn)
{
    const struct link *link = &links[conn->link];

    return !link->paused && link->out_n < OUT_MARK;
}

void
conn_send(struct conn *conn, const uint8_t *frame, size_t n)
{
    record(&links[conn->link], SC_RECORD_DATA, conn->id, frame, n);
}


/* --- receiving ----------------------------------------------------------- */

static void conn_open(struct conn *conn, unsigned number);

static void
on_record(struct link *link, const struct sc_record *rec, const uint8_t *p)
{
    struct conn    *conn = rec->stream < 64 ? link->conns[rec->stream] : NULL;
    struct sc_frame frame;

    if (rec->stream == 0) {
        if (rec->kind == SC_RECORD_PAUSE || rec->kind == SC_RECORD_RESUME) {
            link->paused = rec->kind == SC_RECORD_PAUSE;
        }

    } else if (rec->kind == SC_RECORD_CLOSE && conn && !conn->ready
               && conn->customer->replaced && conn == &conn->customer->owner)
    {
        link->conns[rec->stream] = NULL;
        conn_open(conn, (unsigned) conn->link);

    } else if (conn == NULL || rec->kind == SC_RECORD_CLOSE) {
        refuse("CLOSE", rec->code);

    } else if (rec->kind == SC_RECORD_DATA) {
        if (sc_frame_open(p, rec->length, &frame) == SC_E_NONE) {
            conn_frame(conn, &frame);
        } else {
            refuse("a bad frame", p[0]);
        }
    }
}

static void
cut(struct link *link)
{
    size_t           at = 0;
    struct sc_record rec;

    while (link->in_n - at >= SC_RECORD_HEADER) {
        assert_null(sc_record_get(link->in + at, &rec));
        if (link->in_n - at - SC_RECORD_HEADER < rec.length) {
            break;
        }
        on_record(link, &rec, link->in + at + SC_RECORD_HEADER);
        at += SC_RECORD_HEADER + rec.length;
    }

    link->in_n -= at;
    memmove(link->in, link->in + at, link->in_n);
}

static void
read_link(struct link *link)
{
    ssize_t n = recv(link->fd, link->in + link->in_n, IN_ROOM - link->in_n, 0);

    if (n > 0) {
        link->in_n += (size_t) n;
        cut(link);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        link->ended = 1;
    }
}


/* --- coming and going ---------------------------------------------------- */

static void
conn_open(struct conn *conn, unsigned number)
{
    struct link   *link = &links[number % LINKS];
    struct sc_open open = {
        .addr = (const uint8_t *) "127.0.0.1", .addr_len = 9,
        .origin = (const uint8_t *) ORIGIN, .origin_len = strlen(ORIGIN)
    };
    char    text[SC_CID_TEXT + 1];
    uint8_t payload[SC_OPEN_MAX];

    sc_cid_write(text, conn->customer->now.cid);
    open.cid = (const uint8_t *) text;
    open.cid_len = strlen(text);

    conn->link = (int) (number % LINKS);
    conn->id = ++link->streams;
    conn->ready = 0;
    memset(conn->flights, 0, sizeof(conn->flights));
    link->conns[conn->id] = conn;
    record(link, SC_RECORD_OPEN, conn->id, payload,
           sc_open_put(payload, sizeof(payload), &open));
}

static void
customer_open(struct customer *c, unsigned number)
{
    c->asking = 0;
    c->looking = 0;
    conn_open(&c->device, number);
    conn_open(&c->owner, number + 1);

    for (unsigned i = 0; i < SESSIONS; i++) {
        c->sessions[i].senders[0].sent = c->sessions[i].senders[0].answered;
        c->sessions[i].senders[1].sent = c->sessions[i].senders[1].answered;
        conn_open(&c->visitors[i], number + i);
    }
}

int
clients_open(const char *sock)
{
    uint8_t hello[SC_RECORD_HELLO_BYTES];

    memset(links, 0, sizeof(links));
    sc_hello_put(hello);

    for (int i = 0; i < LINKS; i++) {
        struct link *link = &links[i];

        link->fd = connect_to(sock);
        link->in = malloc(IN_ROOM);
        link->out = malloc(OUT_ROOM);
        assert_true(link->in && link->out);
        if (link->fd < 0) {
            link->ended = 1;
            continue;
        }
        fcntl(link->fd, F_SETFL, O_NONBLOCK);
        memcpy(link->out, hello, sizeof(hello));
        link->out_n = sizeof(hello);
    }

    for (unsigned i = 0; i < (unsigned) W.n_customers; i++) {
        customer_open(&W.customers[i], i);
    }

    return links[0].ended || links[LINKS - 1].ended ? -1 : 0;
}

void
clients_close(void)
{
    for (int i = 0; i < LINKS; i++) {
        if (links[i].fd >= 0) {
            close(links[i].fd);
        }
        free(links[i].in);
        free(links[i].out);
    }
}

static int
turn(int ms)
{
    struct pollfd fds[LINKS];
    int           ended = 0;

    for (int i = 0; i < LINKS; i++) {
        fds[i].fd = links[i].ended ? -1 : links[i].fd;
        fds[i].events = (short) (POLLIN | (links[i].out_n ? POLLOUT : 0));
        fds[i].revents = 0;
    }

    poll(fds, LINKS, ms);

    for (int i = 0; i < LINKS; i++) {
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_link(&links[i]);
        }
        if (!links[i].ended && links[i].out_n) {
            write_link(&links[i]);
        }
        ended += links[i].ended;
    }

    return ended == LINKS;
}

int
clients_run(uint64_t deadline)
{
    while (clock_ms() < deadline) {
        if (turn(5)) {
            return 1;
        }
        if (W.broken) {
            return 0;
        }
        for (int i = 0; i < W.n_customers; i++) {
            customer_pump(&W.customers[i]);
        }
        if (W.settling) {
            ack_everything();
            if (everything_settled()
                && links[0].out_n + links[LINKS - 1].out_n == 0)
            {
                return 2;
            }
        }
    }

    return 0;
}

void
clients_drain(void)
{
    for (int i = 0; i < LINKS; i++) {
        links[i].out_n = 0;
        while (!links[i].ended) {
            read_link(&links[i]);
            links[i].out_n = 0;
        }
    }
}
