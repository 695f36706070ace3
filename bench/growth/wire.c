/*
 * A daemon of the shipped build and the one link to it: records in, records
 * out, as nginx's module would.
 */

#include "world.h"

#include <fcntl.h>

#define IN_ROOM      (1u << 20)
#define OUT_ROOM     (4u << 20)
#define OUT_MARK     (1u << 19)  /* no SEND is added above */
#define STREAMS_MAX  (1u << 20)

void
die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("growth: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000u + (uint64_t) t.tv_nsec / 1000u;
}


/* --- the daemon ---------------------------------------------------------- */

void
side_make(struct side *side, const char *name, const char *folder)
{
    struct daemon *d = &side->daemon;
    FILE          *f;
    int            n;

    memset(side, 0, sizeof(*side));
    side->name = name;
    n = snprintf(d->dir, sizeof(d->dir), "%s/%s", folder, name);
    if (n < 0 || (size_t) n >= sizeof(d->dir) || mkdir(d->dir, 0700) != 0) {
        die("could not make %s/%s", folder, name);
    }

    snprintf(d->conf, sizeof(d->conf), "%s/conf", d->dir);
    snprintf(d->sock, sizeof(d->sock), "%s/sock", d->dir);
    snprintf(d->log, sizeof(d->log), "%s/log", d->dir);

    f = fopen(d->conf, "w");
    if (f == NULL) {
        die("could not write %s", d->conf);
    }
    fprintf(f, "[service]\norigin = %s\nregistration = open\n"
            "[link]\nlisten = %s\nmode = 0600\n"
            "[store]\npath = %s/store\nmap_size = 32g\n"
            "[quotas]\nfirst_bytes = none\nfirst_messages = none\n"
            "[limits]\nenabled = off\n"
            "[log]\nlevel = warn\nfile = %s\n", ORIGIN, d->sock, d->dir,
            d->log);
    fclose(f);
}

/* Connects, waiting for the daemon if it has only just been started. */
void
side_link(struct side *side)
{
    uint8_t  hello[SC_RECORD_HELLO_BYTES];
    uint64_t begun = now_us();

    while ((side->fd = connect_to(side->daemon.sock)) < 0) {
        if (now_us() - begun > 60000000u
            || waitpid(side->daemon.pid, NULL, WNOHANG) > 0)
        {
            die("%s did not start; see %s", side->name, side->daemon.log);
        }
        nap(1);
    }

    assert_int_equal(read_all(side->fd, hello, sizeof(hello), PATIENCE), 1);
    assert_null(sc_hello_get(hello + SC_RECORD_HEADER));
    sc_hello_put(hello);
    write_all(side->fd, hello, sizeof(hello));
    fcntl(side->fd, F_SETFL, O_NONBLOCK);

    side->in = malloc(IN_ROOM);
    side->out = malloc(OUT_ROOM);
    side->streams = calloc(STREAMS_MAX, sizeof(struct stream *));
    if (side->in == NULL || side->out == NULL || side->streams == NULL) {
        die("no memory");
    }

    side->paused = 0;
    side->in_n = side->out_n = side->out_at = 0;
    side->n_streams = 0;
}

uint64_t
side_start(struct side *side)
{
    uint64_t begun = now_us();

    side->daemon.pid = daemon_spawn(&side->daemon);
    side_link(side);
    return now_us() - begun;
}

void
side_end(struct side *side, int signal)
{
    close(side->fd);
    free(side->in);
    free(side->out);
    free(side->streams);
    kill(side->daemon.pid, signal);
    (void) wait_for(side->daemon.pid);
    unlink(side->daemon.sock);
    side->daemon.pid = 0;
}


double
side_cpu(const struct side *side)
{
    clockid_t       clock;
    struct timespec t;

    if (clock_getcpuclockid(side->daemon.pid, &clock) != 0
        || clock_gettime(clock, &t) != 0)
    {
        die("no processor time of %s", side->name);
    }
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


/* --- records ------------------------------------------------------------- */

static void
put(struct side *side, uint8_t kind, uint16_t code, uint32_t stream,
    const void *payload, size_t n)
{
    struct sc_record rec = { (uint32_t) n, kind, 0, code, stream };

    if (side->out_n + SC_RECORD_HEADER + n > OUT_ROOM) {
        memmove(side->out, side->out + side->out_at,
                side->out_n - side->out_at);
        side->out_n -= side->out_at;
        side->out_at = 0;
    }
    if (side->out_n + SC_RECORD_HEADER + n > OUT_ROOM) {
        die("more is written to %s than it reads", side->name);
    }

    sc_record_put(side->out + side->out_n, &rec);
    memcpy(side->out + side->out_n + SC_RECORD_HEADER, payload, n);
    side->out_n += SC_RECORD_HEADER + n;
}

int
side_takes(const struct side *side)
{
    return !side->paused && side->out_n - side->out_at < OUT_MARK;
}

static void
on_data(struct side *side, uint32_t id, const uint8_t *p, size_t n)
{
    struct stream        *stream = id <= side->n_streams ? side->streams[id]
                                                         : NULL;
    struct sc_frame       frame;
    struct sc_frame_error error;

    if (stream == NULL) {
        return;
    }

    if (sc_frame_open(p, n, &frame) != SC_E_NONE) {
        die("%s sent what is no frame", side->name);
    }

    if (frame.type == SC_FRAME_ERROR && sc_error_decode(frame.body, &error)) {
        die("%s refused: %.*s", side->name, (int) error.sentence.n,
            (const char *) error.sentence.p);
    }

    stream->on(stream, &frame);
}

static void
on_record(struct side *side, const struct sc_record *rec, const uint8_t *p)
{
    if (rec->kind == SC_RECORD_DATA) {
        on_data(side, rec->stream, p, rec->length);

    } else if (rec->stream == 0 && (rec->kind == SC_RECORD_PAUSE
                                    || rec->kind == SC_RECORD_RESUME))
    {
        side->paused = rec->kind == SC_RECORD_PAUSE;

    } else if (rec->kind == SC_RECORD_CLOSE && side->streams[rec->stream]) {
        die("%s closed a stream: %u %.*s", side->name, rec->code,
            (int) rec->length, (const char *) p);
    }
}

static void
cut(struct side *side)
{
    struct sc_record rec;
    size_t           at = 0;

    while (side->in_n - at >= SC_RECORD_HEADER) {
        if (sc_record_get(side->in + at, &rec) != NULL) {
            die("%s sent a malformed record", side->name);
        }
        if (side->in_n - at - SC_RECORD_HEADER < rec.length) {
            break;
        }
        on_record(side, &rec, side->in + at + SC_RECORD_HEADER);
        at += SC_RECORD_HEADER + rec.length;
    }

    side->in_n -= at;
    memmove(side->in, side->in + at, side->in_n);
}

static void
write_out(struct side *side)
{
    ssize_t n;

    if (side->out_at == side->out_n) {
        return;
    }

    n = send(side->fd, side->out + side->out_at, side->out_n - side->out_at,
             MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        die("writing to %s: %s", side->name, strerror(errno));
    }

    side->out_at += n > 0 ? (size_t) n : 0;
    if (side->out_at == side->out_n) {
        side->out_at = side->out_n = 0;
    }
}

void
side_turn(struct side *side, int ms)
{
    struct pollfd poller = { .fd = side->fd, .events = POLLIN };
    ssize_t       n;

    write_out(side);
    if (side->out_n) {
        poller.events = POLLIN | POLLOUT;
    }

    if (poll(&poller, 1, ms) < 1 || !(poller.revents & ~POLLOUT)) {
        return;
    }

    n = recv(side->fd, side->in + side->in_n, IN_ROOM - side->in_n, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        die("%s ended the link; see %s", side->name, side->daemon.log);
    }

    side->in_n += n > 0 ? (size_t) n : 0;
    cut(side);
}


/* --- streams ------------------------------------------------------------- */

void
stream_open(struct stream *stream, struct side *side, const uint8_t cid[32],
            frame_handler on)
{
    char           text[SC_CID_TEXT + 1];
    uint8_t        payload[SC_OPEN_MAX];
    struct sc_open open = {
        .addr = (const uint8_t *) "127.0.0.1", .addr_len = 9,
        .origin = (const uint8_t *) ORIGIN, .origin_len = strlen(ORIGIN),
        .cid = (const uint8_t *) text, .cid_len = SC_CID_TEXT
    };

    if (side->n_streams + 1 >= STREAMS_MAX) {
        die("too many streams");
    }

    sc_cid_write(text, cid);
    stream->side = side;
    stream->on = on;
    stream->id = ++side->n_streams;
    side->streams[stream->id] = stream;
    put(side, SC_RECORD_OPEN, 0, stream->id, payload,
        sc_open_put(payload, sizeof(payload), &open));
}

void
stream_close(struct stream *stream)
{
    put(stream->side, SC_RECORD_CLOSE, 1000, stream->id, "", 0);
    stream->side->streams[stream->id] = NULL;
}

void
stream_put(struct stream *stream, const uint8_t *frame, size_t n)
{
    put(stream->side, SC_RECORD_DATA, 0, stream->id, frame, n);
}
