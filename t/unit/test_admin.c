/*
 * sealchatctl and the daemon, end to end: what an operator asks and changes,
 * and what is refused.
 */

#define _GNU_SOURCE  /* memmem */

#include "operator.h"

#include <sys/file.h>
#include <sys/ioctl.h>

#include "invitation.h"
#include "log.h"
#include "socket.h"


/* --- looking ------------------------------------------------------------- */

static void
test_status(void **state)
{
    struct owner o;
    char         command[256];

    (void) state;

    owner_register(&o, &P);

    CTL_OK("status");
    says("links                        1");
    CTL_OK("-j status");
    says("\"end\":\"ok\"}\n");

    CTL_OK("metrics");
    says("\nsealchatd_frames_total{type=\"register\"} 1\n");
    says("\nsealchatd_commit_duration_seconds_count ");
    snprintf(command, sizeof(command),
             "%s -c %s metrics | promtool check metrics", ctl_program(),
             D.conf);
    assert_int_equal(system(command), 0);

    assert_int_equal(ctl("nonsense"), 2);
    says("there is no command nonsense");
    assert_int_equal(ctl("customers show"), 2);
    assert_int_equal(ctl("-s /nowhere status"), 1);
    says("sealchatd does not run");
}

/* Bytes that are no request get one line and an end. */
static void
test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "what\n", "There is no command what." },
        { "status why=1\n", "status knows no why." },
        { "STATUS\n", "no verb" },
        { "status\nstatus\n", "more than one line" },
        { "customer\n", "base64url" },
        { "backup\n", "No file came" },
        { "rotate\n", "No file came" },
        { "invite days=0\n", "1 to 3650" },
    };
    char path[128], answer[1024], flood[4096];
    int  fd;

    (void) state;

    snprintf(path, sizeof(path), "%s.admin", D.sock);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ssize_t n;

        fd = connect_to(path);
        assert_true(fd >= 0);
        write_all(fd, rows[i].text, strlen(rows[i].text));
        n = read(fd, answer, sizeof(answer) - 1);
        assert_true(n > 0);
        answer[n] = '\0';
        if (strstr(answer, rows[i].why) == NULL) {
            fail_msg("%s: %s", rows[i].text, answer);
        }
        close(fd);
    }

    /* Longer than any request, and never ended. */
    memset(flood, 'a', sizeof(flood));
    fd = connect_to(path);
    (void) send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
    assert_true(read(fd, answer, sizeof(answer)) >= 0);
    close(fd);

    CTL_OK("status");
}

/* Eight at a time; the next one is told so, and they end in time. */
static void
test_many(void **state)
{
    char    path[128], answer[256];
    int     fds[9];
    ssize_t n;

    (void) state;

    snprintf(path, sizeof(path), "%s.admin", D.sock);
    for (int i = 0; i < 9; i++) {
        fds[i] = connect_to(path);
        assert_true(fds[i] >= 0);
    }

    n = read(fds[8], answer, sizeof(answer) - 1);
    assert_true(n > 0);
    answer[n] = '\0';
    assert_non_null(strstr(answer, "too many"));

    for (int i = 0; i < 9; i++) {
        close(fds[i]);
    }

    nap(100);
    CTL_OK("status");
}

/* Sends a command; its answer is read from what is returned. */
static int
begin(const char *format, ...)
{
    char    path[128], line[256];
    va_list args;
    int     fd;

    snprintf(path, sizeof(path), "%s.admin", D.sock);
    fd = connect_to(path);
    assert_true(fd >= 0);

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    write_all(fd, line, strlen(line));

    return fd;
}

/* Reads to the end of an answer, which says ok. */
static void
end_ok(int fd)
{
    char    answer[1024];
    size_t  used = 0;
    ssize_t n;

    while ((n = read(fd, answer + used, sizeof(answer) - 1 - used)) > 0) {
        used += (size_t) n;
    }

    answer[used] = '\0';
    close(fd);
    assert_non_null(strstr(answer, "\"end\":\"ok\""));
}

/* Its socket is full of an answer when no more comes. */
static void
wait_stuck(int fd)
{
    int queued = 0, before;

    do {
        before = queued;
        nap(300);
        assert_int_equal(ioctl(fd, FIONREAD, &queued), 0);
    } while (queued != before || queued == 0);
}

/* Whoever does not read an answer holds up no stop. */
static void
test_stop(void **state)
{
    int fd;

    (void) state;

    /* Their list has to be longer than a socket holds. */
    for (int i = 0; i < 400; i++) {
        end_ok(begin("invite label=%060d\n", i));
    }

    fd = begin("invitations\n");
    wait_stuck(fd);
    peer_close(&P);
    daemon_stop(&D);
    close(fd);

    daemon_start(&D);
    peer_open(&P, &D);
}


/* --- customers ----------------------------------------------------------- */

/* Where the log says it for the last time; -1: nowhere. */
static long
log_last(const char *text)
{
    static char log[1 << 20];

    FILE  *f = fopen(D.log, "r");
    char  *at = log, *found = NULL;
    size_t n;

    assert_non_null(f);
    n = fread(log, 1, sizeof(log) - 1, f);
    log[n] = '\0';
    fclose(f);

    while ((at = strstr(at, text)) != NULL) {
        found = at++;
    }

    return found ? found - log : -1;
}

/* What was committed last is what holds. */
static void
test_at_once(void **state)
{
    struct owner o;
    char         disabled[64], enabled[64];
    long         at[2];
    int          fds[2];

    (void) state;

    owner_register(&o, &P);
    snprintf(disabled, sizeof(disabled), "%s: disabled",
             sc_log_id(o.cid).text);
    snprintf(enabled, sizeof(enabled), "%s: enabled", sc_log_id(o.cid).text);

    for (int i = 0; i < 60; i++) {
        fds[i & 1] = begin("disable cid=%s\n", cid_text(&o));
        fds[~i & 1] = begin("enable cid=%s\n", cid_text(&o));
        end_ok(fds[0]);
        end_ok(fds[1]);

        at[0] = log_last(enabled);
        at[1] = log_last(disabled);
        assert_true(at[0] >= 0 && at[1] >= 0);
        CTL_OK("-j customers show %s", cid_text(&o));
        says(at[1] > at[0] ? "\"disabled\":true" : "\"disabled\":false");
    }
}

/* CLOSE comes, whatever was said before it. */
static void
is_closed(struct client *c, uint16_t code, const char *reason)
{
    struct got *got;

    while ((got = next_of(c, PATIENCE)) != NULL
           && got->rec.kind != SC_RECORD_CLOSE)
    {
        free(got);
    }

    assert_non_null(got);
    assert_int_equal(got->rec.code, code);
    assert_int_equal(got->rec.length, strlen(reason));
    assert_memory_equal(got->payload, reason, strlen(reason));
    free(got);
}

static void
test_customers(void **state)
{
    struct owner   o, other;
    struct visitor v, gone;
    struct client  device, visitor, leaver;
    struct chain   vc = { 0 };
    struct letter  a;
    struct answer  done;
    char           text[64];

    (void) state;

    owner_register(&o, &P);
    owner_register(&other, &P);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);
    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    expect_stored(&visitor);
    expect_deliver(&device, &a, &v);

    CTL_OK("-j customers list");
    says("\"end\":\"ok\"");
    says("\"customers\":2");
    says(cid_text(&o));
    says(cid_text(&other));

    CTL_OK("-j customers show %s", cid_text(&o));
    says("\"messages\":1");
    says("\"days\":90");
    CTL_OK("-j sessions %s", cid_text(&o));
    says("\"sessions\":1");
    CTL_OK("-j devices %s", cid_text(&o));
    says("\"devices\":1");
    says("\"behind\":1");

    CTL_OK("customers retention %s forever", cid_text(&o));
    CTL_OK("customers quota %s --messages 1 --bytes none", cid_text(&o));
    CTL_OK("-j customers show %s", cid_text(&o));
    says("\"days\":\"forever\"");
    says("\"messages\":1,\"sessions\":null");
    says("\"bytes\":\"none\"");
    assert_int_equal(ctl("customers retention %s 8", cid_text(&o)), 1);
    says("one of 7, 30, 90, 365 and forever");
    assert_int_equal(ctl("customers quota %s --messages x", cid_text(&o)), 1);

    letter_make(&a, &o, &v, NULL, &vc);
    ask_send(&visitor, &a);
    expect_error(&visitor, SC_E_QUOTA_FULL);

    /* What stays of a session that ended can be watched. */
    visitor_make(&gone, &o);
    visitor_login(&leaver, &P, &o, &gone);
    ASK(&leaver, delete, .sid = gone.sid);
    done = expect_frame(&leaver, SC_FRAME_DONE);
    answer_free(&done);
    CTL_OK("metrics");
    says("\nsealchatd_store_entries{table=\"deleted\"} 1\n");
    says("\nsealchatd_store_bytes{table=\"deleted\"} ");

    /* Streams are closed, and nobody gets in until it is enabled. */
    CTL_OK("customers disable %s", cid_text(&o));
    is_closed(&visitor, 1013, "not-here");
    is_closed(&device, 1013, "not-here");
    client_open(&device, &P, o.cid);
    ask_auth(&device, SC_ROLE_DEVICE, o.devices[0].id, o.devices[0].sk, NULL,
             0);
    expect_error(&device, SC_E_NOT_HERE);
    CTL_OK("customers enable %s", cid_text(&o));
    device_login(&device, &P, &o, 0);

    assert_int_equal(ctl("customers delete %s other", cid_text(&o)), 1);
    says("has to stand twice");
    snprintf(text, sizeof(text), "%s", cid_text(&o));
    CTL_OK("customers delete %s %s", text, text);
    is_closed(&device, 1008, "account-deleted");
    assert_int_equal(ctl("customers show %s", text), 1);
    CTL_OK("-j customers list");
    says("\"customers\":1");
}

static void
test_invitations(void **state)
{
    struct owner  o, second;
    struct client c;
    struct answer a;
    char          text[64] = "", *at;
    uint8_t       invitation[SC_INVITATION_BYTES];

    (void) state;

    peer_close(&P);
    daemon_stop(&D);
    daemon_configure(&D, "invitation");
    daemon_start(&D);
    peer_open(&P, &D);

    CTL_OK("-j invitations create --days 7 --label shop-7");
    at = strstr(Out, "\"invitation\":\"");
    assert_non_null(at);
    memcpy(text, at + 14, 32);
    assert_int_equal(sodium_hex2bin(invitation, sizeof(invitation), text, 32,
                                    NULL, NULL, NULL), 0);

    /* What is in the store is not what lets anyone in. */
    CTL_OK("-j invitations list");
    says("\"label\":\"shop-7\"");
    assert_null(strstr(Out, text));

    owner_make(&o);
    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    wraps_make(&o);
    owner_sign(&o);
    ask_register(&c, &o);
    expect_error(&c, SC_E_REGISTRATION_CLOSED);

    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    ask_register_invited(&c, &o, invitation);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    expect_challenge(&c);
    client_close(&c);

    /* Once. */
    owner_make(&second);
    client_open(&c, &P, second.cid);
    take_salt(&c, &second);
    wraps_make(&second);
    owner_sign(&second);
    ask_register_invited(&c, &second, invitation);
    expect_error(&c, SC_E_REGISTRATION_CLOSED);

    CTL_OK("-j invitations list");
    says(cid_text(&o));

    CTL_OK("-j invitations create");
    at = strstr(Out, "\"name\":\"");
    assert_non_null(at);
    memcpy(text, at + 8, SC_CID_TEXT);
    text[SC_CID_TEXT] = '\0';
    CTL_OK("invitations revoke %s", text);
    assert_int_equal(ctl("invitations revoke %s", text), 1);
}


/* --- the vault ----------------------------------------------------------- */

/* Whether the store's file has that text. */
static int
store_has(const char *text)
{
    static char all[64 << 20];
    char        path[128];
    FILE       *file;
    size_t      n;

    snprintf(path, sizeof(path), "%s/store/store.mdb", D.dir);
    file = fopen(path, "r");
    assert_non_null(file);
    n = fread(all, 1, sizeof(all), file);
    fclose(file);

    return memmem(all, n, text, strlen(text)) != NULL;
}

static void
refuses_to_start(const char *why)
{
    int status = wait_for(daemon_spawn(&D));

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    if (!log_has(&D, why)) {
        fail_msg("nothing in the log of \"%s\"", why);
    }
}

static void
test_vault(void **state)
{
    struct owner  o;
    struct client owner;
    struct stat   before, after;
    char          key[128], kept[160], path[192];
    int           folder;

    (void) state;

    owner_register(&o, &P);
    snprintf(key, sizeof(key), "%s/store.key", D.dir);
    snprintf(kept, sizeof(kept), "%s.kept", key);

    /* The account record lies there as it is, and wraps do not. */
    assert_true(store_has("SCA1"));
    assert_false(store_has("SCK1"));

    /* While another one is at it, nothing is changed. */
    folder = open(D.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(folder, LOCK_EX), 0);
    assert_int_equal(stat(key, &before), 0);
    assert_int_equal(ctl("vault rotate"), 1);
    says("another rotation is under way");
    assert_int_equal(stat(key, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    close(folder);

    CTL_OK("-j vault rotate");
    says("\"resealed\":5");
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    client_close(&owner);

    peer_close(&P);
    daemon_stop(&D);

    assert_int_equal(chmod(key, 0640), 0);
    refuses_to_start("chmod 600");
    assert_int_equal(chmod(key, 0600), 0);

    assert_int_equal(rename(key, kept), 0);
    refuses_to_start("is missing, and the store");
    assert_int_not_equal(access(key, F_OK), 0);

    CTL_OK("vault create");
    refuses_to_start("which is not in the key file");
    assert_int_equal(ctl("vault create"), 1);
    says("File exists");

    assert_int_equal(rename(kept, key), 0);
    CTL_OK("check");
    says("wraps                        5");
    daemon_start(&D);
    peer_open(&P, &D);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    client_close(&owner);

    snprintf(path, sizeof(path), "%s.new", key);
    assert_int_not_equal(access(path, F_OK), 0);
}

#define ADMIN_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ADMIN_TEST(test_status),
        ADMIN_TEST(test_refusals),
        ADMIN_TEST(test_many),
        ADMIN_TEST(test_stop),
        ADMIN_TEST(test_at_once),
        ADMIN_TEST(test_customers),
        ADMIN_TEST(test_invitations),
        ADMIN_TEST(test_vault),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
