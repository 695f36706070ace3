/*
 * The snippet, the JSON file and the TXT record, as claims.  An attribute or a
 * field that is there twice, or does not have its form, makes the whole
 * unusable: a claim that can be read in two ways is none.
 */

#define _GNU_SOURCE   /* memmem() */

#include "claims.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include <sealchat/limits.h>

#include "protocol/ids.h"

/* A run of text inside another. */
struct span {
    const char *p;
    size_t      n;
};

static int
is(struct span s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static const char *
set_cid(struct sc_claim *out, struct span s)
{
    return sc_cid_read(out->cid, s.p, s.n)
           ? NULL : "its customer id is not 43 characters of base64url";
}

static const char *
set_generation(struct sc_claim *out, struct span s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || n > SC_NUMBER_MAX / 10) {
            return "its least generation is no number";
        }
        n = 10 * n + (uint64_t) (s.p[i] - '0');
    }

    out->min_generation = n;
    return s.n && n >= 1 && n <= SC_NUMBER_MAX
           ? NULL : "its least generation is no number from 1";
}

static const char *
set_text(char to[SC_CLAIM_TEXT], struct span s)
{
    if (s.n == 0 || s.n >= SC_CLAIM_TEXT || memchr(s.p, '\0', s.n)) {
        return "one of its values is empty or far too long";
    }

    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return NULL;
}

/* A field that this program knows; seen says which were there before. */
static const char *
set_field(struct sc_claim *out, unsigned *seen, struct span name,
          struct span value)
{
    static const char *const names[][2] = {
        { "data-cid", "cid" }, { "data-min-generation", "min-generation" },
        { "data-service", "service" }, { "src", "" }, { "integrity", "" },
    };
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is(name, names[i][0]) || (name.n && is(name, names[i][1]))) {
            break;
        }
    }

    if (i < 5 && *seen & 1u << i) {
        return "it says one thing twice";
    }
    *seen |= 1u << i;

    switch (i) {
    case 0:  return set_cid(out, value);
    case 1:  return set_generation(out, value);
    case 2:  return set_text(out->service, value);
    case 3:  return set_text(out->widget, value);
    case 4:  return set_text(out->integrity, value);
    default: return NULL;
    }
}

static void
claim_init(struct sc_claim *out)
{
    memset(out, 0, sizeof(*out));
    out->min_generation = 1;
}


/* --- the page ------------------------------------------------------------ */

static const char *
skip_space(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char) *p)) {
        p++;
    }
    return p;
}

/* The next attribute of a tag; 0 at its end.  *at moves behind it. */
static int
next_attribute(const char **at, const char *end, struct span *name,
               struct span *value)
{
    const char *p = skip_space(*at, end);
    char        quote = 0;

    while (p < end && *p == '/') {
        p = skip_space(p + 1, end);
    }

    name->p = p;
    while (p < end && !isspace((unsigned char) *p) && !strchr("=>/", *p)) {
        p++;
    }
    name->n = (size_t) (p - name->p);
    *value = (struct span) { p, 0 };

    p = skip_space(p, end);
    if (p < end && *p == '=' && name->n) {
        p = skip_space(p + 1, end);
        if (p < end && (*p == '"' || *p == '\'')) {
            quote = *p++;
        }
        value->p = p;
        while (p < end && (quote ? *p != quote
                                 : *p != '>' && !isspace((unsigned char) *p)))
        {
            p++;
        }
        value->n = (size_t) (p - value->p);
        p += quote && p < end;
    } else if (p < end && *p == '=') {
        p++;
    }

    *at = p;
    return name->n > 0;
}

/* The attributes of one script tag, from behind its name. */
static const char *
claim_of_tag(const char **at, const char *end, struct sc_claim *out,
             unsigned *seen)
{
    struct span name, value;
    const char *wrong = NULL, *found;

    claim_init(out);
    *seen = 0;

    while (next_attribute(at, end, &name, &value)) {
        found = set_field(out, seen, name, value);
        wrong = wrong ? wrong : found;
    }

    return wrong;
}

static const char *
next_tag(const char *p, const char *end)
{
    for ( ; end - p > 7; p++) {
        if (end - p > 4 && memcmp(p, "<!--", 4) == 0) {
            p = memmem(p, (size_t) (end - p), "-->", 3);
            if (p == NULL) {
                return NULL;
            }
        } else if (strncasecmp(p, "<script", 7) == 0
                   && (isspace((unsigned char) p[7]) || p[7] == '/'
                       || p[7] == '>'))
        {
            return p + 7;
        }
    }

    return NULL;
}

/* What a script says is no markup. */
static const char *
skip_script(const char *p, const char *end)
{
    while (end - p > 8 && strncasecmp(p, "</script", 8) != 0) {
        p++;
    }
    return p;
}

const char *
sc_claim_of_page(const char *html, size_t n, struct sc_claim *out)
{
    const char     *p = html, *end = html + n, *wrong;
    struct sc_claim claim;
    unsigned        seen, found = 0;

    while ((p = next_tag(p, end)) != NULL) {
        wrong = claim_of_tag(&p, end, &claim, &seen);
        p = skip_script(p, end);
        if ((seen & 1) == 0) {
            continue;
        }
        if (wrong) {
            return wrong;
        }
        if (found++) {
            return "it has more than one snippet";
        }
        *out = claim;
    }

    if (found == 0) {
        return "it has no snippet";
    }

    if (out->widget[0] == '\0' || out->integrity[0] == '\0'
        || out->service[0] == '\0')
    {
        return "its snippet lacks src, integrity or data-service";
    }

    return NULL;
}


/* --- the file and the record --------------------------------------------- */

const char *
sc_claim_of_json(const char *text, size_t n, struct sc_claim *out)
{
    json_error_t error;
    json_t      *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    json_t      *generation = json_object_get(root, "min_generation");
    const char  *cid = json_string_value(json_object_get(root, "cid"));
    const char  *service = json_string_value(json_object_get(root, "service"));
    const char  *wrong = NULL;

    claim_init(out);

    if (root == NULL || cid == NULL) {
        wrong = "it is no JSON object with a cid";
    } else {
        wrong = set_cid(out, (struct span) { cid, strlen(cid) });
    }

    if (wrong == NULL && service) {
        wrong = set_text(out->service,
                         (struct span) { service, strlen(service) });
    }

    if (wrong == NULL && generation) {
        json_int_t g = json_integer_value(generation);

        out->min_generation = (uint64_t) g;
        wrong = g >= 1 && (uint64_t) g <= SC_NUMBER_MAX
                ? NULL : "its least generation is no number from 1";
    }

    json_decref(root);
    return wrong;
}

/* v=sealchat1 cid=... [min-generation=...] [service=...], parted by spaces. */
const char *
sc_claim_of_txt(const char *text, size_t n, struct sc_claim *out)
{
    const char *p = skip_space(text, text + n), *end = text + n, *wrong = NULL;
    unsigned    seen = 0;

    claim_init(out);

    if (end - p < 11 || strncmp(p, "v=sealchat1", 11) != 0) {
        return "it is no record of SealChat";
    }

    for (p += 11; wrong == NULL && (p = skip_space(p, end)) < end; ) {
        struct span name = { p, 0 }, value;

        while (p < end && *p != '=' && !isspace((unsigned char) *p)) {
            p++;
        }
        name.n = (size_t) (p - name.p);
        value.p = p += p < end && *p == '=';
        while (p < end && !isspace((unsigned char) *p)) {
            p++;
        }
        value.n = (size_t) (p - value.p);
        wrong = set_field(out, &seen, name, value);
    }

    if (wrong == NULL && (seen & 1) == 0) {
        wrong = "it has no cid";
    }

    return wrong;
}
