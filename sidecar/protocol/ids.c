/*
 * Names and numbers derived by hashing.  Composes Nettle's SHA-256 (which
 * uses the processor's instructions for it, where libsodium's does not: every
 * message is hashed once) and libsodium's HMAC-SHA-256, and nothing else;
 * holds no state and no secret of its own.
 */

#include "protocol/ids.h"

#define DOMAIN "SealChat/1 "

size_t
sc_domain_bytes(const char *word)
{
    return sizeof(DOMAIN) - 1 + strlen(word) + 1;
}

void
sc_domain_put(struct sc_writer *w, const char *word)
{
    sc_put_bytes(w, DOMAIN, sizeof(DOMAIN) - 1);
    sc_put_bytes(w, word, strlen(word) + 1);
}

void
sc_hash_begin(sc_hash *hash, const char *word)
{
    sha256_init(hash);
    sc_hash_bytes(hash, DOMAIN, sizeof(DOMAIN) - 1);
    sc_hash_bytes(hash, word, strlen(word) + 1);
}

void
sc_hash_bytes(sc_hash *hash, const void *bytes, size_t n)
{
    sha256_update(hash, n, bytes);
}

void
sc_hash_uint(sc_hash *hash, uint64_t v, size_t n)
{
    uint8_t          bytes[8];
    struct sc_writer w = sc_writer_of(bytes, sizeof(bytes));

    sc_put_uint(&w, v, n);
    sc_hash_bytes(hash, bytes, n);
}

void
sc_hash_end(sc_hash *hash, uint8_t out[32])
{
    sha256_digest(hash, SHA256_DIGEST_SIZE, out);
}

void
sc_cid_of(uint8_t out[32], const uint8_t ik_pk[32])
{
    sc_hash hash;

    sc_hash_begin(&hash, "identity");
    sc_hash_bytes(&hash, ik_pk, 32);
    sc_hash_end(&hash, out);
}

void
sc_sid_of(uint8_t out[32], const uint8_t cid[32], uint8_t suite,
          const uint8_t sign_pk[32], struct sc_bytes kem_pk)
{
    sc_hash hash;

    sc_hash_begin(&hash, "session");
    sc_hash_bytes(&hash, cid, 32);
    sc_hash_uint(&hash, suite, 1);
    sc_hash_bytes(&hash, sign_pk, 32);
    sc_hash_uint(&hash, kem_pk.n, 2);
    sc_hash_bytes(&hash, kem_pk.p, kem_pk.n);
    sc_hash_end(&hash, out);
}

void
sc_signkey_id_of(uint8_t out[32], const uint8_t pk[32])
{
    sc_hash hash;

    sc_hash_begin(&hash, "signkey");
    sc_hash_bytes(&hash, pk, 32);
    sc_hash_end(&hash, out);
}

void
sc_spare_name_of(uint8_t out[32], const uint8_t token[32])
{
    sc_hash hash;

    sc_hash_begin(&hash, "spare");
    sc_hash_bytes(&hash, token, 32);
    sc_hash_end(&hash, out);
}

void
sc_kem_id_of(uint8_t out[32], uint8_t suite, struct sc_bytes kem_pk)
{
    sc_hash hash;

    sc_hash_begin(&hash, "kemkey");
    sc_hash_uint(&hash, suite, 1);
    sc_hash_uint(&hash, kem_pk.n, 2);
    sc_hash_bytes(&hash, kem_pk.p, kem_pk.n);
    sc_hash_end(&hash, out);
}

int
sc_account_id_of(uint8_t out[32], const char *name, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._@+-";
    sc_hash           hash;
    size_t            i;

    if (n < 3 || n > 64) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (memchr(allowed, name[i], sizeof(allowed) - 1) == NULL) {
            return 0;
        }
    }

    sc_hash_begin(&hash, "account");
    sc_hash_bytes(&hash, name, n);
    sc_hash_end(&hash, out);
    return 1;
}

void
sc_signed_id_of(uint8_t out[32], struct sc_bytes thing)
{
    sc_hash hash;

    sc_hash_begin(&hash, "id");
    sc_hash_bytes(&hash, thing.p,
                  thing.n < SC_SIG_BYTES ? 0 : thing.n - SC_SIG_BYTES);
    sc_hash_end(&hash, out);
}

void
sc_wraps_hash(uint8_t out[32], const struct sc_bytes *wraps, size_t n)
{
    sc_hash hash;
    size_t  i;

    sc_hash_begin(&hash, "wraps");
    for (i = 0; i < n; i++) {
        sc_hash_bytes(&hash, wraps[i].p, wraps[i].n);
    }
    sc_hash_end(&hash, out);
}

void
sc_server_salt_of(uint8_t out[SC_SERVER_SALT_BYTES], const uint8_t secret[32],
                  const uint8_t account_id[32])
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];

    crypto_auth_hmacsha256(mac, account_id, 32, secret);
    memcpy(out, mac, SC_SERVER_SALT_BYTES);
    sodium_memzero(mac, sizeof(mac));
}

void
sc_safety_number(char out[SC_SAFETY_TEXT], const uint8_t cid[32],
                 const uint8_t *sid)
{
    static const uint8_t none[32];
    uint8_t              w[32];
    sc_hash              hash;
    uint64_t             v;
    size_t               group, digit;

    sc_hash_begin(&hash, "safety");
    sc_hash_bytes(&hash, cid, 32);
    sc_hash_bytes(&hash, sid ? sid : none, 32);
    sc_hash_end(&hash, w);

    for (group = 0; group < 6; group++) {
        struct sc_reader r = sc_reader_of(w + 5 * group, 5);

        v = sc_get_uint(&r, 5);
        for (digit = 5; digit--; v /= 10) {
            out[6 * group + digit] = (char) ('0' + v % 10);
        }
        out[6 * group + 5] = group == 5 ? '\0' : ' ';
    }
}

void
sc_cid_write(char out[SC_CID_TEXT + 1], const uint8_t cid[32])
{
    sodium_bin2base64(out, SC_CID_TEXT + 1, cid, 32,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* libsodium refuses padding and bits left over, but takes some bytes above
 * 0x7f for digits: so what was read has to be written the same again. */
int
sc_cid_read(uint8_t out[32], const char *text, size_t n)
{
    char   again[SC_CID_TEXT + 1];
    size_t written;

    if (n != SC_CID_TEXT
        || sodium_base642bin(out, 32, text, n, NULL, &written, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0
        || written != 32)
    {
        return 0;
    }

    sc_cid_write(again, out);
    return memcmp(again, text, n) == 0;
}

int
sc_is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    size_t  i;

    for (i = 0; i < n; i++) {
        any |= bytes[i];
    }

    return any == 0;
}
