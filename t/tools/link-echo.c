/*
 * link-echo: a link's other end that knows nothing of SealChat.  It takes the
 * part of the sidecar on a Unix socket, is strict about records, sends every
 * DATA back on its stream and answers CLOSE and PING.  With it the nginx
 * module is tested and measured alone.
 *
 *     link-echo [switches] SOCKET
 *
 *     --no-hello       accept links, and never greet
 *     --garbage        answer the first DATA of a link with an invalid record
 *     --truncate       answer the first DATA of a link with half a record, and
 *                      close the link
 *     --close CODE     answer the first DATA of a stream with CLOSE
 *     --flood N        answer each DATA with N copies, PAUSE or not
 *     --oversize       answer the first DATA of a link with a record that
 *                      claims 65,537 bytes
 *     --no-ticket      never say that a stream is authenticated
 *     --pour N         answer DATA above 1,000 bytes with N messages of its
 *                      length, as fast as PAUSE and the link allow
 *     --pour-bytes N   messages of that length instead
 *     --strange-status tell metrics among lines that are none
 *     --repeating-status tell of one family again and again
 *     --many-status      tell of as many families as there is room for
 *     --unasked-status answer the first DATA of a link with STATUS
 *     --stop-reading   after the first DATA of a link, read nothing more
 *
 * Each stream gets a ticket that names the process, the link and the stream.
 * SIGUSR1 sends PAUSE of the whole link to all links, SIGUSR2 RESUME.  Each
 * link and each PAUSE, RESUME, OPEN and CLOSE that comes is a line on
 * standard output.
 */

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include <sealchat/frames.h>
#include <sealchat/record.h>

#define INPUT_BYTES (4 * (SC_RECORD_HEADER + SC_RECORD_PAYLOAD_MAX))

#define POUR_BYTES  1000u
#define POUR_WINDOW 65536u      /* of a link, not yet taken by the kernel */

enum { STREAM_FREE, STREAM_OPEN, STREAM_PAUSED };

struct stream {
    uint8_t  state;
    uint32_t pour;              /* messages still to be sent, */
    uint32_t length;            /* and of what length */
};

struct link {
    uv_pipe_t pipe;
    struct link *next;
    unsigned  number;
    int       greeted;
    int       misbehaved;
    struct stream *streams;     /* by id */
    uint32_t  nstreams;
    uint32_t  pouring;          /* whose turn it is */
    uint64_t  turn;             /* of the loop, in which */
    size_t    poured;           /* so much was sent */
    size_t    have;
    uint8_t   in[INPUT_BYTES];
};

struct output {
    uv_write_t req;
    size_t     n;
    uint8_t    bytes[];
};

static struct {
    int         no_hello;
    int         garbage;
    int         truncate;
    int         oversize;
    int         no_ticket;
    int         stop_reading;
    int         strange_status;
    int         repeating_status;
    int         many_status;
    int         unasked_status;
    uint16_t    close_code;
    unsigned    copies;
    unsigned    pour;
    unsigned    pour_bytes;     /* 0: as long as what came */
    const char *path;
} opt = { .copies = 1 };

static struct link *links;
static uint64_t     turn;       /* of the loop */
static uv_idle_t    again;      /* there is more to pour in the next one */
static unsigned     links_made;

static void say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void
say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static void
check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "link-echo: %s: %s\n", what, uv_strerror(rc));
        exit(1);
    }
}

static void *
allocate(size_t n)
{
    void *p = calloc(1, n);

    if (p == NULL) {
        check(UV_ENOMEM, "calloc");
    }

    return p;
}

static void
on_link_closed(uv_handle_t *handle)
{
    struct link  *link = handle->data;
    struct link **at;

    for (at = &links; *at != link; at = &(*at)->next) {
    }

    *at = link->next;
    free(link->streams);
    free(link);
}

static void
link_close(struct link *link, const char *why)
{
    if (!uv_is_closing((uv_handle_t *) &link->pipe)) {
        say("link %u closed: %s", link->number, why);
        uv_close((uv_handle_t *) &link->pipe, on_link_closed);
    }
}

static void pour_all(struct link *link);

static void
on_again(uv_idle_t *idle)
{
    uv_idle_stop(idle);
}

static void
on_written(uv_write_t *req, int status)
{
    struct link *link = req->handle->data;

    free(req->data);

    if (status < 0) {
        link_close(link, uv_strerror(status));
        return;
    }

    if (opt.pour) {
        pour_all(link);
    }
}

/* Sends the first n bytes of a record; all of it, but for --truncate. */
static void
send_bytes(struct link *link, const struct sc_record *rec,
           const uint8_t *payload, size_t n)
{
    struct output *out = allocate(sizeof(*out) + SC_RECORD_HEADER
                                  + rec->length);
    uv_buf_t       buf;

    sc_record_put(out->bytes, rec);
    if (rec->length) {
        memcpy(out->bytes + SC_RECORD_HEADER, payload, rec->length);
    }

    out->req.data = out;
    buf = uv_buf_init((char *) out->bytes, (unsigned) n);
    check(uv_write(&out->req, (uv_stream_t *) &link->pipe, &buf, 1,
                   on_written), "write");
}

static void
send_record(struct link *link, uint8_t kind, uint8_t flags, uint16_t code,
            uint32_t stream, const uint8_t *payload, uint32_t length)
{
    struct sc_record rec = { length, kind, flags, code, stream };

    send_bytes(link, &rec, payload, SC_RECORD_HEADER + (size_t) length);
}

/* One message for each stream in turn, for as long as there is room. */
static void
pour_all(struct link *link)
{
    static const uint8_t zeros[SC_RECORD_PAYLOAD_MAX];
    struct stream       *stream;
    uint32_t             idle = 0;

    /* No more in one turn: a PAUSE that came meanwhile wants to be read. */
    if (link->turn != turn) {
        link->turn = turn;
        link->poured = 0;
    }

    while (idle < link->nstreams && link->poured < POUR_WINDOW
           && link->pipe.write_queue_size < POUR_WINDOW)
    {
        stream = &link->streams[link->pouring++ % link->nstreams];
        idle++;

        if (stream->pour && stream->state == STREAM_OPEN) {
            stream->pour--;
            link->poured += stream->length;
            idle = 0;
            send_record(link, SC_RECORD_DATA, 0, 0,
                        (uint32_t) (stream - link->streams), zeros,
                        stream->length);
        }
    }

    if (link->poured >= POUR_WINDOW) {
        uv_idle_start(&again, on_again);
    }
}

static struct stream *
stream_of(struct link *link, uint32_t id)
{
    uint32_t n = link->nstreams ? link->nstreams : 64;

    if (id > 1u << 20) {
        return NULL;
    }

    while (n <= id) {
        n *= 2;
    }

    if (n > link->nstreams) {
        struct stream *streams = allocate(n * sizeof(*streams));

        if (link->nstreams) {
            memcpy(streams, link->streams,
                   link->nstreams * sizeof(*streams));
        }
        free(link->streams);
        link->streams = streams;
        link->nstreams = n;
    }

    return &link->streams[id];
}

/* What a broken sidecar would do with its first DATA.  True when done. */
static int
misbehave(struct link *link, const struct sc_record *rec,
          const uint8_t *payload)
{
    if (link->misbehaved) {
        return 0;
    }

    if (opt.garbage) {
        link->misbehaved = 1;
        send_record(link, 0xee, 0, 0, rec->stream, payload, rec->length);
        return 1;
    }

    if (opt.truncate) {
        uv_buf_t  buf;
        uint8_t   bytes[SC_RECORD_HEADER];

        link->misbehaved = 1;
        sc_record_put(bytes, rec);
        buf = uv_buf_init((char *) bytes, sizeof(bytes));
        check(uv_try_write((uv_stream_t *) &link->pipe, &buf, 1), "write");
        link_close(link, "truncated");
        return 1;
    }

    if (opt.oversize) {
        static const uint8_t large[SC_RECORD_PAYLOAD_MAX + 1];

        link->misbehaved = 1;
        send_record(link, SC_RECORD_DATA, 0, 0, rec->stream, large,
                    sizeof(large));
        return 1;
    }

    if (opt.unasked_status) {
        link->misbehaved = 1;
        send_record(link, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0,
                    NULL, 0);
        return 1;
    }

    if (opt.stop_reading) {
        link->misbehaved = 1;
        uv_read_stop((uv_stream_t *) &link->pipe);
    }

    return 0;
}

static const char *
on_data(struct link *link, const struct sc_record *rec,
        const uint8_t *payload, struct stream *stream)
{
    unsigned i;

    if (misbehave(link, rec, payload)) {
        return NULL;
    }

    if (opt.close_code) {
        if (stream->state != STREAM_FREE) {
            stream->state = STREAM_FREE;
            send_record(link, SC_RECORD_CLOSE, 0, opt.close_code,
                        rec->stream, (const uint8_t *) "told to", 7);
        }
        return NULL;
    }

    if (opt.pour && rec->length > POUR_BYTES) {
        stream->pour = opt.pour;
        stream->length = opt.pour_bytes ? opt.pour_bytes : rec->length;
        pour_all(link);
        return NULL;
    }

    for (i = 0; i < opt.copies; i++) {
        send_record(link, SC_RECORD_DATA, 0, 0, rec->stream, payload,
                    rec->length);
    }

    return NULL;
}

static const char *
on_open(struct link *link, const struct sc_record *rec,
        const uint8_t *payload, struct stream *stream)
{
    struct sc_open open;
    const char    *wrong = sc_open_get(payload, rec->length, &open);
    char           ticket[64];
    int            n;

    if (wrong) {
        return wrong;
    }

    if (stream->state != STREAM_FREE) {
        return "OPEN of a stream that is open";
    }

    stream->state = rec->flags & SC_RECORD_FLAG_PAUSED ? STREAM_PAUSED
                                                       : STREAM_OPEN;
    stream->pour = 0;
    say("link %u open %u addr=%.*s origin=%.*s cid=%.*s%s%s%.*s",
        link->number, rec->stream,
        (int) open.addr_len, (const char *) open.addr,
        (int) open.origin_len, (const char *) open.origin,
        (int) open.cid_len, (const char *) open.cid,
        rec->flags & SC_RECORD_FLAG_PAUSED ? " paused" : "",
        rec->flags & SC_RECORD_FLAG_AGAIN ? " again ticket=" : "",
        (int) open.ticket_len, (const char *) open.ticket);

    if (!opt.no_ticket) {
        n = snprintf(ticket, sizeof(ticket), "%cof-%d-%u-%u",
                     SC_ROLE_VISITOR, (int) getpid(), link->number,
                     rec->stream);
        send_record(link, SC_RECORD_TICKET, 0, 0, rec->stream,
                    (const uint8_t *) ticket, (uint32_t) n);
    }

    return NULL;
}

static const char *
on_stream_record(struct link *link, const struct sc_record *rec,
                 const uint8_t *payload)
{
    struct stream *stream = stream_of(link, rec->stream);

    if (stream == NULL) {
        return "stream id above 2^20";
    }

    if (rec->kind == SC_RECORD_OPEN) {
        return on_open(link, rec, payload, stream);
    }

    /* After --close, what the module sent before our CLOSE came there. */
    if (stream->state == STREAM_FREE && opt.close_code == 0) {
        return "record on a stream that is not open";
    }

    switch (rec->kind) {

    case SC_RECORD_DATA:
        return on_data(link, rec, payload, stream);

    case SC_RECORD_CLOSE:
        say("link %u close %u %u %.*s", link->number, rec->stream, rec->code,
            (int) rec->length, (const char *) payload);
        if (stream->state != STREAM_FREE) {
            stream->state = STREAM_FREE;
            send_record(link, SC_RECORD_CLOSE, 0, rec->code, rec->stream,
                        NULL, 0);
        }
        return NULL;

    default:
        say("link %u %s %u", link->number,
            rec->kind == SC_RECORD_PAUSE ? "pause" : "resume", rec->stream);
        stream->state = rec->kind == SC_RECORD_PAUSE ? STREAM_PAUSED
                                                     : STREAM_OPEN;
        if (opt.pour) {
            pour_all(link);
        }
        return NULL;
    }
}

/* Each repetition alone is a few bytes, and names what is large. */
static void
send_repeating_status(struct link *link)
{
    static char text[SC_RECORD_PAYLOAD_MAX];
    size_t      n = 0, i;

    n += (size_t) snprintf(text, sizeof(text),
                           "# HELP large Many.\n# TYPE large gauge\n");
    for (i = 0; i < 1000; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n,
                               "large{i=\"%zu\"} 1\n", i);
    }
    for (i = 0; i < 1000; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n,
                               "# TYPE a gauge\n# TYPE large gauge\n");
    }

    send_record(link, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0,
                (const uint8_t *) text, (uint32_t) n);
}

static void
send_many_status(struct link *link)
{
    static char text[SC_RECORD_PAYLOAD_MAX];
    size_t      n, i;

    for (n = 0, i = 0; n + 64 < sizeof(text); i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n,
                               "# TYPE f%zu gauge\nf%zu 1\n", i, i);
    }

    send_record(link, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0,
                (const uint8_t *) text, (uint32_t) n);
}

static void
send_status(struct link *link)
{
    static const char strange[] =
        "no_comment_before 1\n"
        "# HELP odd_total Oddities.\n# TYPE odd_total counter\n"
        "odd_total{a=\"b\"} 5\n\n \nodd_total{a=\"open\nodd_total\n"
        "odd_total 1 2 3\nodd_total \"5\"\n{x=\"y\"} 5\n\x01\xff 7\n"
        "# HELP odd_ratio Ratio.\n# TYPE odd_ratio gauge\nodd_ratio NaN";

    char text[256];
    int  n = snprintf(text, sizeof(text),
                      "# HELP link_echo_links_total Links taken.\n"
                      "# TYPE link_echo_links_total counter\n"
                      "link_echo_links_total %u\n", links_made);

    if (opt.repeating_status) {
        send_repeating_status(link);
        return;
    }

    if (opt.many_status) {
        send_many_status(link);
        return;
    }

    if (opt.strange_status) {
        send_record(link, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0,
                    (const uint8_t *) strange, sizeof(strange) - 1);
        return;
    }

    send_record(link, SC_RECORD_STATUS, SC_RECORD_FLAG_ANSWER, 0, 0,
                (const uint8_t *) text, (uint32_t) n);
}

static const char *
on_record(struct link *link, const struct sc_record *rec,
          const uint8_t *payload)
{
    if (!link->greeted) {
        link->greeted = 1;
        return rec->kind == SC_RECORD_HELLO ? sc_hello_get(payload)
                                            : "the first record is not HELLO";
    }

    if (rec->kind == SC_RECORD_HELLO) {
        return "a second HELLO";
    }

    if (rec->kind == SC_RECORD_PING) {
        if (!(rec->flags & SC_RECORD_FLAG_ANSWER)) {
            send_record(link, SC_RECORD_PING, SC_RECORD_FLAG_ANSWER, 0, 0,
                        NULL, 0);
        }
        return NULL;
    }

    if (rec->kind == SC_RECORD_STATUS) {
        send_status(link);
        return NULL;
    }

    if (rec->stream == 0) {
        return "record without a stream";
    }

    return on_stream_record(link, rec, payload);
}

static void
on_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *buf)
{
    struct link     *link = pipe->data;
    struct sc_record rec;
    const char      *wrong = NULL;
    size_t           at = 0;

    (void) buf;

    if (n < 0) {
        link_close(link, uv_strerror((int) n));
        return;
    }

    link->have += (size_t) n;

    while (wrong == NULL && link->have - at >= SC_RECORD_HEADER) {
        wrong = sc_record_get(link->in + at, &rec);
        if (wrong || link->have - at < SC_RECORD_HEADER + rec.length) {
            break;
        }
        wrong = on_record(link, &rec, link->in + at + SC_RECORD_HEADER);
        at += SC_RECORD_HEADER + rec.length;
    }

    if (wrong) {
        fprintf(stderr, "link-echo: invalid record: %s\n", wrong);
        link_close(link, wrong);
        return;
    }

    memmove(link->in, link->in + at, link->have - at);
    link->have -= at;
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct link *link = handle->data;

    (void) suggested;
    *buf = uv_buf_init((char *) link->in + link->have,
                       (unsigned) (sizeof(link->in) - link->have));
}

static void
on_connection(uv_stream_t *listener, int status)
{
    struct link   *link = allocate(sizeof(*link));
    struct output *out;
    uv_buf_t       buf;

    check(status, "listen");
    link->number = ++links_made;
    link->pipe.data = link;
    link->next = links;
    links = link;

    check(uv_pipe_init(listener->loop, &link->pipe, 0), "pipe");
    check(uv_accept(listener, (uv_stream_t *) &link->pipe), "accept");
    say("link %u", link->number);

    if (!opt.no_hello) {
        out = allocate(sizeof(*out) + SC_RECORD_HELLO_BYTES);
        out->req.data = out;
        sc_hello_put(out->bytes);
        buf = uv_buf_init((char *) out->bytes, SC_RECORD_HELLO_BYTES);
        check(uv_write(&out->req, (uv_stream_t *) &link->pipe, &buf, 1,
                       on_written), "write");
    }

    check(uv_read_start((uv_stream_t *) &link->pipe, on_alloc, on_read),
          "read");
}

static void
on_turn(uv_prepare_t *prepare)
{
    struct link *link;

    (void) prepare;
    turn++;
    for (link = links; opt.pour && link != NULL; link = link->next) {
        if (!uv_is_closing((uv_handle_t *) &link->pipe)) {
            pour_all(link);
        }
    }
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct link *link;

    (void) handle;

    if (number == SIGTERM || number == SIGINT) {
        unlink(opt.path);
        exit(0);
    }

    for (link = links; link; link = link->next) {
        send_record(link, number == SIGUSR1 ? SC_RECORD_PAUSE
                                            : SC_RECORD_RESUME,
                    0, 0, 0, NULL, 0);
    }
}

static void
usage(void)
{
    fprintf(stderr,
            "usage: link-echo [--no-hello] [--garbage] [--truncate]\n"
            "                 [--oversize] [--no-ticket] [--close CODE]\n"
            "                 [--flood N] [--pour N [--pour-bytes N]]\n"
            "                 [--stop-reading]\n"
            "                 [--strange-status] [--repeating-status]\n"
            "                 [--many-status]\n"
            "                 [--unasked-status] SOCKET\n");
    exit(2);
}

static void
parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        { "no-hello", no_argument, &opt.no_hello, 1 },
        { "garbage", no_argument, &opt.garbage, 1 },
        { "truncate", no_argument, &opt.truncate, 1 },
        { "oversize", no_argument, &opt.oversize, 1 },
        { "no-ticket", no_argument, &opt.no_ticket, 1 },
        { "strange-status", no_argument, &opt.strange_status, 1 },
        { "repeating-status", no_argument, &opt.repeating_status, 1 },
        { "many-status", no_argument, &opt.many_status, 1 },
        { "unasked-status", no_argument, &opt.unasked_status, 1 },
        { "stop-reading", no_argument, &opt.stop_reading, 1 },
        { "close", required_argument, NULL, 'c' },
        { "flood", required_argument, NULL, 'f' },
        { "pour", required_argument, NULL, 'p' },
        { "pour-bytes", required_argument, NULL, 'b' },
        { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'c') {
            opt.close_code = (uint16_t) atoi(optarg);
        } else if (c == 'f') {
            opt.copies = (unsigned) atoi(optarg);
        } else if (c == 'p') {
            opt.pour = (unsigned) atoi(optarg);
        } else if (c == 'b') {
            opt.pour_bytes = (unsigned) atoi(optarg);
            if (opt.pour_bytes > SC_RECORD_PAYLOAD_MAX) {
                usage();
            }
        } else if (c != 0) {
            usage();
        }
    }

    if (optind != argc - 1) {
        usage();
    }

    opt.path = argv[optind];
}

int
main(int argc, char **argv)
{
    static const int   numbers[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
    static uv_signal_t signals[4];
    static uv_pipe_t   listener;
    static uv_prepare_t prepare;
    uv_loop_t         *loop = uv_default_loop();
    size_t             i;

    parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);

    for (i = 0; i < 4; i++) {
        check(uv_signal_init(loop, &signals[i]), "signal");
        check(uv_signal_start(&signals[i], on_signal, numbers[i]), "signal");
    }

    check(uv_idle_init(loop, &again), "turns");
    check(uv_prepare_init(loop, &prepare), "turns");
    check(uv_prepare_start(&prepare, on_turn), "turns");

    unlink(opt.path);
    check(uv_pipe_init(loop, &listener, 0), "pipe");
    check(uv_pipe_bind(&listener, opt.path), opt.path);
    check(uv_pipe_chmod(&listener, UV_READABLE | UV_WRITABLE), opt.path);
    check(uv_listen((uv_stream_t *) &listener, 511, on_connection), "listen");

    say("listening");
    return uv_run(loop, UV_RUN_DEFAULT);
}
