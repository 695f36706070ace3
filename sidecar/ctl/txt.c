/*
 * Reads what a name server answered, which may be anything.
 */

#include "txt.h"

#include <arpa/nameser.h>
#include <string.h>

#define MARK "v=sealchat1"

/* A record's strings are one text; 1 if it is of SealChat, and fits. */
static int
text_of(ns_rr rr, char out[SC_TXT_MAX])
{
    const uint8_t *p = ns_rr_rdata(rr), *end = p + ns_rr_rdlen(rr);
    size_t         used = 0;

    while (p < end) {
        size_t n = *p++;

        if (n > (size_t) (end - p) || n >= SC_TXT_MAX - used) {
            return 0;
        }
        memcpy(out + used, p, n);
        used += n;
        p += n;
    }

    out[used] = '\0';
    return strncmp(out, MARK, strlen(MARK)) == 0 && strlen(out) == used;
}

const char *
sc_txt_of_answer(const uint8_t *answer, size_t n, char out[SC_TXT_MAX])
{
    ns_msg message;
    ns_rr  rr;

    if (n > NS_MAXMSG || ns_initparse(answer, (int) n, &message) != 0) {
        return "the DNS answers something else";
    }

    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        if (ns_parserr(&message, ns_s_an, i, &rr) == 0
            && ns_rr_type(rr) == ns_t_txt && text_of(rr, out))
        {
            return NULL;
        }
    }

    return "none of the records begins with " MARK;
}
