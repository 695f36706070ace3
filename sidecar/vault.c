/*
 * The vault's keys: their file, and sealing with libsodium's AEAD.  Key bytes
 * lie in libsodium's guarded memory, and nowhere else once a call returned.
 */

#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define WORD       "sealchat-vault-key "
#define LINE_BYTES (sizeof(WORD) - 1 + 2 * SC_VAULT_KEY_BYTES)
#define NONCE_AT   SC_VAULT_ID_BYTES
#define TEXT_AT    (NONCE_AT + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)

_Static_assert(TEXT_AT + crypto_aead_xchacha20poly1305_ietf_ABYTES
               == SC_VAULT_OVERHEAD, "the overhead is what it says");
_Static_assert(SC_VAULT_KEY_BYTES
               == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key's size");

struct key {
    uint8_t id[SC_VAULT_ID_BYTES];
    uint8_t bytes[SC_VAULT_KEY_BYTES];
};

struct sc_vault {
    pthread_mutex_t lock;       /* of what follows */
    size_t          n_keys;
    struct key     *keys;       /* guarded; SC_VAULT_KEYS_MAX of them */
};


/* --- keys ---------------------------------------------------------------- */

static void
name_key(struct key *key)
{
    static const char word[] = "SealChat/1 vault key";

    crypto_generichash(key->id, sizeof(key->id), (const uint8_t *) word,
                       sizeof(word), key->bytes, sizeof(key->bytes));
}


static struct sc_vault *
vault_empty(void)
{
    struct sc_vault *vault = calloc(1, sizeof(*vault));

    if (vault == NULL) {
        return NULL;
    }

    vault->keys = sodium_allocarray(SC_VAULT_KEYS_MAX, sizeof(struct key));
    if (vault->keys == NULL) {
        free(vault);
        return NULL;
    }

    pthread_mutex_init(&vault->lock, NULL);

    return vault;
}


void
sc_vault_free(struct sc_vault *vault)
{
    if (vault) {
        sodium_free(vault->keys);
        pthread_mutex_destroy(&vault->lock);
        free(vault);
    }
}


struct sc_vault *
sc_vault_new(void)
{
    struct sc_vault *vault = vault_empty();

    if (vault) {
        (void) sc_vault_add_key(vault);
    }

    return vault;
}


int
sc_vault_add_key(struct sc_vault *vault)
{
    int rc = -1;

    pthread_mutex_lock(&vault->lock);

    if (vault->n_keys < SC_VAULT_KEYS_MAX) {
        memmove(vault->keys + 1, vault->keys,
                vault->n_keys * sizeof(struct key));
        randombytes_buf(vault->keys[0].bytes, SC_VAULT_KEY_BYTES);
        name_key(&vault->keys[0]);
        vault->n_keys++;
        rc = 0;
    }

    pthread_mutex_unlock(&vault->lock);

    return rc;
}


void
sc_vault_drop_old(struct sc_vault *vault)
{
    pthread_mutex_lock(&vault->lock);
    sodium_memzero(vault->keys + 1,
                   (SC_VAULT_KEYS_MAX - 1) * sizeof(struct key));
    vault->n_keys = vault->n_keys > 0;
    pthread_mutex_unlock(&vault->lock);
}


size_t
sc_vault_n_keys(const struct sc_vault *vault)
{
    return vault->n_keys;
}


/* Under the lock.  NULL: there is none of that id. */
static const struct key *
key_of(const struct sc_vault *vault, const uint8_t *id)
{
    for (size_t i = 0; i < vault->n_keys; i++) {
        if (memcmp(vault->keys[i].id, id, SC_VAULT_ID_BYTES) == 0) {
            return &vault->keys[i];
        }
    }

    return NULL;
}


int
sc_vault_adopt(struct sc_vault *vault, const struct sc_vault *other)
{
    int rc = -1;

    pthread_mutex_lock(&vault->lock);

    if (key_of(other, vault->keys[0].id)) {
        memcpy(vault->keys, other->keys,
               SC_VAULT_KEYS_MAX * sizeof(struct key));
        vault->n_keys = other->n_keys;
        rc = 0;
    }

    pthread_mutex_unlock(&vault->lock);

    return rc;
}


void
sc_vault_present(struct sc_vault *vault, uint8_t id[SC_VAULT_ID_BYTES])
{
    pthread_mutex_lock(&vault->lock);
    memcpy(id, vault->keys[0].id, SC_VAULT_ID_BYTES);
    pthread_mutex_unlock(&vault->lock);
}


int
sc_vault_knows(struct sc_vault *vault, const uint8_t id[SC_VAULT_ID_BYTES])
{
    int known;

    pthread_mutex_lock(&vault->lock);
    known = key_of(vault, id) != NULL;
    pthread_mutex_unlock(&vault->lock);

    return known;
}


/* --- the file's text ----------------------------------------------------- */

/* One line without its newline.  NULL, or what is wrong. */
static const char *
take_line(struct sc_vault *vault, const char *line, size_t n)
{
    struct key *key = &vault->keys[vault->n_keys];
    size_t      got = 0;

    if (n == 0 || line[0] == '#') {
        return NULL;
    }

    if (vault->n_keys == SC_VAULT_KEYS_MAX) {
        return "too many keys";
    }

    if (n != LINE_BYTES || memcmp(line, WORD, sizeof(WORD) - 1) != 0
        || sodium_hex2bin(key->bytes, sizeof(key->bytes),
                          line + sizeof(WORD) - 1, 2 * SC_VAULT_KEY_BYTES,
                          NULL, &got, NULL) != 0
        || got != SC_VAULT_KEY_BYTES)
    {
        return "not a line of the form \"" WORD "<64 hexadecimal digits>\"";
    }

    name_key(key);
    if (key_of(vault, key->id)) {
        return "a key that stands twice";
    }

    vault->n_keys++;

    return NULL;
}


struct sc_vault *
sc_vault_parse(const char *text, size_t n, char *why, size_t why_size)
{
    struct sc_vault *vault = vault_empty();
    const char      *wrong = vault ? NULL : "no memory", *end;
    unsigned         line = 0;
    size_t           length;

    while (wrong == NULL && n > 0) {
        end = memchr(text, '\n', n);
        length = end ? (size_t) (end - text) : n;
        wrong = take_line(vault, text, length);
        line++;

        length += end != NULL;
        text += length;
        n -= length;
    }

    if (wrong == NULL && vault->n_keys == 0) {
        wrong = "no key in it";
    }

    if (wrong) {
        snprintf(why, why_size, "line %u: %s", line, wrong);
        sc_vault_free(vault);
        return NULL;
    }

    return vault;
}


/* --- the file ------------------------------------------------------------ */

/* NULL, or why this is no file to keep keys in. */
static const char *
too_open(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return strerror(errno);
    }

    if (!S_ISREG(st.st_mode)) {
        return "it is no regular file";
    }

    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return "it belongs to neither root nor sealchatd's user";
    }

    if (st.st_mode & 077) {
        return "others than its owner may read or write it: chmod 600";
    }

    return NULL;
}


struct sc_vault *
sc_vault_read(int fd, const char *file, char *why, size_t why_size)
{
    struct sc_vault *vault = NULL;
    const char      *wrong = too_open(fd);
    char            *text, detail[200];
    ssize_t          n = -1;

    text = sodium_malloc(SC_VAULT_FILE_MAX);
    if (wrong == NULL && text) {
        n = pread(fd, text, SC_VAULT_FILE_MAX, 0);
        wrong = n < 0 ? strerror(errno)
                : n == SC_VAULT_FILE_MAX ? "it is too long" : NULL;
    }

    if (wrong == NULL && text) {
        vault = sc_vault_parse(text, (size_t) n, detail, sizeof(detail));
        wrong = detail;
    }

    sodium_free(text);

    if (vault == NULL) {
        snprintf(why, why_size, "the vault's key file %s: %s", file,
                 wrong ? wrong : "no memory");
    }

    return vault;
}


struct sc_vault *
sc_vault_load(const char *file, char *why, size_t why_size)
{
    struct sc_vault *vault;
    int              fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int              error = errno;

    if (fd < 0) {
        snprintf(why, why_size, "the vault's key file %s: %s", file,
                 error == ELOOP ? "it is a symbolic link" : strerror(error));
        errno = error;
        return NULL;
    }

    vault = sc_vault_read(fd, file, why, why_size);
    (void) close(fd);
    errno = 0;

    return vault;
}


static int
write_keys(const struct sc_vault *vault, int fd)
{
    static const char note[] =
        "# Keys of SealChat's vault. Without them nobody can log in with a\n"
        "# password or a recovery code: back this file up, and not beside "
        "the store.\n";

    char *line;
    int   rc = write(fd, note, sizeof(note) - 1) == sizeof(note) - 1 ? 0 : -1;

    line = sodium_malloc(LINE_BYTES + 1);
    if (line == NULL) {
        errno = ENOMEM;
        return -1;
    }

    for (size_t i = 0; rc == 0 && i < vault->n_keys; i++) {
        memcpy(line, WORD, sizeof(WORD) - 1);
        sodium_bin2hex(line + sizeof(WORD) - 1, 2 * SC_VAULT_KEY_BYTES + 1,
                       vault->keys[i].bytes, SC_VAULT_KEY_BYTES);
        line[LINE_BYTES] = '\n';
        rc = write(fd, line, LINE_BYTES + 1) == LINE_BYTES + 1 ? 0 : -1;
    }

    sodium_free(line);

    return rc == 0 ? fsync(fd) : -1;
}


static int
sync_parent(const char *file)
{
    char  parent[PATH_MAX];
    char *slash;
    int   fd, rc;

    snprintf(parent, sizeof(parent), "%s", file);
    slash = strrchr(parent, '/');
    if (slash) {
        slash[slash == parent] = '\0';
    } else {
        strcpy(parent, ".");
    }

    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        (void) close(fd);
    }

    return rc;
}


static int
keep_owner(int fd, const char *file)
{
    struct stat st;

    if (stat(file, &st) != 0 || st.st_uid == geteuid()) {
        return 0;
    }

    return fchown(fd, st.st_uid, st.st_gid);
}


int
sc_vault_save(const struct sc_vault *vault, const char *file, int replace,
              char *why, size_t why_size)
{
    char path[PATH_MAX];
    int  fd, rc, error;

    if ((size_t) snprintf(path, sizeof(path), "%s.new", file) >= sizeof(path))
    {
        snprintf(why, why_size, "the path of the vault's key file is too "
                 "long");
        return -1;
    }

    (void) unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    rc = fd < 0 ? -1 : write_keys(vault, fd);
    if (rc == 0 && replace) {
        rc = keep_owner(fd, file);
    }
    if (rc == 0) {
        rc = replace ? rename(path, file) : link(path, file);
    }

    error = errno;
    if (fd >= 0) {
        (void) close(fd);
        (void) unlink(path);
    }

    if (rc != 0 || sync_parent(file) != 0) {
        snprintf(why, why_size, "could not write the vault's key file %s: %s",
                 file, strerror(rc != 0 ? error : errno));
        return -1;
    }

    return 0;
}


/* --- sealing ------------------------------------------------------------- */

void
sc_vault_seal(struct sc_vault *vault, const void *about, size_t about_n,
              const uint8_t *plain, size_t n, uint8_t *out)
{
    pthread_mutex_lock(&vault->lock);

    memcpy(out, vault->keys[0].id, SC_VAULT_ID_BYTES);
    randombytes_buf(out + NONCE_AT, TEXT_AT - NONCE_AT);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + TEXT_AT, NULL, plain, n,
                                               about, about_n, NULL,
                                               out + NONCE_AT,
                                               vault->keys[0].bytes);

    pthread_mutex_unlock(&vault->lock);
}


int
sc_vault_unseal(struct sc_vault *vault, const void *about, size_t about_n,
                const uint8_t *sealed, size_t n, uint8_t *out)
{
    const struct key *key;
    int               rc = -1;

    if (n < SC_VAULT_OVERHEAD) {
        return -1;
    }

    pthread_mutex_lock(&vault->lock);

    key = key_of(vault, sealed);
    if (key) {
        rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
                 out, NULL, NULL, sealed + TEXT_AT, n - TEXT_AT,
                 about, about_n, sealed + NONCE_AT, key->bytes);
    }

    pthread_mutex_unlock(&vault->lock);

    return rc;
}


int
sc_vault_is_present(struct sc_vault *vault, const uint8_t *sealed, size_t n)
{
    int present;

    pthread_mutex_lock(&vault->lock);
    present = n >= SC_VAULT_OVERHEAD
              && memcmp(sealed, vault->keys[0].id, SC_VAULT_ID_BYTES) == 0;
    pthread_mutex_unlock(&vault->lock);

    return present;
}
