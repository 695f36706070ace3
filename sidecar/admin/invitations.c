/*
 * Invitations: made here, told once, and known by their name after that.
 */

#include <string.h>

#include "../invitation.h"
#include "../protocol/ids.h"
#include "commands.h"

#define PAGE      32
#define DAYS_MAX  3650u
#define DAY_MS    86400000ull


void
sc_admin_invitations(struct sc_admin_exchange *exchange)
{
    struct sc_invitation page[PAGE];
    uint8_t              last[32];
    char                 name[SC_CID_TEXT + 1], cid[SC_CID_TEXT + 1];
    json_int_t           count = 0;
    int                  n;

    do {
        n = sc_store_invitations(exchange->service->store,
                                 count ? last : NULL, page, PAGE);
        for (int i = 0; i < n; i++) {
            sc_cid_write(name, page[i].name);
            sc_cid_write(cid, page[i].cid);
            (void) sc_admin_say(exchange, json_pack(
                "{s:s, s:s, s:I, s:I, s:I, s:s}",
                "name", name, "label", page[i].label,
                "made_ms", (json_int_t) page[i].time,
                "expires_ms", (json_int_t) page[i].expires,
                "used_ms", (json_int_t) page[i].used,
                "cid", page[i].used ? cid : ""));
            count++;
        }

        if (n > 0) {
            memcpy(last, page[n - 1].name, sizeof(last));
        }
    } while (n == PAGE && !sc_admin_gone(exchange));

    if (n < 0) {
        sc_admin_fail_code(exchange, SC_E_STORAGE_FAILED);
        return;
    }

    sc_admin_ok(exchange, json_pack("{s:I}", "invitations", count));
}


void
sc_admin_invite(struct sc_admin_exchange *exchange)
{
    const char         *days = sc_admin_arg(&exchange->request, "days");
    const char         *label = sc_admin_arg(&exchange->request, "label");
    uint8_t             invitation[SC_INVITATION_BYTES], name[32];
    char                text[2 * SC_INVITATION_BYTES + 1];
    char                name_text[SC_CID_TEXT + 1];
    uint64_t            n = 0;
    enum sc_error_code  code;
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_INVITE,
        .invite = { .name = name, .time = sc_service_time() }
    } };

    if ((days && (!sc_admin_number(days, DAYS_MAX, &n) || n == 0))
        || (label && strlen(label) > SC_LABEL_MAX))
    {
        sc_admin_fail(exchange, "bad-request", "days is 1 to %u, and label "
                      "has at most %u characters.", DAYS_MAX, SC_LABEL_MAX);
        return;
    }

    if (n) {
        op.op.invite.expires = op.op.invite.time + n * DAY_MS;
    }
    if (label) {
        op.op.invite.label.p = (const uint8_t *) label;
        op.op.invite.label.n = strlen(label);
    }

    randombytes_buf(invitation, sizeof(invitation));
    sc_invitation_name(name, invitation);
    code = sc_admin_apply(exchange, &op, NULL, NULL);

    if (code != SC_E_NONE) {
        sc_admin_fail_code(exchange, code);
    } else {
        sodium_bin2hex(text, sizeof(text), invitation, sizeof(invitation));
        sc_cid_write(name_text, name);
        sc_admin_ok(exchange, json_pack(
            "{s:s, s:s, s:I}", "invitation", text, "name", name_text,
            "expires_ms", (json_int_t) op.op.invite.expires));
    }

    sodium_memzero(invitation, sizeof(invitation));
    sodium_memzero(text, sizeof(text));
}


void
sc_admin_revoke(struct sc_admin_exchange *exchange)
{
    const char         *text = sc_admin_arg(&exchange->request, "name");
    uint8_t             name[32];
    enum sc_error_code  code;
    struct sc_commit_op op = { .op = {
        .kind = SC_OP_REVOKE, .revoke = { .name = name }
    } };

    if (text == NULL || !sc_cid_read(name, text, strlen(text))) {
        sc_admin_fail(exchange, "bad-request", "name is an invitation's, as "
                      "it was told and is listed.");
        return;
    }

    code = sc_admin_apply(exchange, &op, NULL, NULL);
    if (code != SC_E_NONE) {
        sc_admin_fail_code(exchange, code);
        return;
    }

    sc_admin_ok(exchange, NULL);
}
