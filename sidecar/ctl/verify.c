/*
 * sealchatctl verify: whether what a customer says about its key on its page,
 * in /.well-known/sealchat.json and in the DNS is one thing, and whether the
 * service shows a list of devices that this key has signed.
 *
 * It is for anybody, anywhere: nothing of it needs the service's host.  Each
 * thing is fetched, or read from a file; with --offline only files are.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include <nettle/sha2.h>

#include "claims.h"
#include "commands.h"
#include "fetch.h"
#include "protocol/ids.h"
#include "protocol/roster.h"

struct verify {
    const struct sc_ctl *ctl;
    const char          *domain;      /* NULL: everything is given */
    const char          *page, *well_known, *txt, *widget, *roster;
    int                  offline;
    struct sc_claim      claim;       /* the page's: what all compare with */
    json_t              *report;
    unsigned             wrong, missing;
};


/* --- what is found ------------------------------------------------------- */

static void
say(struct verify *v, const char *what, const char *state, const char *detail)
{
    json_object_set_new(v->report, what,
                        json_pack("{s:s,s:s}", "state", state, "detail",
                                  detail));
    if (!v->ctl->json) {
        printf("%-12s %-8s %s\n", what, state, detail);
    }
}

static void
good(struct verify *v, const char *what, const char *detail)
{
    say(v, what, "ok", detail);
}

static void
wrong(struct verify *v, const char *what, const char *detail)
{
    v->wrong++;
    say(v, what, "WRONG", detail);
}

static void
missing(struct verify *v, const char *what, const char *detail)
{
    v->missing++;
    say(v, what, "missing", detail);
}

/* Of a file that was given, or fetched from where it has to be. */
static int
look_up(struct verify *v, const char *what, const char *given,
        const char *format, struct sc_fetched *out)
{
    char        where[512];
    const char *why;

    if (given == NULL && (v->offline || v->domain == NULL)) {
        missing(v, what, "not given");
        return -1;
    }

    snprintf(where, sizeof(where), format, v->domain ? v->domain : "");
    if (sc_fetch(given ? given : where, out, &why) != 0) {
        missing(v, what, why);
        return -1;
    }

    return 0;
}


/* --- the five things ----------------------------------------------------- */

static int
check_page(struct verify *v)
{
    struct sc_fetched page;
    const char       *why;
    char              cid[SC_CID_TEXT + 1], text[SC_CLAIM_TEXT + 128];

    if (look_up(v, "page", v->page, "https://%s/", &page) != 0) {
        return -1;
    }

    why = sc_claim_of_page(page.p, page.n, &v->claim);
    free(page.p);
    if (why) {
        wrong(v, "page", why);
        return -1;
    }

    sc_cid_write(cid, v->claim.cid);
    snprintf(text, sizeof(text), "cid %s, least generation %llu, at %s", cid,
             (unsigned long long) v->claim.min_generation, v->claim.service);
    good(v, "page", text);
    return 0;
}

static void
compare(struct verify *v, const char *what, const struct sc_claim *other)
{
    if (memcmp(other->cid, v->claim.cid, 32) != 0) {
        wrong(v, what, "it names another key than the page");
    } else if (other->min_generation != v->claim.min_generation) {
        wrong(v, what, "it names another least generation than the page");
    } else if (other->service[0]
               && strcmp(other->service, v->claim.service) != 0)
    {
        wrong(v, what, "it names another service than the page");
    } else {
        good(v, what, "it says the same as the page");
    }
}

static void
check_well_known(struct verify *v)
{
    struct sc_fetched file;
    struct sc_claim   claim;
    const char       *why;

    if (look_up(v, "well-known", v->well_known,
                "https://%s/.well-known/sealchat.json", &file) != 0)
    {
        return;
    }

    why = sc_claim_of_json(file.p, file.n, &claim);
    free(file.p);
    if (why) {
        wrong(v, "well-known", why);
    } else {
        compare(v, "well-known", &claim);
    }
}

static void
check_dns(struct verify *v)
{
    struct sc_fetched record = { .p = NULL };
    struct sc_claim   claim;
    const char       *why = "not given";
    char              name[300];

    if (v->txt) {
        why = sc_claim_of_txt(v->txt, strlen(v->txt), &claim);
    } else {
        snprintf(name, sizeof(name), "_sealchat.%s",
                 v->domain ? v->domain : "");
        if (v->offline || v->domain == NULL
            || sc_fetch_txt(name, &record, &why) != 0)
        {
            missing(v, "dns", why);
            return;
        }
        why = sc_claim_of_txt(record.p, record.n, &claim);
        free(record.p);
    }

    if (why) {
        wrong(v, "dns", why);
    } else {
        compare(v, "dns", &claim);
    }
}

/* The hash that the browser compares, of the file that it would load. */
static void
check_widget(struct verify *v)
{
    struct sc_fetched file;
    struct sha384_ctx hash;
    uint8_t           digest[SHA384_DIGEST_SIZE];
    char              text[7 + 72] = "sha384-";

    /* src is the page's word, and not always a whole address. */
    if (v->widget == NULL && !v->offline) {
        v->widget = v->claim.widget;
        if (strncmp(v->widget, "http", 4) != 0) {
            missing(v, "widget", "its src is no whole address");
            return;
        }
    }

    if (look_up(v, "widget", v->widget, "%s", &file) != 0) {
        return;
    }

    sha384_init(&hash);
    sha384_update(&hash, file.n, (const uint8_t *) file.p);
    sha384_digest(&hash, sizeof(digest), digest);
    free(file.p);
    sodium_bin2base64(text + 7, sizeof(text) - 7, digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL);

    if (strcmp(text, v->claim.integrity) != 0) {
        wrong(v, "widget", "it does not have the hash that the page names");
    } else {
        good(v, "widget", "it has the hash that the page names");
    }
}

static void
judge_roster(struct verify *v, const struct sc_roster *roster)
{
    uint64_t now = (uint64_t) time(NULL) * 1000;
    char     text[160];

    if (memcmp(roster->cid, v->claim.cid, 32) != 0) {
        wrong(v, "roster", "it is of another key than the page names");
    } else if (roster->generation < v->claim.min_generation) {
        wrong(v, "roster", "it is older than the page allows");
    } else if (now > roster->not_after + SC_CLOCK_TOLERANCE_MS
               || now + SC_CLOCK_TOLERANCE_MS < roster->not_before)
    {
        wrong(v, "roster", "it is over, or not valid yet");
    } else if (roster->generation > v->claim.min_generation) {
        wrong(v, "roster", "the keys were changed since the line was put on "
              "the page: it needs the present one");
    } else {
        snprintf(text, sizeof(text), "version %llu, generation %llu, %u "
                 "device%s, signed by the page's key",
                 (unsigned long long) roster->version,
                 (unsigned long long) roster->generation, roster->n_devices,
                 roster->n_devices == 1 ? "" : "s");
        good(v, "roster", text);
    }
}

static void
check_roster(struct verify *v)
{
    struct sc_fetched bytes;
    struct sc_roster  roster;
    struct sc_bytes   in;
    const char       *why = "not given";
    int               rc = -1;

    if (v->roster) {
        rc = sc_fetch(v->roster, &bytes, &why);
    } else if (!v->offline) {
        rc = sc_fetch_roster(v->claim.service, v->claim.cid, &bytes, &why);
    }

    if (rc != 0) {
        missing(v, "roster", why);
        return;
    }

    in = (struct sc_bytes) { (const uint8_t *) bytes.p, bytes.n };
    why = sc_roster_parse(in, &roster);
    why = why ? why : sc_roster_verify(&roster);
    if (why) {
        wrong(v, "roster", why);
    } else {
        judge_roster(v, &roster);
    }

    free(bytes.p);
}


/* --- the command --------------------------------------------------------- */

static int
verdict(struct verify *v)
{
    const char *word = v->wrong ? "WRONG" : v->missing ? "incomplete"
                                                       : "verified";

    json_object_set_new(v->report, "verdict", json_string(word));

    if (v->ctl->json) {
        sc_ctl_json(v->report);
    } else {
        printf("\n%s%s\n", word,
               v->wrong ? ": do not write there anything that nobody else "
                          "may read"
               : v->missing ? ": nothing contradicts, and something is "
                              "missing to be sure"
               : ": page, file, DNS, widget and service agree");
    }

    json_decref(v->report);
    return v->wrong || v->missing ? SC_CTL_FAILED : SC_CTL_OK;
}

static int
option_of(struct verify *v, const char *name, const char *value)
{
    const struct { const char *name, **to; } options[] = {
        { "--page", &v->page }, { "--well-known", &v->well_known },
        { "--txt", &v->txt }, { "--widget", &v->widget },
        { "--roster", &v->roster },
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (value && strcmp(name, options[i].name) == 0) {
            *options[i].to = value;
            return 0;
        }
    }

    return -1;
}

static int
is_domain(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char) text[i]) && !strchr(".-", text[i])) {
            return 0;
        }
    }

    return n > 0 && n <= 253 && text[0] != '-' && text[0] != '.';
}

int
sc_ctl_verify(const struct sc_ctl *ctl)
{
    struct verify v = { .ctl = ctl };

    for (int i = 0; i < ctl->argc; i++) {
        if (strcmp(ctl->argv[i], "--offline") == 0) {
            v.offline = 1;
        } else if (strncmp(ctl->argv[i], "--", 2) == 0) {
            if (option_of(&v, ctl->argv[i],
                          i + 1 < ctl->argc ? ctl->argv[i + 1] : NULL) != 0)
            {
                return SC_CTL_USAGE;
            }
            i++;
        } else if (v.domain || !is_domain(ctl->argv[i])) {
            return SC_CTL_USAGE;
        } else {
            v.domain = ctl->argv[i];
        }
    }

    if (v.domain == NULL && v.page == NULL) {
        return SC_CTL_USAGE;
    }

    v.report = json_object();
    if (v.report == NULL) {
        return sc_ctl_complain("there is no memory");
    }

    if (check_page(&v) == 0) {
        check_well_known(&v);
        check_dns(&v);
        check_widget(&v);
        check_roster(&v);
    }

    return verdict(&v);
}
