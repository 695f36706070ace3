/* The fields that a parser has to find in a valid thing. */

#include "vectors.h"

void
show_roster(struct sc_bytes bytes)
{
    struct sc_roster r;
    uint8_t          id[32];
    unsigned         i;

    if (sc_roster_parse(bytes, &r) != NULL) {
        return;
    }

    sc_signed_id_of(id, bytes);
    hex("id", id, 32);
    open_object("fields");
    hex("cid", r.cid, 32);
    hex("ik_pk", r.ik_pk, 32);
    number("version", r.version);
    number("generation", r.generation);
    hex("prev", r.prev, 32);
    number("not_before", r.not_before);
    number("not_after", r.not_after);
    number("suite", r.suite);
    hex("kem_pk", r.kem_pk.p, r.kem_pk.n);
    key("devices");
    for (i = 0; i < r.n_devices; i++) {
        fputs(i ? ", " : "[", out);
        print_hex(r.devices + 32 * i, 32);
    }
    fputc(']', out);
    close_object();
}

void
show_hello(struct sc_bytes bytes)
{
    struct sc_hello h;
    uint8_t         id[32], sid[32];

    if (sc_hello_parse(bytes, &h) != NULL || sc_hello_verify(&h, sid)) {
        return;
    }

    sc_signed_id_of(id, bytes);
    hex("id", id, 32);
    hex("sid", sid, 32);
    open_object("fields");
    hex("cid", h.cid, 32);
    number("suite", h.suite);
    hex("sign_pk", h.sign_pk, 32);
    hex("kem_pk", h.kem_pk.p, h.kem_pk.n);
    number("time", h.time);
    hex("roster_id", h.roster_id, 32);
    close_object();
}

void
show_wrap(struct sc_bytes bytes)
{
    struct sc_wrap w;

    if (sc_wrap_parse(bytes, &w) != NULL) {
        return;
    }

    open_object("fields");
    number("kind", w.kind);
    hex("cid", w.cid, 32);
    hex("account_id", w.account_id, 32);
    number("generation", w.generation);
    hex("key_id", w.key_id, 32);
    hex("iv", w.iv, 12);
    hex("ct", w.ct.p, w.ct.n);
    close_object();
}

void
show_account(struct sc_bytes bytes)
{
    struct sc_account a;
    uint8_t           id[32];

    if (sc_account_parse(bytes, &a) != NULL) {
        return;
    }

    sc_signed_id_of(id, bytes);
    hex("id", id, 32);
    open_object("fields");
    hex("cid", a.cid, 32);
    hex("ik_pk", a.ik_pk, 32);
    hex("account_id", a.account_id, 32);
    number("generation", a.generation);
    number("kdf_id", a.kdf_id);
    hex("server_salt", a.server_salt, 16);
    hex("login_pk", a.login_pk, 32);
    hex("recovery_pk", a.recovery_pk, 32);
    hex("recovery_kem", a.recovery_kem, 32);
    hex("roster_id", a.roster_id, 32);
    hex("wraps", a.wraps, 32);
    close_object();
}

void
show_envelope(struct sc_bytes bytes)
{
    struct sc_envelope e;
    uint8_t            id[32];

    if (sc_envelope_parse(bytes, &e) != NULL) {
        return;
    }

    sc_signed_id_of(id, bytes);
    hex("id", id, 32);
    open_object("fields");
    number("type", e.type);
    number("direction", e.direction);
    hex("cid", e.cid, 32);
    hex("sid", e.sid, 32);
    hex("signkey_id", e.signkey_id, 32);
    number("seq", e.seq);
    number("time", e.time);
    hex("prev", e.prev, 32);
    hex("roster_id", e.roster_id, 32);
    hex("commitment", e.commitment, 32);
    number("customer_suite", e.customer.suite);
    hex("customer_kem_id", e.customer.kem_id, 32);
    hex("customer_sealed", e.customer.sealed.p, e.customer.sealed.n);
    number("session_suite", e.session.suite);
    hex("session_kem_id", e.session.kem_id, 32);
    hex("session_sealed", e.session.sealed.p, e.session.sealed.n);
    hex("ct", e.ct.p, e.ct.n);
    close_object();
}
