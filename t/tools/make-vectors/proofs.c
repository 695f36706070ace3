/* Ids, proofs of identity, signatures. */

#include "vectors.h"

void
ids(void)
{
    static const char *const names[] = {
        "abc", "shop@example.org", "a_b.c+d-e",
        "0123456789012345678901234567890123456789012345678901234567890123"
    };
    static const uint32_t lengths[] = {
        2, 9, 255, 256, 257, 300, 512, 1025, 5000, 16389, 16646, 17408, 65535
    };
    struct sc_bytes kem[2] = { sample_kem(&world, 1), sample_kem(&world, 2) };
    char            shown[SC_CID_TEXT + 1];
    char            digits[SC_SAFETY_TEXT];
    uint8_t         id[32];
    size_t          i;

    file_begin("ids");

    entry("cid", NULL, NULL);
    hex("ik_pk", world.ik.pk, 32);
    hex("cid", world.cid, 32);
    sc_cid_write(shown, world.cid);
    text("text", shown);
    entry_end();

    entry("signkey_id", NULL, NULL);
    hex("pk", world.session.pk, 32);
    hex("signkey_id", world.session.id, 32);
    entry_end();

    for (i = 0; i < 2; i++) {
        entry("kem_id", NULL, NULL);
        number("suite", i + 1);
        hex("kem_pk", kem[i].p, kem[i].n);
        sc_kem_id_of(id, (uint8_t) (i + 1), kem[i]);
        hex("kem_id", id, 32);
        entry_end();

        entry("sid", NULL, NULL);
        hex("cid", world.cid, 32);
        number("suite", i + 1);
        hex("sign_pk", world.session.pk, 32);
        hex("kem_pk", kem[i].p, kem[i].n);
        sc_sid_of(id, world.cid, (uint8_t) (i + 1), world.session.pk, kem[i]);
        hex("sid", id, 32);
        entry_end();

        entry("safety", NULL, NULL);
        hex("cid", world.cid, 32);
        if (i) {
            hex("sid", id, 32);
        }
        sc_safety_number(digits, world.cid, i ? id : NULL);
        text("number", digits);
        entry_end();
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        entry("account_id", NULL, NULL);
        text("account", names[i]);
        sc_account_id_of(id, names[i], strlen(names[i]));
        hex("account_id", id, 32);
        entry_end();
    }

    entry("server_salt", NULL, NULL);
    hex("secret", world.noise, 32);
    hex("account_id", world.account_id, 32);
    sc_server_salt_of(id, world.noise, world.account_id);
    hex("server_salt", id, 16);
    entry_end();

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        entry("padme", NULL, NULL);
        number("n", lengths[i]);
        number("padded", sc_padme(lengths[i]));
        entry_end();
    }

    sc_cid_write(shown, world.cid);
    shown[42] = (char) (shown[42] + 1);
    entry("cid", "text", "bits left over");
    text("text", shown);
    entry_end();
    sc_cid_write(shown, world.cid);
    shown[42] = '\0';
    entry("cid", "text", "too short");
    text("text", shown);
    entry_end();
    shown[42] = '=';
    entry("cid", "text", "padding");
    text("text", shown);
    entry_end();
    shown[42] = 'A';
    shown[7] = '+';
    entry("cid", "text", "not of the alphabet");
    text("text", shown);
    entry_end();
    file_end();
}

static void
auth_entry(const char *name, const char *fails,
           const struct sc_auth_claim *claim, const char *origin,
           const uint8_t pk[32], const uint8_t sig[64])
{
    uint8_t message[SC_AUTH_MESSAGE_MAX];

    entry(name, fails, "signed something else");
    number("role", claim->role);
    text("origin", origin);
    hex("challenge", claim->challenge, 32);
    hex("subject", claim->subject, 32);
    if (claim->role == SC_ROLE_REGISTRATION) {
        hex("invitation", claim->invitation, 16);
    }
    hex("message", message, sc_auth_message(message, claim));
    hex("pk", pk, 32);
    hex("sig", sig, 64);
    entry_end();
}

void
auth(void)
{
    static const char *const roles[] = {
        "none", "visitor", "device", "password", "recovery", "registration"
    };
    static const char    origin[] = "https://chat.example.org";
    static const char    elsewhere[] = "https://chat.example.net";
    uint8_t              hash[32], other[32], sig[64];
    struct sc_auth_claim claim = {
        0, hash, world.noise, world.noise + 32, world.noise + 64
    };

    sc_origin_hash(hash, origin, strlen(origin));
    sc_origin_hash(other, elsewhere, strlen(elsewhere));
    file_begin("auth");

    for (claim.role = 1; claim.role <= 5; claim.role++) {
        sc_auth_sign(sig, &claim, world.session.sk);
        auth_entry(roles[claim.role], NULL, &claim, origin, world.session.pk,
                   sig);
    }

    claim.role = SC_ROLE_VISITOR;
    sc_auth_sign(sig, &claim, world.session.sk);
    auth_entry("another key", "verify", &claim, origin, world.ik.pk, sig);
    claim.role = SC_ROLE_DEVICE;
    auth_entry("another role", "verify", &claim, origin, world.session.pk,
               sig);
    claim.role = SC_ROLE_VISITOR;
    claim.origin_hash = other;
    auth_entry("another origin", "verify", &claim, elsewhere,
               world.session.pk, sig);
    claim.origin_hash = hash;
    claim.challenge = world.noise + 1;
    auth_entry("another challenge", "verify", &claim, origin,
               world.session.pk, sig);
    claim.challenge = world.noise;
    claim.subject = world.noise + 33;
    auth_entry("another subject", "verify", &claim, origin,
               world.session.pk, sig);
    claim.subject = world.noise + 32;
    claim.role = SC_ROLE_REGISTRATION;
    sc_auth_sign(sig, &claim, world.session.sk);
    claim.invitation = world.noise + 65;
    auth_entry("another invitation", "verify", &claim, origin,
               world.session.pk, sig);
    file_end();
}

static void
puzzle_entry(const char *name, const char *fails, const uint8_t *subject,
             unsigned bits, uint64_t n)
{
    entry(name, fails, "solves another one");
    hex("challenge", world.noise, 32);
    hex("subject", subject, 32);
    number("bits", bits);
    number("n", n);
    entry_end();
}

/* Valid ones are the least numbers that solve theirs. */
void
puzzle(void)
{
    static const unsigned all[] = { 0, 1, 7, 8, 9, 12, 16 };

    const uint8_t *subject = world.noise + 32;
    uint64_t       n;
    char           name[32];

    file_begin("puzzle");

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(name, sizeof(name), "%u bits", all[i]);
        puzzle_entry(name, NULL, subject, all[i],
                     sc_puzzle_solve(world.noise, subject, all[i]));
    }

    n = sc_puzzle_solve(world.noise, subject, 12);
    puzzle_entry("another subject", "verify", subject + 1, 12, n);
    puzzle_entry("a number more", "verify", subject, 12, n + 1);
    puzzle_entry("its upper half", "verify", subject, 12, n | 1ull << 40);

    n = 0;
    while (!sc_puzzle_solved(world.noise, subject, n, 11)
           || sc_puzzle_solved(world.noise, subject, n, 12))
    {
        n++;
    }
    puzzle_entry("a bit too few", "verify", subject, 12, n);
    file_end();
}

void
ed25519(void)
{
    static const char *const accepted[] = {
        "SB = R + hA holds", "8SB = 8R + 8hA holds", "nothing holds"
    };
    static struct forged forged[FORGED_MAX];
    size_t               n = forge_all(forged), i;

    file_begin("ed25519");
    for (i = 0; i < n; i++) {
        const struct forged *f = &forged[i];

        entry(f->name, f->valid ? NULL : "verify", accepted[f->accepted]);
        hex("pk", f->pk, 32);
        hex("message", f->msg, f->n);
        hex("sig", f->sig, 64);
        entry_end();
    }
    file_end();
}
