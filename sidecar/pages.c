/*
 * Pages: reading in the thread pool, so that a page fault never stalls the
 * loop.  A job takes with it what it needs and touches the store alone until
 * it is back; a stream's jobs wait while the stream is paused or its link is
 * full, so that at most one answer of a stream is ever in memory.
 */

#include "pages.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/ids.h"
#include "protocol/wrap.h"
#include "queue.h"

/* Of a MESSAGES body, less its fixed fields. */
#define MESSAGES_BYTES (65532u - 42u)
#define MESSAGE_FIXED  18u
#define ROSTERS_BYTES  (49152u - 10u)

struct sc_job {
    struct sc_job     *next;
    uv_work_t          req;
    struct sc_link    *link;
    struct sc_stream  *stream;
    struct sc_store   *store;
    uint8_t            type;     /* of the request */
    uint8_t            role;
    uint8_t            count;
    uint16_t           tag;
    unsigned           deletions; /* of the customer when it began */
    uint64_t           customer; /* 0: look it up by cid */
    uint64_t           number;   /* before, version or generation */
    uint8_t            cid[32];
    uint8_t            account_id[32];
    uint8_t            self[32];
    uint8_t            id[32];   /* sid, from, roster_id or token */

    enum sc_error_code error;    /* out */
    struct sc_body    *answer;   /* out: a whole frame */
};

/* A list while it is put together, and the frame after it. */
struct sheet {
    struct sc_writer w;
    uint16_t         count;
    uint8_t          list[SC_FRAME_MAX];
    uint8_t          frame[SC_FRAME_MAX];
};


static void
finish(struct sc_job *job, const struct sheet *sheet, size_t n)
{
    if (n) {
        job->answer = sc_body_new(sheet->frame, n);
    }

    if (job->answer == NULL) {
        job->error = SC_E_INTERNAL;
    }
}


static struct sc_list
list_of(const struct sheet *sheet)
{
    struct sc_list list = {
        .p = sheet->list, .n = (size_t) (sheet->w.p - sheet->list),
        .count = sheet->count
    };

    return list;
}


/* --- in the thread pool -------------------------------------------------- */

static enum sc_error_code
missing(int rc)
{
    return rc < 0 ? SC_E_INTERNAL : SC_E_NOT_FOUND;
}


static void
put_blob(struct sheet *sheet, const struct sc_blob_out *blob)
{
    struct sc_blob item = { .bytes = { blob->p, blob->n } };

    sc_blob_put(&sheet->w, &item);
    sheet->count++;
}


/* Rosters from job->number on; next gets the version that did not fit. */
static int
put_rosters(struct sc_job *job, struct sheet *sheet, uint64_t *next)
{
    struct sc_blob_out blob;
    uint64_t           version = job->number;
    size_t             used = 0;
    int                rc;

    for ( ;; version++) {
        blob.p = NULL;
        rc = sc_store_roster(job->store, job->customer, version, &blob);

        if (rc != 1) {
            *next = 0;
            return rc;
        }

        used += 2 + blob.n;
        if (sheet->count == SC_PAGE_ROSTERS || used > ROSTERS_BYTES) {
            free(blob.p);
            *next = version;
            return 1;
        }

        put_blob(sheet, &blob);
        free(blob.p);
    }
}


static int
put_roster(struct sc_job *job, struct sheet *sheet, int by_id)
{
    struct sc_blob_out blob = { .p = NULL };
    int                rc;

    rc = by_id ? sc_store_roster_by_id(job->store, job->customer, job->id,
                                       &blob)
               : sc_store_roster(job->store, job->customer, 0, &blob);

    if (rc == 1) {
        put_blob(sheet, &blob);
    }

    free(blob.p);

    return rc;
}


static void
read_rosters(struct sc_job *job, struct sheet *sheet)
{
    struct sc_frame_rosters frame = { .next = 0 };
    int                     by_id = !sc_is_zero(job->id, 32);
    int                     rc;

    rc = by_id || job->number == 0 ? put_roster(job, sheet, by_id)
                                   : put_rosters(job, sheet, &frame.next);

    if (sheet->count == 0 || rc < 0) {
        job->error = missing(rc);
        return;
    }

    frame.rosters = list_of(sheet);
    finish(job, sheet, sc_rosters_encode(sheet->frame, sizeof(sheet->frame),
                                         job->tag, &frame));
}


static void
put_messages(const struct sc_page *page, struct sheet *sheet,
             struct sc_frame_messages *frame)
{
    struct sc_message item;
    size_t            used = 0;

    frame->next = page->next;

    for (size_t i = 0; i < page->n; i++) {
        item.position = page->messages[i].position;
        item.time = page->messages[i].time;
        item.envelope = page->messages[i].envelope;

        used += MESSAGE_FIXED + item.envelope.n;
        if (used > MESSAGES_BYTES) {
            frame->next = page->messages[i - 1].position;
            return;
        }

        sc_message_put(&sheet->w, &item);
        sheet->count++;
    }
}


static void
read_history(struct sc_job *job, struct sheet *sheet)
{
    struct sc_frame_messages frame = { .sid = job->id };
    struct sc_session_info   info;
    struct sc_page          *page;
    int                      rc;

    rc = sc_store_session(job->store, job->customer, job->id, job->self,
                          &info);
    if (rc < 0 || (rc == 0 && job->role == SC_ROLE_DEVICE)) {
        job->error = rc < 0 ? SC_E_INTERNAL
                     : info.deleted ? SC_E_SESSION_DELETED
                     : SC_E_UNKNOWN_SESSION;
        return;
    }

    page = sc_store_history(job->store, job->customer, job->id, job->number,
                            job->count, MESSAGES_BYTES
                            - MESSAGE_FIXED * job->count);
    if (page == NULL) {
        job->error = SC_E_INTERNAL;
        return;
    }

    put_messages(page, sheet, &frame);
    frame.messages = list_of(sheet);
    finish(job, sheet, sc_messages_encode(sheet->frame, sizeof(sheet->frame),
                                          job->tag, &frame));
    sc_store_page_free(page);
}


static void
read_sessions(struct sc_job *job, struct sheet *sheet)
{
    static const uint8_t zeros[32];

    struct sc_frame_session_page frame = { .next = zeros };
    struct sc_session_info      *infos;
    struct sc_session            item;
    int                          n;

    infos = calloc(job->count + 1u, sizeof(*infos));
    n = infos == NULL ? -1
        : sc_store_sessions(job->store, job->customer, job->id, job->self,
                            infos, job->count + 1);
    if (n < 0) {
        free(infos);
        job->error = SC_E_INTERNAL;
        return;
    }

    for (int i = 0; i < n && i < job->count; i++) {
        item.sid = infos[i].sid;
        item.head = infos[i].head;
        item.time = infos[i].time;
        item.seq = infos[i].seq;
        item.id = infos[i].id;
        item.release = infos[i].release;
        item.blocked = infos[i].blocked != 0;
        item.hello.p = infos[i].hello;
        item.hello.n = infos[i].hello_len;
        sc_session_put(&sheet->w, &item);
        sheet->count++;
    }

    if (n > job->count) {
        frame.next = infos[job->count].sid;
    }

    frame.sessions = list_of(sheet);
    finish(job, sheet,
           sc_session_page_encode(sheet->frame, sizeof(sheet->frame),
                                  job->tag, &frame));
    free(infos);
}


/* A device gets nothing against which a password could be guessed. */
static int
put_wraps(struct sc_job *job, struct sheet *sheet, uint64_t generation)
{
    struct sc_blob_out blob;
    unsigned           kind = job->role == SC_ROLE_DEVICE
                              ? SC_WRAP_MESSAGE_KEY : SC_WRAP_AK;
    int                rc;

    for ( ; kind <= SC_WRAP_KINDS; kind++) {
        blob.p = NULL;
        rc = sc_store_wrap(job->store, job->account_id, generation,
                           (uint8_t) kind, &blob);
        if (rc == 1) {
            put_blob(sheet, &blob);
        }

        free(blob.p);

        if (rc < 0) {
            return -1;
        }
    }

    return sheet->count ? 1 : 0;
}


/* The roster is the present one whatever generation was asked for, and so is
 * the account record. */
static int
read_set(struct sc_job *job, struct sheet *sheet,
         struct sc_frame_vault *frame, struct sc_blob_out *account,
         struct sc_blob_out *roster)
{
    struct sc_roster present;
    uint8_t          cid[32];
    int              rc;

    rc = sc_store_account(job->store, job->account_id, cid, account);
    if (rc == 1) {
        rc = sc_store_roster(job->store, job->customer, 0, roster);
    }

    frame->roster = (struct sc_bytes) { roster->p, roster->n };

    if (rc == 1 && sc_roster_parse(frame->roster, &present) != NULL) {
        rc = -1;
    }

    if (rc == 1 && frame->generation == 0) {
        frame->generation = present.generation;
    }

    return rc == 1 ? put_wraps(job, sheet, frame->generation) : rc;
}


/* Each change has another account record: while that stands, all that was
 * read behind it is of one version. */
static int
changed_since(const struct sc_job *job, const struct sc_blob_out *account)
{
    struct sc_blob_out now = { .p = NULL };
    uint8_t            cid[32];
    int                changed;

    changed = account->p != NULL
              && sc_store_account(job->store, job->account_id, cid, &now) == 1
              && (now.n != account->n
                  || memcmp(now.p, account->p, now.n) != 0);
    free(now.p);

    return changed;
}


static void
read_vault(struct sc_job *job, struct sheet *sheet)
{
    struct sc_frame_vault frame;
    struct sc_blob_out    account = { .p = NULL }, roster = { .p = NULL };
    int                   rc;

    do {
        free(account.p);
        free(roster.p);
        account.p = roster.p = NULL;
        sheet->w = sc_writer_of(sheet->list, sizeof(sheet->list));
        sheet->count = 0;
        frame = (struct sc_frame_vault) { .generation = job->number };
        rc = read_set(job, sheet, &frame, &account, &roster);
    } while (changed_since(job, &account));

    if (rc == 1) {
        if (job->role != SC_ROLE_DEVICE) {
            frame.account = (struct sc_bytes) { account.p, account.n };
        }
        frame.wraps = list_of(sheet);
        finish(job, sheet, sc_vault_encode(sheet->frame, sizeof(sheet->frame),
                                           job->tag, &frame));
    } else {
        job->error = missing(rc);
    }

    free(account.p);
    free(roster.p);
}


/* Whoever has no such token is told what every other such asker is. */
static void
read_spare(struct sc_job *job, struct sheet *sheet)
{
    struct sc_frame_spare frame;
    struct sc_blob_out    sealed = { .p = NULL };
    uint8_t               name[32];
    int                   rc;

    sc_spare_name_of(name, job->id);
    rc = sc_store_spare(job->store, job->customer, name, &sealed);
    if (rc == 1) {
        frame.sealed = (struct sc_bytes) { sealed.p, sealed.n };
        finish(job, sheet, sc_spare_encode(sheet->frame,
                                           sizeof(sheet->frame), job->tag,
                                           &frame));
    } else {
        job->error = missing(rc);
    }

    free(sealed.p);
}


static void
job_work(uv_work_t *req)
{
    struct sc_job     *job = req->data;
    struct sheet      *sheet = malloc(sizeof(*sheet));
    struct sc_customer customer;
    int                rc = 1;

    if (sheet == NULL) {
        job->error = SC_E_INTERNAL;
        return;
    }

    sheet->w = sc_writer_of(sheet->list, sizeof(sheet->list));
    sheet->count = 0;

    if (job->customer == 0) {
        rc = sc_store_customer(job->store, job->cid, &customer);
        job->customer = rc == 1 ? customer.number : 0;
    }

    if (rc != 1) {
        job->error = rc == 0 ? SC_E_NOT_HERE : SC_E_INTERNAL;
    } else if (job->type == SC_FRAME_ROSTER_GET) {
        read_rosters(job, sheet);
    } else if (job->type == SC_FRAME_HISTORY) {
        read_history(job, sheet);
    } else if (job->type == SC_FRAME_SESSIONS) {
        read_sessions(job, sheet);
    } else if (job->type == SC_FRAME_SPARE_GET) {
        read_spare(job, sheet);
    } else {
        read_vault(job, sheet);
    }

    free(sheet);
}


/* --- on the loop --------------------------------------------------------- */

/* A page that was read before a deletion was told may show what is gone. */
static int
is_stale(const struct sc_job *job)
{
    const struct sc_stream *stream = job->stream;

    return (job->type == SC_FRAME_HISTORY || job->type == SC_FRAME_SESSIONS)
           && !stream->closed
           && stream->customer->deletions != job->deletions;
}


static void
read_again(struct sc_job *job)
{
    struct sc_stream *stream = job->stream;

    sc_body_drop(job->answer);
    job->answer = NULL;
    job->error = SC_E_NONE;
    job->next = stream->jobs_first;
    stream->jobs_first = job;
    if (stream->jobs_last == NULL) {
        stream->jobs_last = job;
    }
}


static void
answer(struct sc_job *job)
{
    struct sc_stream *stream = job->stream;

    if (job->error != SC_E_NONE) {
        if (!stream->closed) {
            sc_stream_error(stream, 1, job->tag, job->error, NULL);
        }
        sc_body_drop(job->answer);
    } else {
        sc_stream_send_body(stream, 1, job->answer);
    }

    free(job);
}


static void
job_done(uv_work_t *req, int status)
{
    struct sc_job    *job = req->data;
    struct sc_stream *stream = job->stream;
    struct sc_link   *link = job->link;

    stream->paging = 0;

    if (status != 0) {
        job->error = SC_E_INTERNAL;
    }

    if (is_stale(job)) {
        read_again(job);
    } else {
        answer(job);
    }

    sc_pages_go_on(stream);
    sc_link_read_ends(link);
    sc_stream_drop(stream);
}


void
sc_pages_go_on(struct sc_stream *stream)
{
    struct sc_job *job = stream->jobs_first;

    if (job == NULL || stream->paging || !sc_stream_may_send(stream)) {
        return;
    }

    if (!sc_link_may_read(stream->link)) {
        sc_link_wait(stream->link, stream);
        return;
    }

    stream->jobs_first = job->next;
    if (stream->jobs_first == NULL) {
        stream->jobs_last = NULL;
    }

    job->link = stream->link;
    if (stream->customer) {
        job->deletions = stream->customer->deletions;
    }

    if (uv_queue_work(&stream->service->loop, &job->req, job_work, job_done)
        != 0)
    {
        free(job);
        sc_stream_close(stream, 1011, "internal");
        return;
    }

    stream->paging = 1;
    sc_stream_ref(stream);
    sc_link_read_begins(job->link);
}


void
sc_pages_cancel(struct sc_stream *stream)
{
    struct sc_job *job;

    while ((job = stream->jobs_first) != NULL) {
        stream->jobs_first = job->next;
        free(job);
    }

    stream->jobs_last = NULL;
}


static struct sc_job *
job_new(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        sc_stream_close(stream, 1011, "internal");
        return NULL;
    }

    job->req.data = job;
    job->stream = stream;
    job->store = stream->service->store;
    job->type = frame->type;
    job->tag = frame->tag;
    job->role = stream->role;
    memcpy(job->cid, stream->cid, 32);
    memcpy(job->self, stream->self, 32);

    if (stream->customer) {
        job->customer = stream->customer->number;
        memcpy(job->account_id, stream->customer->account_id, 32);
    }

    return job;
}


static void
job_queue(struct sc_stream *stream, struct sc_job *job)
{
    if (stream->jobs_last) {
        stream->jobs_last->next = job;
    } else {
        stream->jobs_first = job;
    }

    stream->jobs_last = job;
    sc_pages_go_on(stream);
}


static void
bad_frame(struct sc_stream *stream, const struct sc_frame *frame)
{
    sc_stream_error(stream, 1, frame->tag, SC_E_BAD_FRAME, NULL);
}


void
sc_do_roster_get(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_roster_get get;
    struct sc_job             *job;

    if (!sc_roster_get_decode(frame->body, &get)) {
        bad_frame(stream, frame);
        return;
    }

    job = job_new(stream, frame);
    if (job) {
        memcpy(job->id, get.id, 32);
        job->number = get.version;
        job_queue(stream, job);
    }
}


void
sc_do_history(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_history history;
    struct sc_job          *job;

    if (!sc_history_decode(frame->body, &history) || history.count == 0) {
        bad_frame(stream, frame);
        return;
    }

    if (stream->role == SC_ROLE_VISITOR
        && memcmp(history.sid, stream->session->sid, 32) != 0)
    {
        sc_stream_error(stream, 1, frame->tag, SC_E_UNKNOWN_SESSION, NULL);
        return;
    }

    job = job_new(stream, frame);
    if (job) {
        memcpy(job->id, history.sid, 32);
        job->number = history.before;
        job->count = (uint8_t) (history.count < SC_PAGE_MESSAGES
                                ? history.count : SC_PAGE_MESSAGES);
        job_queue(stream, job);
    }
}


void
sc_do_sessions(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_sessions sessions;
    struct sc_job           *job;

    if (!sc_sessions_decode(frame->body, &sessions) || sessions.count == 0) {
        bad_frame(stream, frame);
        return;
    }

    job = job_new(stream, frame);
    if (job) {
        memcpy(job->id, sessions.from, 32);
        job->count = (uint8_t) (sessions.count < SC_PAGE_SESSIONS
                                ? sessions.count : SC_PAGE_SESSIONS);
        job_queue(stream, job);
    }
}


void
sc_do_vault_get(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_vault_get get;
    struct sc_job            *job;

    if (!sc_vault_get_decode(frame->body, &get)) {
        bad_frame(stream, frame);
        return;
    }

    job = job_new(stream, frame);
    if (job) {
        job->number = get.generation;
        job_queue(stream, job);
    }
}


void
sc_do_spare_get(struct sc_stream *stream, const struct sc_frame *frame)
{
    struct sc_frame_spare_get get;
    struct sc_job            *job;

    if (!sc_spare_get_decode(frame->body, &get)) {
        bad_frame(stream, frame);
        return;
    }

    if (stream->spare_gets >= SC_SPARE_GETS_MAX) {
        sc_stream_error(stream, 1, frame->tag, SC_E_BUSY,
                        "A connection asks for few spare keys.");
        return;
    }

    stream->spare_gets++;
    job = job_new(stream, frame);
    if (job) {
        memcpy(job->id, get.token, 32);
        job_queue(stream, job);
    }
}
