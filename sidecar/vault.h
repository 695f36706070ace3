/*
 * The vault's keys: under what wrap records lie in the store, so that whoever
 * gets the store alone has nothing to guess passwords against.
 *
 * The keys stand in a file outside the store, one a line:
 *
 *     sealchat-vault-key <64 hexadecimal digits>
 *
 * Lines that begin with # are comments.  The first key seals, all of them
 * open.  A sealed record says which key it needs by the key's id, a hash:
 *
 *     key_id:8 nonce:24 ciphertext tag:16       XChaCha20-Poly1305
 *
 * Functions that take a vault may be called by any thread.
 */

#ifndef SEALCHAT_VAULT_H
#define SEALCHAT_VAULT_H

#include <stddef.h>
#include <stdint.h>

#define SC_VAULT_KEYS_MAX   4u
#define SC_VAULT_KEY_BYTES  32u
#define SC_VAULT_ID_BYTES   8u
#define SC_VAULT_OVERHEAD   48u
#define SC_VAULT_FILE_MAX   4096u

struct sc_vault;

/* A vault of one key that was just drawn.  NULL when there is no memory. */
struct sc_vault *sc_vault_new(void);
void sc_vault_free(struct sc_vault *vault);

/* Reads the text of a key file.  NULL, and a sentence in why[]. */
struct sc_vault *sc_vault_parse(const char *text, size_t n,
                                char *why, size_t why_size);

/*
 * The same from a file, which must be a regular one that nobody but its owner
 * may read or write, the owner being root or whoever runs us.  file names it
 * in why[].
 */
struct sc_vault *sc_vault_read(int fd, const char *file,
                               char *why, size_t why_size);

/* Opens a key file and reads it.  NULL with errno ENOENT: there is none. */
struct sc_vault *sc_vault_load(const char *file, char *why, size_t why_size);

/*
 * Writes all keys to a file of mode 0600 and makes it durable: a new one, or
 * in the place of one that is there, whose owner stays, when replace is set.
 * 0, or -1 and a sentence in why[].
 */
int sc_vault_save(const struct sc_vault *vault, const char *file, int replace,
                  char *why, size_t why_size);

/* Draws one more key, which seals from now on.  0, or -1: there is no room. */
int sc_vault_add_key(struct sc_vault *vault);

/* Keeps the key that seals and forgets the others. */
void sc_vault_drop_old(struct sc_vault *vault);

size_t sc_vault_n_keys(const struct sc_vault *vault);

/* Takes over the keys of another vault; it must know the present key of this
 * one.  0, or -1: it does not, and nothing was changed. */
int sc_vault_adopt(struct sc_vault *vault, const struct sc_vault *other);

/* The id of the key that seals; whether there is a key of that id. */
void sc_vault_present(struct sc_vault *vault, uint8_t id[SC_VAULT_ID_BYTES]);
int  sc_vault_knows(struct sc_vault *vault,
                    const uint8_t id[SC_VAULT_ID_BYTES]);

/* Seals n bytes into out, n + SC_VAULT_OVERHEAD bytes.  about is what the
 * record is for; it opens for the same alone. */
void sc_vault_seal(struct sc_vault *vault, const void *about, size_t about_n,
                   const uint8_t *plain, size_t n, uint8_t *out);

/* Opens n bytes into out, n - SC_VAULT_OVERHEAD bytes.  0, or -1: it is no
 * sealed record, of another key, for something else, or was changed. */
int sc_vault_unseal(struct sc_vault *vault, const void *about,
                    size_t about_n, const uint8_t *sealed, size_t n,
                    uint8_t *out);

/* Whether the record lies under the key that seals now. */
int sc_vault_is_present(struct sc_vault *vault, const uint8_t *sealed,
                        size_t n);

#endif
